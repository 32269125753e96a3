"""Union mounts in both ways that kernels offer; a virtual machine runs this on an older one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from baleen.linux.mount import (
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    mount,
    umount2,
)
from baleen.linux.namespaces import CLONE_NEWNS, unshare
from baleen.linux.overlayfs import OwnerMap, attach_overlay, detached_overlay, mapped_directory
from baleen.runtime.id_mapping import IdMapping, IdMappings, new_user_namespace

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


@pytest.fixture
def ids():
    with new_user_namespace(
        IdMappings((IdMapping(0, 200000, 1000),), (IdMapping(0, 300000, 1000),))
    ) as namespace:
        yield namespace.fileno()


def in_own_namespace(work) -> None:
    """Run in a child with a mount namespace of its own; its failure is ours."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            unshare(CLONE_NEWNS)
            mount(None, "/", None, MS_PRIVATE | MS_REC)
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def owners(directory: int, name: str) -> tuple[int, int]:
    info = os.stat(name, dir_fd=directory)
    return info.st_uid, info.st_gid


def test_layers_show_mapped_owners_in_both_ways_but_for_those_that_are_spared(
    layers, tmp_path, ids
):
    os.chown(f"{layers[1]}/file1", 7, 8)
    os.chown(f"{layers[2]}/file2", 5000, 8)  # has no place in the mapping
    map_ = OwnerMap(ids, spared=1)

    def check(directory: int) -> None:
        assert owners(directory, "file0") == (0, 0)
        assert owners(directory, "file1") == (200007, 300008)
        assert owners(directory, "file2") == (65534, 300008)
        assert read(directory, "file19") == "19"
        os.chmod("file1", 0o600, dir_fd=directory)
        os.close(os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=directory))

    def attached() -> None:
        (tmp_path / "place").mkdir()
        writable = (f"{tmp_path}/upper", f"{tmp_path}/work")
        attach_overlay(layers, *writable, f"{tmp_path}/place", owners=map_)
        check(os.open(tmp_path / "place", os.O_RDONLY))

    in_own_namespace(attached)
    assert str(tmp_path) not in mounts()
    assert (os.stat(tmp_path / "upper/file1").st_uid, os.stat(tmp_path / "upper/made").st_uid) == (
        200007,
        0,
    )
    tree = detached_overlay(layers, f"{tmp_path}/upper", f"{tmp_path}/work", owners=map_)
    if tree is not None:
        with tree:
            check(tree.fileno())
    assert os.stat(f"{layers[1]}/file1").st_uid == 7


def test_one_directory_alone_shows_mapped_owners(layers, ids):
    with mapped_directory(layers[0], ids, MOUNT_ATTR_RDONLY) as tree:
        assert owners(tree.fileno(), "file0") == (200000, 300000)
        with pytest.raises(OSError, match="Read-only"):
            os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=tree.fileno())
    with pytest.raises(OSError, match="Invalid argument"):
        mapped_directory("/proc", ids)


def test_the_upper_directory_says_all_of_a_change(layers, tmp_path):
    """A directory of a layer cannot be renamed (rename(2) says EXDEV, and programs copy)."""
    (Path(layers[0]) / "directory").mkdir()
    place = tmp_path / "place"
    place.mkdir()
    attach_overlay(layers, f"{tmp_path}/upper", f"{tmp_path}/work", str(place))
    try:
        with pytest.raises(OSError, match="Invalid cross-device link"):
            (place / "directory").rename(place / "renamed")
        (place / "all").chmod(0o600)
        assert (tmp_path / "upper/all").read_text() == "0"
    finally:
        umount2(str(place), MNT_DETACH)
