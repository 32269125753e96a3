"""What `.dockerignore` leaves of a tree."""

import pytest

from baleen.api.ignore import Ignore
from baleen.build.files.digest import digest_node, entries_below
from baleen.build.files.pruning import PrunedTree


def names(tree):
    return sorted(path.decode() for path in entries_below(tree, tree.root) if path != b".")


@pytest.fixture
def whole(tree):
    return tree(
        ("Dockerfile", "file", b"FROM scratch"),
        ("a/keep", "file", b"k"),
        ("a/drop.log", "file", b"l"),
        ("b/deep/keep", "file", b"k"),
        ("b/deep/drop", "file", b"d"),
        ("b/other/x", "file", b"x"),
    )


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["Dockerfile", "**/*.log", "b"], ["a", "a/keep"]),
        (
            ["b", "!b/deep/keep"],
            ["Dockerfile", "a", "a/drop.log", "a/keep", "b", "b/deep", "b/deep/keep"],
        ),
        (["*", "!a"], ["a", "a/drop.log", "a/keep"]),
        (["*", "!**/keep"], ["a", "a/keep", "b", "b/deep", "b/deep/keep"]),
        (["*", "!nothing"], []),
    ],
)
def test_patterns(whole, patterns, left):
    assert names(PrunedTree(whole, Ignore(patterns))) == left


def test_below_a_directory_patterns_count_from_there(whole):
    pruned = PrunedTree(whole, Ignore(["deep/drop"]), whole.find(b"b"))
    assert names(pruned) == ["deep", "deep/keep", "other", "other/x"]
    assert b"".join(pruned.chunks(pruned.find(b"deep/keep"))) == b"k"


def test_the_digest_is_that_of_what_is_left(whole, tree):
    pruned = PrunedTree(whole, Ignore(["b", "**/*.log"]))
    same = tree(("Dockerfile", "file", b"FROM scratch"), ("a/keep", "file", b"k"))
    assert digest_node(pruned, pruned.root) == digest_node(same, same.root)
    assert digest_node(pruned, pruned.root) != digest_node(whole, whole.root)


def test_a_deep_tree_of_exceptions_ends(tree):
    deep = tree(("/".join(["d"] * 1500) + "/keep", "file", b""), ("x/y", "file", b""))
    pruned = PrunedTree(deep, Ignore(["*", "!**/keep"]))
    assert len(names(pruned)) == 1501
