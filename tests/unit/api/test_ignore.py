"""`.dockerignore` rules: what is left out, exceptions, parents, and walking with them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import glob
from baleen.api.ignore import Ignore, parse_ignore
from baleen.errors import InvalidArgument

# See: moby/patternmatcher, patternmatcher_test.go (the facts, not the text).
CASES = [
    ("**", "file", True),
    ("**", "file/", True),
    ("**/", "file", True),
    ("**", "/", True),
    ("**", "dir/file", True),
    ("**/", "dir/file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/dir2/file", True),
    ("**/dir", "dir", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir2/file", True),
    ("**file", "file", True),
    ("**file", "dir/file", True),
    ("**/file", "dir/dir/file", True),
    ("**/file*", "dir/dir/file.txt", True),
    ("**/file*txt", "dir/dir/file.txt", True),
    ("**/file*.txt*", "dir/dir/file.txt", True),
    ("**/**/*.txt", "dir/dir/file.txt", True),
    ("**/**/*.txt2", "dir/dir/file.txt", False),
    ("**/*.txt", "file.txt", True),
    ("a**/*.txt", "a/file.txt", True),
    ("a**/*.txt", "a/dir/file.txt", True),
    ("a/*.txt", "a/dir/file.txt", False),
    ("a/*.txt", "a/file.txt", True),
    ("a[b-d]e", "ae", False),
    ("a[b-d]e", "ace", True),
    ("a[^b-d]e", "aze", True),
    (".*", ".foo", True),
    (".*", "foo", False),
    ("abc.def", "abcdef", False),
    ("abc.def", "abcZdef", False),
    ("abc?def", "abcZdef", True),
    ("a\\b", "ab", True),
    ("**/foo/bar", "foo/bar", True),
    ("**/foo/bar", "dir/dir2/foo/bar", True),
    ("abc/**", "abc", False),
    ("abc/**", "abc/def/ghi", True),
    ("**/.foo", "bar.foo", False),
    ("a(b)c/def", "a(b)c/def", True),
    ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    ("dist/**/*.whl", "dist/proxy.py-2.4.0rc3.dev36.whl", True),
    ("dir", "dir/a/b", True),
    ("dir", "dirx", False),
    ("a/../b", "b", True),
    ("./a/", "a", True),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_a_pattern_leaves_a_path_out(pattern, path, expected):
    assert Ignore([pattern]).matches(path) is expected


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["*", "!README.md"], "README.md", False),
        (["*", "!README.md"], "other", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "README-secret.md", "!README*.md"], "README-secret.md", False),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs", "!docs/README.md"], "docs/other.md", True),
        (["**", "!util/docker/web"], "util/docker/web/foo", False),
        (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
        (["!fileutils.go", "*.go"], "fileutils.go", True),
        (["a/b", "!a"], "a/b/c", False),
    ],
)
def test_the_last_match_decides(patterns, path, expected):
    assert Ignore(patterns).matches(path) is expected


def test_a_file_is_read_with_comments_blanks_and_leading_slashes():
    text = "\ufefftest1\r\n/test2\n/a/file/here\n\nlastfile\n# this is a comment\n"
    text += "! /inverted/abs/path\n!\n! \n  # not one\n/\na//b/\n"
    assert parse_ignore(text) == (
        "test1",
        "test2",
        "a/file/here",
        "lastfile",
        "!inverted/abs/path",
        "!",
        "!",
        "# not one",
        "/",
        "a/b",
    )
    assert parse_ignore(b"a\xff") == ("a\ufffd",)


def test_a_lone_exclamation_mark_is_an_error():
    with pytest.raises(InvalidArgument, match=r'^illegal exclusion pattern: "!"$'):
        Ignore(["!"])


def test_a_malformed_pattern_is_an_error():
    with pytest.raises(glob.PatternError, match="syntax error in pattern"):
        Ignore(["a", "[b"])


def test_too_large_files_are_refused():
    with pytest.raises(InvalidArgument, match="bytes"):
        parse_ignore("a" * (256 << 10) + "b")
    with pytest.raises(InvalidArgument, match="patterns"):
        parse_ignore("a\n" * 4001)


@pytest.mark.parametrize(
    ("patterns", "directory", "expected"),
    [
        (["*"], "a", False),
        (["*", "!a/b"], "a", True),
        (["*", "!a/b"], "b", False),
        (["*", "!a/b"], "a/b", False),
        (["*", "!a/b"], "a/bc", False),
        (["*", "!**/keep"], "x/y", True),
        (["*", "!a/*/keep"], "a/b", True),
        (["*", "!a/*/keep"], "b", False),
    ],
)
def test_a_left_out_directory_is_walked_only_for_exceptions(patterns, directory, expected):
    assert Ignore(patterns).may_hold_exception(directory) is expected


PARTS = ["a", "b", "c", "*", "**", "a*", "?", "[ab]"]
PATTERNS = st.builds(
    lambda mark, parts: mark + "/".join(parts),
    st.sampled_from(["", "", "!"]),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=3),
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "ab"]), min_size=1, max_size=4)


@given(st.lists(PATTERNS, max_size=5), PATHS)
def test_walking_step_by_step_gives_the_same_and_never_skips_an_exception(patterns, components):
    ignore = Ignore(patterns)
    state: tuple[bool, ...] = ()
    skipped = False
    for depth in range(1, len(components) + 1):
        path = "/".join(components[:depth])
        excluded, state = ignore.step(path, state)
        assert excluded is ignore.matches(path)
        if skipped:
            assert excluded
        skipped = skipped or (excluded and not ignore.may_hold_exception(path))


@given(
    st.lists(st.sampled_from([*"ab*?[]^-!\\/#. \t\r\0\n", "**", "\ufeff"]), max_size=30).map(
        "".join
    )
)
def test_any_text_gives_rules_or_an_error(text):
    try:
        ignore = Ignore(parse_ignore(text))
    except InvalidArgument:
        return
    for path in ("a", "a/b", "ab/a/b"):
        assert ignore.matches(path) in (True, False)
        assert ignore.may_hold_exception(path) in (True, False)


def test_hostile_rules_take_a_bounded_time():
    patterns = [
        "*a" * 1000 + "b",
        "**/*a" * 500,
        "a**b" * 500,
        "!" + "a*[^x]" * 300,
        "[" + "a-z" * 999 + "]",
    ]
    begin = time.monotonic()
    ignore = Ignore(patterns)
    for path in ("a" * 255, "a/" * 2000 + "a", "ab" * 2000):
        ignore.step(path, ())
    assert time.monotonic() - begin < 5
