from __future__ import annotations

import base64
import json

import pytest

from baleen import errors
from baleen.cli.copying.paths import (
    base_name,
    parse_path_stat,
    place,
    rename_top,
    split_argument,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:/etc", ("web", "/etc")),
        ("web:etc", ("web", "etc")),
        ("/a:b", ("", "/a:b")),
        ("./a:b", ("", "./a:b")),
        ("a/b:c", ("", "a/b:c")),
        ("-", ("", "-")),
        ("plain", ("", "plain")),
    ],
)
def test_arguments(text, expected):
    assert split_argument(text) == expected


@pytest.mark.parametrize(
    ("destination", "exists", "is_directory", "source", "expected"),
    [
        ("/d", True, True, True, ("/d", None)),
        ("/d/f", True, False, False, ("/d", "f")),
        ("/d/new", False, False, False, ("/d", "new")),
        ("/d/new/", False, False, True, ("/d", "new")),
        ("new", False, False, True, (".", "new")),
    ],
)
def test_placement(destination, exists, is_directory, source, expected):
    found = place(destination, exists=exists, is_directory=is_directory, source_is_directory=source)
    assert (found.directory, found.name) == expected


def test_impossible_placements():
    with pytest.raises(errors.InvalidArgument, match="cannot copy directory"):
        place("/f", exists=True, is_directory=False, source_is_directory=True)
    with pytest.raises(errors.NotFound, match="no such directory"):
        place("/d/", exists=False, is_directory=False, source_is_directory=False)


def test_only_the_top_entry_is_renamed():
    rename = rename_top("new", "old")
    assert [rename(p) for p in (b"old", b"old/", b"./old/x")] == [b"new", b"new", b"new/x"]
    assert rename_top(None, "old")(b"old/x") == b"old/x"
    for name in (None, "new"):
        for path in (b"older/x", b"x", b"../old", b"", b"./"):
            with pytest.raises(errors.DataLoss, match="not what was asked for"):
                rename_top(name, "old")(path)


@pytest.mark.parametrize("top", [".", "/", ".."])
def test_content_has_no_top_entry(top):
    content = rename_top("new", top)
    assert [content(p) for p in (b"./", b"./x/y", b"/x")] == [b"new", b"new/x/y", b"new/x"]
    assert rename_top(None, top)(b"./x/y") == b"x/y"


def test_names_of_the_copied_thing():
    assert [base_name(p) for p in ("/a/b", "/a/b/", "/a/.", ".", "/")] == ["b", "b", ".", ".", "/"]


def test_path_descriptions():
    document = {"name": "x", "size": 1, "mode": (1 << 31) | 0o755, "linkTarget": ""}
    found = parse_path_stat(base64.b64encode(json.dumps(document).encode()).decode())
    assert (found.name, found.is_directory, found.is_link) == ("x", True, False)
    for header in (None, "!!", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()):
        with pytest.raises(errors.DataLoss):
            parse_path_stat(header)
