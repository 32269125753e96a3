"""Relabelling by descriptor; with SELinux at work: tests/integration/engine/test_selinux.py."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from baleen.engine.relabeling import PROTECTED, is_protected, relabel, relabel_file
from baleen.errors import InvalidArgument

CONTEXT = "system_u:object_r:container_file_t:s0"


@pytest.fixture
def place(tmp_path):
    """A directory on a file system that stores labels for whoever may set them."""
    probe = tmp_path / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "security.selinux", CONTEXT.encode() + b"\0")
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
            raise
        pytest.skip("labels cannot be set here")
    probe.unlink()
    return tmp_path


def labels_of(path) -> list[str]:
    return [
        os.getxattr(path, name).decode().rstrip("\0")
        for name in os.listxattr(path)
        if name == "security.selinux"
    ]


def label_of(path) -> str:
    return os.getxattr(path, "security.selinux", follow_symlinks=False).decode()


# Not by an attempt: on the day on which the check is wrong, that would be the end of the host.
@pytest.mark.parametrize("path", sorted(PROTECTED))
def test_directories_of_the_host_are_protected_under_any_name(tmp_path, path):
    link = tmp_path / "link"
    link.symlink_to(path)
    for name in (path, path + "/.", str(link), os.path.realpath(path)):
        assert is_protected(name)


def test_the_users_home_is_protected_and_what_is_below_is_not():
    assert is_protected(str(Path.home()))
    assert not is_protected(str(Path.home() / "project"))
    assert not is_protected("/srv/data")
    assert not is_protected("/var/lib/baleen/volumes/x/_data")


def test_what_is_protected_is_refused():
    with pytest.raises(InvalidArgument, match="SELinux relabeling of /proc is not allowed"):
        relabel("/proc", CONTEXT)  # which stores no labels


def test_all_below_is_labelled_and_no_link_is_followed(place):
    top, outside = place / "top", place / "outside"
    deep = top / "a/b"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    outside.mkdir()
    (outside / "file").touch()
    (top / "link").symlink_to(outside)
    relabel(str(top), CONTEXT)
    for path in (top, top / "a", deep, deep / "file", top / "link"):
        assert label_of(path) == CONTEXT + "\0"
    for path in (outside, outside / "file"):
        assert CONTEXT not in labels_of(path)


def test_a_tree_may_be_deep(place):
    top = os.open(place, os.O_RDONLY)
    current = top
    for _ in range(1500):
        os.mkdir("abcdefgh", dir_fd=current)
        current = os.open("abcdefgh", os.O_RDONLY, dir_fd=current)
        os.close(top)
        top = current
    try:
        relabel(str(place), CONTEXT)
        assert os.getxattr(current, "security.selinux").decode() == CONTEXT + "\0"
    finally:
        os.close(current)
        # pytest removes old directories by recursion, which Python bounds.
        subprocess.run(["rm", "-rf", place / "abcdefgh"], check=True)


def test_a_file_alone(place):
    file = place / "file"
    file.touch()
    relabel(str(file), CONTEXT)
    assert label_of(file) == CONTEXT + "\0"
    relabel_file(str(file), "a:b:c")
    assert label_of(file) == "a:b:c\0"


def test_what_is_missing_is_told(tmp_path):
    for call in (relabel, relabel_file):
        with pytest.raises(FileNotFoundError):
            call(str(tmp_path / "none"), CONTEXT)
