"""One entry becomes one file, exclusively, or an error that names it."""

import errno
import os
import stat

import pytest

from baleen.archive import files
from baleen.archive.entry import Entry, EntryType
from baleen.errors import InvalidArgument, PermissionDenied, ResourceExhausted


@pytest.fixture
def place(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def entry(kind, **fields):
    return Entry(
        name=b"e", type=kind, **{"uid": os.getuid(), "gid": os.getgid(), "mode": 0o640, **fields}
    )


def test_a_file_with_all_it_has(place, tmp_path):
    made = entry(EntryType.FILE, mode=0o4750, mtime_ns=1_500_000_000, xattrs={"user.a": b"1"})
    files.create(place, b"f", made, [b"ab", memoryview(b"cd")])
    info = (tmp_path / "f").stat()
    assert (tmp_path / "f").read_bytes() == b"abcd"
    assert (stat.S_IMODE(info.st_mode), info.st_mtime_ns) == (0o4750, 1_500_000_000)
    assert files.read_xattrs(str(tmp_path / "f")) == {"user.a": b"1"}


def test_links_and_fifos_are_not_opened(place, tmp_path):
    files.create(place, b"s", entry(EntryType.SYMLINK, linkname=b"/nowhere", mtime_ns=7), [])
    files.create(place, b"p", entry(EntryType.FIFO), [])
    assert os.readlink(tmp_path / "s") == "/nowhere"
    assert (tmp_path / "s").lstat().st_mtime_ns == 7
    assert stat.S_ISFIFO((tmp_path / "p").stat().st_mode)


def test_what_exists_is_not_written_to(place, tmp_path):
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / "s").symlink_to("victim")
    with pytest.raises(FileExistsError):
        files.create(place, b"s", entry(EntryType.FILE), [b"evil"])
    assert (tmp_path / "victim").read_bytes() == b"safe"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (entry(EntryType.CHAR), "0:0"),
        (entry(EntryType.BLOCK, major=1 << 12), "out of range"),
        (entry(EntryType.CHAR, minor=1 << 20), "out of range"),
        (entry(EntryType.SYMLINK), "bad link target"),
        (entry(EntryType.SYMLINK, linkname=b"a\0b"), "bad link target"),
    ],
)
def test_what_can_not_be_made_is_named(place, made, message):
    with pytest.raises(InvalidArgument, match=f'"e".*{message}|{message}'):
        files.create(place, b"x", made, [])


def test_overlays_own_attributes_are_never_taken(place, tmp_path):
    made = entry(EntryType.FILE, xattrs={"trusted.overlay.opaque": b"y", "user.overlay.x": b"1"})
    files.create(place, b"f", made, [])
    assert os.listxattr(tmp_path / "f") == []


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOSPC, ResourceExhausted, 'no space left on device: cannot unpack "n"'),
        (errno.EDQUOT, ResourceExhausted, "no space left on device"),
        (errno.EMFILE, ResourceExhausted, "too many open files"),
        (errno.EROFS, PermissionDenied, "read-only file system"),
        (errno.ENAMETOOLONG, InvalidArgument, 'cannot unpack "n": file name too long'),
    ],
)
def test_errors_of_the_kernel_become_ours(number, kind, text):
    err = files.failure(OSError(number, "x"), b"n", "unpack")
    assert type(err) is kind
    assert text in err.message
