import os
import stat

import pytest

from baleen.runtime.copy_up import copy_tree


@pytest.fixture
def trees(tmp_path):
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    return tmp_path / "source", tmp_path / "target"


def copy(source, target):
    fds = [os.open(path, os.O_RDONLY) for path in (source, target)]
    try:
        copy_tree(*fds)
    finally:
        for fd in fds:
            os.close(fd)


def test_everything_is_there_with_its_mode_and_time(trees):
    source, target = trees
    (source / "a/b").mkdir(parents=True)
    (source / "a/b/file").write_bytes(b"x" * 3_000_000)
    (source / "a/b/file").chmod(0o4751)
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "fifo", 0o622)
    os.utime(source / "a/b/file", ns=(1, 2))
    os.utime(source / "link", ns=(3, 4), follow_symlinks=False)
    (source / "a").chmod(0o1777)
    os.utime(source / "a", ns=(5, 6))
    source.chmod(0o750)
    copy(source, target)
    assert (target / "a/b/file").read_bytes() == b"x" * 3_000_000
    assert os.readlink(target / "link") == "/etc/passwd"
    assert stat.S_ISFIFO((target / "fifo").lstat().st_mode)
    for name in ("", "a", "a/b", "a/b/file", "link", "fifo"):
        one, other = (source / name).lstat(), (target / name).lstat()
        assert (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)
        assert one.st_mtime_ns == other.st_mtime_ns


def test_links_are_not_followed(trees, tmp_path):
    source, target = trees
    (tmp_path / "secret").write_text("secret")
    (source / "file").symlink_to(tmp_path / "secret")
    (source / "dir").symlink_to(tmp_path)
    copy(source, target)
    assert [path.is_symlink() for path in sorted(target.iterdir())] == [True, True]


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
def test_owners_devices_and_capabilities_are_kept(trees):
    source, target = trees
    (source / "file").write_text("x")
    os.chown(source / "file", 5, 6)
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(source / "file", "security.capability", capability)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chown(source, 7, 8)
    copy(source, target)
    found = (target / "file").stat()
    assert (found.st_uid, found.st_gid) == (5, 6)
    assert os.getxattr(target / "file", "security.capability") == capability
    assert (target / "null").stat().st_rdev == os.makedev(1, 3)
    assert (target.stat().st_uid, target.stat().st_gid) == (7, 8)
