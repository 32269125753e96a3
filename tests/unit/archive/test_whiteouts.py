"""Marks for what is removed."""

import os

import pytest

from baleen.archive.whiteouts import is_opaque, make_opaque, make_whiteout, remove_whiteouts
from baleen.linux.overlayfs import is_whiteout


@pytest.fixture
def place(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_whiteouts_are_removed_at_every_depth_and_files_are_not(place, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/kept").touch()
    for name in ("gone", "a/gone", "a/b/gone"):
        make_whiteout(place, name.encode())
        assert is_whiteout(os.lstat(tmp_path / name))
    remove_whiteouts(place)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "kept"]


def test_a_directory_is_opaque_once_it_was_made_so(place):
    assert not is_opaque(place)
    if os.geteuid() != 0:
        pytest.skip("needs root: attributes trusted.*")
    make_opaque(place)
    assert is_opaque(place)
