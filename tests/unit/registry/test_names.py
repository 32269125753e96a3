"""The grammar of names; nothing that is no name is brought into shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code
from baleen.registry.names import is_name, is_tag, parse_digest, parse_name, parse_reference

HEX = "a" * 64


@pytest.mark.parametrize(
    "name", ["a", "a/b/c", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "library/alpine", "a" * 255]
)
def test_names(name):
    assert parse_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", "..", "a/../b", "a b",
     "a:b", "a%2fb", "é", "a\n", "\u0661", "a" * 256, "a@b", "*"],
)  # fmt: skip
def test_no_names(name):
    with pytest.raises(ApiError) as caught:
        parse_name(name)
    assert caught.value.code is Code.NAME_INVALID


@given(st.text(max_size=40))
def test_what_is_a_name_needs_no_escape(text):
    if is_name(text):
        assert text.isascii()
        assert text == text.lower()
        assert ".." not in text.split("/")


@pytest.mark.parametrize("tag", ["a", "A", "_", "1.0-rc_1", "t" * 128])
def test_tags(tag):
    assert parse_reference(tag) == tag


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "t" * 129, "a b", "é", "a\n", "a\0"])
def test_no_tags(tag):
    assert not is_tag(tag)
    with pytest.raises(ApiError) as caught:
        parse_reference(tag)
    assert caught.value.code is Code.TAG_INVALID


def test_digests():
    assert isinstance(parse_reference(f"sha256:{HEX}"), Digest)
    for text in (
        "sha256:",
        f"sha256:{HEX}a",
        f"SHA256:{HEX}",
        f"md5:{HEX}",
        f"sha256:{HEX.upper()}",
    ):
        with pytest.raises(ApiError) as caught:
            parse_digest(text)
        assert caught.value.code is Code.DIGEST_INVALID
