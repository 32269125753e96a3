"""Filling a volume: everything of a file is kept, and nothing outside is touched."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from baleen.linux.fd import Fd
from baleen.volumes.copy_up import copy_directory, is_empty


@contextmanager
def opened(path):
    with Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY)) as descriptor:
        yield descriptor


def copied(source, target):
    target.mkdir()
    with opened(source) as reading, opened(target) as writing:
        assert is_empty(writing)
        copy_directory(reading, writing)
        assert is_empty(writing) == is_empty(reading)


def test_files_directories_and_modes(tmp_path):
    source = tmp_path / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "big").write_bytes(os.urandom(3 << 20))
    (source / "empty").write_bytes(b"")
    (source / "a" / "b" / "big").chmod(0o640)
    (source / "a").chmod(0o2750)
    source.chmod(0o1777)
    os.utime(source / "a", ns=(10**18, 10**18 + 5))
    copied(source, tmp_path / "target")
    target = tmp_path / "target"
    assert (target / "a/b/big").read_bytes() == (source / "a/b/big").read_bytes()
    assert (target / "empty").read_bytes() == b""
    assert stat.S_IMODE((target / "a/b/big").stat().st_mode) == 0o640
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o2750
    assert stat.S_IMODE(target.stat().st_mode) == 0o1777
    assert (target / "a").stat().st_mtime_ns == 10**18 + 5


def test_links_are_copied_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    source = tmp_path / "source"
    source.mkdir()
    (source / "absolute").symlink_to(secret)
    (source / "up").symlink_to("../../../etc")
    (source / "dangling").symlink_to("nowhere")
    copied(source, tmp_path / "target")
    for name in ("absolute", "up", "dangling"):
        assert os.readlink(tmp_path / "target" / name) == os.readlink(source / name)


def test_hard_links_stay_one_file(tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "one").write_text("x")
    os.link(source / "one", source / "sub" / "two")
    copied(source, tmp_path / "target")
    one, two = (tmp_path / "target" / "one").stat(), (tmp_path / "target" / "sub" / "two").stat()
    assert one.st_ino == two.st_ino
    assert one.st_nlink == 2


def test_a_fifo_is_made_anew_and_never_opened(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe")
    (source / "pipe").chmod(0o622)
    copied(source, tmp_path / "target")
    status = (tmp_path / "target" / "pipe").lstat()
    assert stat.S_ISFIFO(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o622


def test_names_that_are_no_text(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / os.fsdecode(b"\xff\xfe\n")).write_text("x")
    copied(source, tmp_path / "target")
    assert os.listdir(os.fsencode(tmp_path / "target")) == [b"\xff\xfe\n"]
