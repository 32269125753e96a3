"""The words of COPY: paths, wildcards, --parents."""

import pytest

from baleen.build.files.selecting import select
from baleen.errors import InvalidArgument, NotFound


@pytest.fixture
def whole(tree):
    return tree(
        ("a.txt", "file", b""),
        ("b.txt", "file", b""),
        ("arr[0].txt", "file", b""),
        ("dir/a.txt", "file", b""),
        ("dir/sub/b.md", "file", b""),
        ("x/y/a.txt", "file", b""),
        ("x/y/b.txt", "file", b""),
        ("x/z/c.txt", "file", b""),
        ("link", "symlink", "dir"),
        ("linked.txt", "symlink", "/dir/a.txt"),
    )


def paths(tree, path, **options):
    return [one.path.decode() for one in select(tree, path, **options)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("/a.txt", ["a.txt"]),
        ("../../a.txt", ["a.txt"]),
        ("dir/", ["dir"]),
        ("./dir/../a.txt", ["a.txt"]),
        ("/", [""]),
        (".", [""]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("*.txt", ["a.txt", "arr[0].txt", "b.txt", "linked.txt"]),
        ("arr[[]0].txt", ["arr[0].txt"]),
        ("x/*/?.txt", ["x/y/a.txt", "x/y/b.txt", "x/z/c.txt"]),
        ("*/a.txt", ["dir/a.txt"]),
        ("none*", []),
        ("none/*", []),
    ],
)
def test_paths_and_wildcards(whole, path, found):
    assert paths(whole, path) == found


def test_links_lead_to_what_they_mean(whole):
    (one,) = select(whole, "linked.txt")
    assert (one.name, one.node.path) == (b"linked.txt", b"dir/a.txt")
    assert paths(whole, "link/*.txt") == ["link/a.txt"]
    (kept,) = select(whole, "linked.txt", follow=False)
    assert kept.node.is_link


def test_a_missing_path_is_named_and_a_bad_pattern_refused(whole):
    with pytest.raises(NotFound, match=r"^stat none/x: file does not exist$"):
        select(whole, "none/x")
    with pytest.raises(InvalidArgument, match="syntax error in pattern"):
        select(whole, "[a")
    with pytest.raises(InvalidArgument, match="invalid source path"):
        select(whole, "a" * 5000)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("x/y/a.txt", [("x/y/a.txt", ["x", "x/y"])]),
        ("x/./y/*.txt", [("x/y/a.txt", ["x/y"]), ("x/y/b.txt", ["x/y"])]),
        ("/x/**/c.txt", [("x/z/c.txt", ["x", "x/z"])]),
        ("**/a.txt", [("a.txt", []), ("dir/a.txt", ["dir"]), ("x/y/a.txt", ["x", "x/y"])]),
        ("x/./y", [("x/y", [])]),
        ("x/*.none", []),
    ],
)
def test_parents(whole, path, found):
    got = select(whole, path, parents=True)
    assert [(one.path.decode(), [node.path.decode() for node in one.above]) for one in got] == found


def test_parents_of_a_missing_path(whole):
    with pytest.raises(NotFound, match="stat x/none: file does not exist"):
        select(whole, "x/./none", parents=True)
