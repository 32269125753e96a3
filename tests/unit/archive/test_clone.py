"""A tree a second time: the same files, and nothing shared that can be written."""

import os
import socket

import pytest

from baleen.archive.clone import clone_tree


@pytest.fixture
def clone(tmp_path):
    for name in ("source", "target"):
        (tmp_path / name).mkdir()

    def call(owners=None):
        fds = [os.open(tmp_path / name, os.O_RDONLY) for name in ("source", "target")]
        try:
            clone_tree(*fds, owners)
        finally:
            for fd in fds:
                os.close(fd)
        return tmp_path / "target"

    return tmp_path / "source", call


def test_files_links_modes_and_times_are_kept(clone):
    source, call = clone
    (source / "d").mkdir(mode=0o700)
    (source / "d/f").write_bytes(b"data")
    (source / "d/f").chmod(0o4711)
    os.link(source / "d/f", source / "hard")
    (source / "soft").symlink_to("d/f")
    os.mkfifo(source / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
    os.utime(source / "d", ns=(1, 2_000_000_000))
    target = call()
    assert (target / "hard").read_bytes() == b"data"
    assert (target / "d/f").stat().st_mode & 0o7777 == 0o4711
    assert (target / "hard").samefile(target / "d/f")
    assert not (target / "hard").samefile(source / "hard")
    assert os.readlink(target / "soft") == "d/f"
    assert (target / "d").stat().st_mtime_ns == 2_000_000_000
    assert sorted(os.listdir(target)) == ["d", "fifo", "hard", "soft"]


def test_holes_stay_holes(clone):
    source, call = clone
    with (source / "holes").open("wb") as file:
        file.seek(8 << 20)
        file.write(b"x")
        file.truncate(16 << 20)
    made = call() / "holes"
    assert made.stat().st_size == 16 << 20
    assert made.stat().st_blocks * 512 < 1 << 20
    assert made.read_bytes() == (source / "holes").read_bytes()
