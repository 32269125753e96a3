"""The slow keys: what of a tree matters to an operation, and nothing else."""

import pytest

from baleen.build.files.contents import digest_selection
from baleen.build.interfaces import Selection
from baleen.errors import NotFound


def selected(tree, *paths, **options):
    return digest_selection(tree, Selection(paths=paths, **options))


@pytest.fixture
def contexts(tree):
    before = tree(("a", "file", b"1"), ("d/x", "file", b"x"), ("d/y.log", "file", b"l"))
    after = tree(("a", "file", b"2"), ("d/x", "file", b"x"), ("d/y.log", "file", b"L"))
    return before, after


def test_only_what_is_selected_matters(contexts):
    before, after = contexts
    assert selected(before, "/d/x").digest == selected(after, "/d/x").digest
    assert selected(before, "/a").digest != selected(after, "/a").digest
    assert selected(before, "/").digest != selected(after, "/").digest
    left = {"exclude": ("*.log",)}
    assert selected(before, "/d", **left).digest == selected(after, "/d", **left).digest
    assert selected(before, "/d").digest != selected(after, "/d").digest


def test_the_names_that_a_wildcard_matched_matter(tree):
    one, two = tree(("a.txt", "file", b"")), tree(("b.txt", "file", b""))
    assert (
        selected(one, "/*.txt", patterns=True).digest
        != selected(two, "/*.txt", patterns=True).digest
    )
    assert selected(one, "/*.md", patterns=True).digest


def test_directories_on_the_way_matter_with_parents(tree):
    one = tree(("p", "dir", b"", {"mode": 0o700}), ("p/f", "file", b""))
    two = tree(("p", "dir", b"", {"mode": 0o755}), ("p/f", "file", b""))
    assert selected(one, "/p/f").digest == selected(two, "/p/f").digest
    options = {"parents": True, "patterns": True}
    assert selected(one, "/p/f", **options).digest != selected(two, "/p/f", **options).digest


def test_the_name_of_a_directory_does_not_matter_where_its_contents_are_meant(tree):
    found = tree(("d/x", "file", b"x"), ("e/x", "file", b"x"))
    contents = {"contents_only": True}
    assert selected(found, "/d", **contents).digest == selected(found, "/e", **contents).digest
    assert selected(found, "/d").digest != selected(found, "/e").digest


def test_entries_name_the_file_that_changed(contexts):
    before, after = (selected(tree, "/").entries for tree in contexts)
    assert [path for path in before if before[path] != after[path]] == ["d/y.log", "a"]
    assert sorted(selected(contexts[0], "/d", exclude=("y*",)).entries) == ["d", "d/x"]


def test_a_path_that_leads_nowhere_is_an_error(contexts):
    with pytest.raises(NotFound):
        selected(contexts[0], "/none")


@pytest.mark.parametrize("path", ["/", "/*/*", "/d"])
def test_a_cancelled_build_ends_the_digesting(contexts, path):
    def check():
        raise KeyboardInterrupt

    selection = Selection(paths=(path,), patterns=True)
    with pytest.raises(KeyboardInterrupt):
        digest_selection(contexts[0], selection, check)
