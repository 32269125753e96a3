"""Union mounts in both ways that kernels offer; a virtual machine runs this on an older one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from baleen.linux.mount import MNT_DETACH, MOUNT_ATTR_RDONLY, MS_RDONLY, umount2
from baleen.linux.overlayfs import attach_overlay, detached_overlay

pytestmark = pytest.mark.integration


@pytest.fixture
def layers(tmp_path):
    for number in range(20):
        layer = tmp_path / f"{number:02}-{'long' * 8}"
        layer.mkdir()
        (layer / f"file{number}").write_text(str(number))
        (layer / "all").write_text(str(number))
    (tmp_path / "upper").mkdir()
    (tmp_path / "work").mkdir()
    return [str(path) for path in sorted(tmp_path.glob("??-*"))]


def read(directory: int, name: str) -> str:
    fd = os.open(name, os.O_RDONLY, dir_fd=directory)
    try:
        return os.read(fd, 100).decode()
    finally:
        os.close(fd)


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def test_a_detached_union_shows_all_layers_and_is_nowhere(layers, tmp_path):
    tree = detached_overlay(layers, f"{tmp_path}/upper", f"{tmp_path}/work")
    if tree is None:
        assert tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 7)
        return
    with tree:
        assert [read(tree.fileno(), f"file{number}") for number in (0, 19)] == ["0", "19"]
        assert read(tree.fileno(), "all") == "0"
        os.close(os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=tree.fileno()))
        assert str(tmp_path) not in mounts()
    assert (tmp_path / "upper/made").exists()


def test_a_detached_union_can_be_read_only(layers):
    tree = detached_overlay(layers, None, None, MOUNT_ATTR_RDONLY)
    if tree is None:
        return
    with tree, pytest.raises(OSError, match="Read-only"):
        os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=tree.fileno())


def test_names_too_long_for_it_are_left_to_the_other_way(layers, tmp_path):
    assert detached_overlay([*layers, f"/{'x' * 255}"], None, None) is None


def test_a_missing_layer_is_an_error(layers, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(FileNotFoundError):
        attach_overlay([*layers, f"{tmp_path}/missing"], None, None, str(place))
    assert str(place) not in mounts()


@pytest.mark.parametrize("name", ["plain", "odd:,\\ name", "x" * 250])
def test_an_attached_union_shows_all_layers(layers, tmp_path, name):
    place = tmp_path / name
    place.mkdir()
    (place / "upper").mkdir()
    (place / "work").mkdir()
    attach_overlay(layers, f"{place}/upper", f"{place}/work", str(place / "work"))
    try:
        assert (place / "work/file19").read_text() == "19"
        assert (place / "work/all").read_text() == "0"
        (place / "work/made").touch()
        assert (place / "upper/made").exists()
    finally:
        umount2(str(place / "work"), MNT_DETACH)


def test_an_attached_union_can_be_read_only(layers, tmp_path):
    attach_overlay(layers, None, None, str(tmp_path / "work"), MS_RDONLY)
    try:
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "work/made").touch()
    finally:
        umount2(str(tmp_path / "work"), MNT_DETACH)
