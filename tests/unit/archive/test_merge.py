"""A layer on a copy of the one below: removals take what was below, never what the layer brings."""

import os

import pytest

from baleen.archive.merge import merge_layer

MINE = {"uid": os.getuid(), "gid": os.getgid()}


@pytest.fixture
def merge(tmp_path, make_tar):
    (tmp_path / "d/sub").mkdir(parents=True)
    for name in ("d/old", "d/sub/old", "f"):
        (tmp_path / name).write_text("below")

    def call(*entries):
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            data = make_tar(*((name, kind, content, MINE) for name, kind, content in entries))
            size = merge_layer(fd, [data])
        finally:
            os.close(fd)
        files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if not p.is_dir()}
        return size, files

    return call


def test_files_are_added_and_replaced(merge, tmp_path):
    assert merge(("f", "file", b"new"), ("d/g", "file", b"1")) == (
        4,
        {"f", "d/g", "d/old", "d/sub/old"},
    )
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_whiteout_removes_files_and_trees(merge):
    assert merge((".wh.f", "file", b""), ("d/.wh.sub", "file", b""))[1] == {"d/old"}
    assert merge((".wh.d", "file", b""), (".wh.nothing", "file", b""))[1] == set()


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_directory_keeps_what_the_layer_brings(merge, first):
    entries = [("d/.wh..wh..opq", "file", b""), ("d/sub/new", "file", b"")]
    assert merge(*(entries if first else entries[::-1]))[1] == {"f", "d/sub/new"}


@pytest.mark.parametrize("first", [True, False])
def test_a_whiteout_of_what_the_layer_brings_removes_only_what_was_below(merge, first):
    entries = [(".wh.d", "file", b""), ("d/new", "file", b"")]
    assert merge(*(entries if first else entries[::-1]))[1] == {"f", "d/new"}


def test_an_opaque_root(merge):
    assert merge(("new", "file", b""), (".wh..wh..opq", "file", b""))[1] == {"new"}


def test_a_file_in_the_place_of_a_directory_and_back(merge):
    assert merge(("d", "file", b""))[1] == {"d", "f"}
    assert merge(("d", "dir", b""), ("d/x", "file", b""))[1] == {"d/x", "f"}


def test_a_link_to_a_file_below(merge, tmp_path):
    merge(("h", "link", "f"))
    assert (tmp_path / "h").samefile(tmp_path / "f")
