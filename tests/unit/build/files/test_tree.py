"""Paths through links, which never lead out."""

import pytest

from baleen.errors import InvalidArgument, NotFound


@pytest.fixture
def linked(tree):
    return tree(
        ("etc/passwd", "file", b"inside"),
        ("a/up", "symlink", "../../../etc"),
        ("a/absolute", "symlink", "/etc/passwd"),
        ("a/relative", "symlink", "../etc/passwd"),
        ("a/round", "symlink", "round"),
        ("a/dangling", "symlink", "nothing"),
    )


@pytest.mark.parametrize(
    "path", [b"a/up/passwd", b"/a/absolute", b"a/relative", b"../../etc/./passwd", b"a//up/passwd/"]
)
def test_links_are_resolved_from_the_trees_own_root(linked, path):
    assert linked.find(path).path == b"etc/passwd"


def test_a_last_link_is_followed_only_where_asked(linked):
    assert linked.find(b"a/absolute", follow=False).is_link
    assert linked.find(b"a/up/", follow=False).is_link
    assert linked.find(b"a/up", follow=False).path == b"a/up"


def test_what_is_missing_is_named(linked):
    with pytest.raises(NotFound, match=r"^stat a/none: file does not exist$"):
        linked.find(b"/a/none")
    with pytest.raises(NotFound):
        linked.find(b"a/dangling")
    with pytest.raises(NotFound):
        linked.find(b"etc/passwd/x")


def test_a_circle_of_links_ends(linked):
    with pytest.raises(InvalidArgument, match="too many symbolic links"):
        linked.find(b"a/round")
