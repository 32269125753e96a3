"""Applying without root: what belongs to us is unpacked, limits and the end of input hold."""

import os

import pytest

from baleen.archive.apply import apply_layer
from baleen.archive.limits import Limits
from baleen.errors import InvalidArgument, ResourceExhausted

MINE = {"uid": os.getuid(), "gid": os.getgid()}


@pytest.fixture
def place(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    yield fd
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


def test_a_layer_is_unpacked_and_measured(place, tmp_path, make_tar):
    data = make_tar(
        ("d", "dir", b"", {**MINE, "mtime": 5}),
        ("d/f", "file", b"abc", MINE),
        ("d/h", "link", "d/f", MINE),
        ("s", "symlink", "d", MINE),
    )
    assert apply_layer(place, [], [data]) == 3
    assert (tmp_path / "s/h").read_bytes() == b"abc"
    assert (tmp_path / "d").stat().st_mtime == 5


def test_the_source_is_read_to_its_end(place, make_tar):
    seen = []

    def chunks():
        for chunk in (make_tar(("f", "file", b"", MINE)), b"x" * 10, b"y" * 10):
            seen.append(len(chunk))
            yield chunk

    apply_layer(place, [], chunks())
    assert seen[1:] == [10, 10]


def test_limits_hold_and_errors_name_the_entry(place, make_tar):
    data = make_tar(("a", "file", b"", MINE), ("b", "file", b"", MINE))
    with pytest.raises(ResourceExhausted, match="max_entries"):
        apply_layer(place, [], [data], Limits(max_entries=1))
    with pytest.raises(InvalidArgument, match=r'"../up" leads out of the root'):
        apply_layer(place, [], [make_tar(("../up", "file", b"", MINE))])


def test_a_directory_whose_parent_became_a_link_keeps_no_time(place, tmp_path, make_tar):
    data = make_tar(("a/b", "dir", b"", MINE), ("c", "dir", b"", MINE), ("a", "symlink", "c", MINE))
    assert apply_layer(place, [], [data]) == 0
    assert (tmp_path / "a").is_symlink()
