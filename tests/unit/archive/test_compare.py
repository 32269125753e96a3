"""What became of a copy."""

import os

import pytest

from baleen.archive.compare import ADDED, DELETED, MODIFIED, compare_trees


@pytest.fixture
def trees(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name / "d/e").mkdir(parents=True)
        (tmp_path / name / "d/f").write_bytes(b"1")
        os.utime(tmp_path / name / "d/f", ns=(0, 0))

    def compare(owners=None):
        fds = [os.open(tmp_path / name, os.O_RDONLY) for name in ("old", "new")]
        try:
            return compare_trees(*fds, owners)
        finally:
            for fd in fds:
                os.close(fd)

    return tmp_path / "new", compare


def test_equal_trees_have_no_difference(trees):
    assert trees[1]() == {}


def test_what_is_above_a_difference_is_modified(trees):
    new, compare = trees
    (new / "d/e/x").touch()
    (new / "d/f").unlink()
    assert compare() == {b"d": MODIFIED, b"d/e": MODIFIED, b"d/e/x": ADDED, b"d/f": DELETED}


def test_another_kind_or_mode_or_time_is_modified(trees):
    new, compare = trees
    (new / "d/f").unlink()
    (new / "d/f").mkdir()
    (new / "d/f/g").touch()
    (new / "d/e").chmod(0o711)
    assert compare() == {
        b"d": MODIFIED, b"d/f": MODIFIED, b"d/f/g": ADDED, b"d/e": MODIFIED,
    }  # fmt: skip


def test_ids_of_the_copy_are_mapped_first(trees):
    assert trees[1](lambda uid, gid: (uid + 1, gid + 1)) != {}
