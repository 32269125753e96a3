"""Cleaned names stay inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.archive.names import clean, shown
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (b"a/b", (b"a", b"b")),
        (b"/a//b/./", (b"a", b"b")),
        (b"./", ()),
        (b"/", ()),
        (b"a/../b", (b"b",)),
        (b"..a/b..", (b"..a", b"b..")),
        (b"\xff\n", (b"\xff\n",)),
    ],
)
def test_cleaning(name, parts):
    assert clean(name) == parts


@pytest.mark.parametrize(
    "name", [b"", b"..", b"../x", b"/..", b"a/../../x", b"a\0b", b"x" * 4097, b"./../x"]
)
def test_what_leads_out_or_is_no_name_is_refused(name):
    with pytest.raises(InvalidArgument, match="archive"):
        clean(name)


@given(st.binary(max_size=80))
def test_no_component_is_special(name):
    try:
        parts = clean(name)
    except InvalidArgument:
        return
    assert not {b"", b".", b".."} & set(parts)
    assert all(b"/" not in part and b"\0" not in part for part in parts)


def test_names_are_shown_without_control_characters():
    assert shown(b"a\x1b[31m\n\xff") == '"a\\x1b[31m\\n\\udcff"'
    assert len(shown(b"x" * 5000)) < 250
