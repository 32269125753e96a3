"""--chown: numbers, names of the tree's own files."""

import os

import pytest

from baleen.build.files.owners import resolve_owner
from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/sh\nbin:x:2:3::/:/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nstaff:x:50:\n")
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as fd:
        yield fd


@pytest.mark.parametrize(
    ("words", "owner"),
    [
        ("", (0, 0)),
        ("7", (7, 7)),
        ("7:8", (7, 8)),
        ("2", (2, 2)),
        ("bin", (2, 3)),
        ("bin:staff", (2, 50)),
        ("55:staff", (55, 50)),
        ("bin:9", (2, 9)),
        (":staff", (0, 50)),
    ],
)
def test_words(root, words, owner):
    assert resolve_owner(words, root) == owner


@pytest.mark.parametrize("words", ["nobody", "bin:none", "1:", "4294967296", "a:b:c", "-1"])
def test_what_is_nobody(root, words):
    with pytest.raises(InvalidArgument):
        resolve_owner(words, root)


def test_numbers_need_no_tree():
    assert resolve_owner("5:6", None) == (5, 6)
    with pytest.raises(InvalidArgument, match="unable to find user bin"):
        resolve_owner("bin", None)


def test_a_passwd_that_is_a_link_to_the_hosts_is_the_trees_own(tmp_path):
    (tmp_path / "etc").mkdir()
    os.symlink("/../../../../etc/passwd", tmp_path / "etc/passwd")
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as fd, pytest.raises(InvalidArgument):
        resolve_owner("root", fd)
