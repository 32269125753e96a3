"""--chown: numbers, names of the tree's own files."""

import pytest

from baleen.build.files.owners import has_names, resolve_owner, user_files
from baleen.errors import InvalidArgument
from baleen.images.users import UserFiles

PASSWD = ("etc/passwd", "file", b"root:x:0:0::/:/sh\nbin:x:2:3::/:/sh\n")
GROUP = ("etc/group", "file", b"root:x:0:\nstaff:x:50:\n")


@pytest.fixture
def files(tree):
    return user_files(tree(PASSWD, GROUP))


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
def test_words(files, words, owner):
    assert resolve_owner(words, files) == owner


@pytest.mark.parametrize("words", ["nobody", "bin:none", "1:", "4294967296", "a:b:c", "-1"])
def test_what_is_nobody(files, words):
    with pytest.raises(InvalidArgument):
        resolve_owner(words, files)


def test_numbers_need_no_files():
    assert resolve_owner("5:6", UserFiles()) == (5, 6)
    with pytest.raises(InvalidArgument, match="unable to find user bin"):
        resolve_owner("bin", UserFiles())


@pytest.mark.parametrize(
    ("words", "has"), [("", False), ("5", False), ("5:6", False), ("bin", True), ("5:staff", True)]
)
def test_who_needs_files(words, has):
    assert has_names(words) is has


def test_files_of_the_tree_and_of_nobody_else(tree):
    assert user_files(tree(("a", "file", b""))) == UserFiles()
    with pytest.raises(InvalidArgument, match="too many symbolic links"):
        user_files(tree(("etc/passwd", "symlink", "/../../../../etc/passwd")))
    with pytest.raises(InvalidArgument, match="too many symbolic links"):
        user_files(tree(("etc/passwd", "symlink", "passwd")))
    with pytest.raises(InvalidArgument, match="no regular file"):
        user_files(tree(("etc/passwd", "fifo")))
    with pytest.raises(InvalidArgument, match="larger than"):
        user_files(tree(("etc/group", "file", bytes(2 << 20))))
