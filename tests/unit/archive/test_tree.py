"""Trees of any depth are removed and measured, links are never followed."""

import os

import pytest

from baleen.archive.tree import measure_tree, open_below, open_directory, remove_tree


@pytest.fixture
def place(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    yield fd
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


def dig(place, depth, name="deep"):
    fd = os.dup(place)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        deeper = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)


@pytest.mark.parametrize("depth", [1, 64, 65, 2000])
def test_deep_trees_go(place, tmp_path, depth):
    dig(place, depth)
    remove_tree(place, "deep")
    assert list(tmp_path.iterdir()) == []


def test_files_and_links_go_and_their_targets_stay(place, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/f").write_bytes(b"1")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/link").symlink_to("../target")
    (tmp_path / "top-link").symlink_to("target")
    remove_tree(place, b"d")
    remove_tree(place, "top-link")
    remove_tree(place, "not there")
    assert [p.name for p in tmp_path.iterdir()] == ["target"]
    assert (tmp_path / "target/f").exists()


def test_measuring_counts_each_file_once(place, tmp_path):
    dig(place, 700, "a-long-name")
    (tmp_path / "f").write_bytes(b"x" * 5000)
    (tmp_path / "g").hardlink_to(tmp_path / "f")
    (tmp_path / "s").symlink_to("/")
    size, inodes = measure_tree(place)
    assert inodes == 1 + 700 + 1 + 1
    assert size >= 8192


def test_opening_below_follows_no_link(place, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "s").symlink_to("a")
    os.close(open_below(place, b"a/b"))
    os.close(open_below(place, b""))
    for bad in (b"s/b", b"../x", b"a/../../x"):
        with pytest.raises(OSError, match=r"s/b|x"):
            open_below(place, bad)
    with pytest.raises(OSError, match="s"):
        open_directory(place, b"s")
