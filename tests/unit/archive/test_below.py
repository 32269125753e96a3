"""What is seen below: the top-most file of a name, unless it is removed above."""

import os
import stat

import pytest

from baleen.archive.below import describe_directory, describe_file, look_below, lstat
from baleen.archive.entry import EntryType
from baleen.archive.whiteouts import make_whiteout
from baleen.errors import InvalidArgument


@pytest.fixture
def two(tmp_path):
    fds = []
    for name in ("top", "bottom"):
        (tmp_path / name).mkdir()
        fds.append(os.open(tmp_path / name, os.O_RDONLY))
    yield tmp_path, fds
    for fd in fds:
        os.close(fd)


def test_the_top_most_counts(two):
    place, fds = two
    (place / "bottom/f").touch()
    assert stat.S_ISREG(look_below(fds, b"f").st_mode)
    (place / "top/f").symlink_to("target")
    assert look_below(fds, b"f") == b"target"
    assert look_below(fds, b"g") is None


def test_a_whiteout_hides_what_is_below_it(two):
    place, fds = two
    (place / "bottom/f").touch()
    make_whiteout(fds[0], b"f")
    assert look_below(fds, b"f") is None


def test_files_are_described_so_that_they_can_be_made_again(two):
    place, fds = two
    (place / "top/f").write_bytes(b"12")
    (place / "top/f").chmod(0o4711)
    (place / "top").chmod(0o1777)
    assert describe_directory(fds[0]).mode == 0o1777
    fd = os.open("f", os.O_PATH, dir_fd=fds[0])
    entry = describe_file(fd, b"f", lstat(fds[0], b"f"))
    os.close(fd)
    assert (entry.type, entry.mode, entry.uid) == (EntryType.FILE, 0o4711, os.getuid())


def test_a_socket_has_no_description(two):
    place, fds = two
    os.mknod(place / "top/s", stat.S_IFSOCK | 0o600)
    with pytest.raises(InvalidArgument, match="socket"):
        describe_file(-1, b"s", lstat(fds[0], b"s"))
