"""Extracting without root: merging, replacing, and links that lead around."""

import os

import pytest

from baleen.archive.copy import extract
from baleen.linux.fd import Fd

MINE = {"uid": os.getuid(), "gid": os.getgid()}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/dst").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    with Fd(os.open(tmp_path / "root", os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd
    assert len(os.listdir("/proc/self/fd")) == before


def test_missing_parents_are_made(root, tmp_path, make_tar):
    extract(root, "/dst", [make_tar(("a/b/c", "file", b"1", MINE), ("a/b/d", "file", b"2", MINE))])
    assert (tmp_path / "root/dst/a/b/d").read_bytes() == b"2"


def test_a_hard_link_in_another_directory(root, tmp_path, make_tar):
    extract(
        root,
        "/dst",
        [
            make_tar(
                ("a/f", "file", b"1", MINE),
                ("b/h", "link", "a/f", MINE),
                ("b/g", "file", b"2", MINE),
            )
        ],
    )
    assert (tmp_path / "root/dst/b/h").samefile(tmp_path / "root/dst/a/f")
    assert (tmp_path / "root/dst/b/g").read_bytes() == b"2"


def test_an_absolute_link_means_the_roots_place(root, tmp_path, make_tar):
    (tmp_path / "root/other").mkdir()
    (tmp_path / "root/dst/l").symlink_to("/other")
    extract(root, "/dst", [make_tar(("l/f", "file", b"1", MINE))])
    assert (tmp_path / "root/other/f").read_bytes() == b"1"


def test_a_directory_may_become_a_file_and_its_siblings_still_follow(root, tmp_path, make_tar):
    (tmp_path / "root/dst/d/sub").mkdir(parents=True)
    extract(root, "/dst", [make_tar(("d/sub", "file", b"1", MINE), ("d/z", "file", b"2", MINE))])
    assert (tmp_path / "root/dst/d/sub").read_bytes() == b"1"
    assert (tmp_path / "root/dst/d/z").read_bytes() == b"2"
