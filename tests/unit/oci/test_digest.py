"""Digests hold only what the grammar of their algorithm allows."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest

SHA256 = "sha256:" + "0" * 63 + "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid checksum digest format"),
        ("sha256", "invalid checksum digest format"),
        (":" + "a" * 64, "invalid checksum digest format"),
        ("sha256:" + "A" * 64, "invalid checksum digest format"),
        ("sha256:" + "a" * 63, "invalid checksum digest length"),
        ("sha256:" + "a" * 65, "invalid checksum digest length"),
        ("sha256:" + "a" * 63 + "\n", "invalid checksum digest format"),
        ("sha256:" + "../" * 21 + "a", "invalid checksum digest format"),
        ("md5:" + "a" * 32, "unsupported digest algorithm"),
        ("SHA256:" + "a" * 64, "unsupported digest algorithm"),
    ],
)
def test_a_bad_digest_is_refused_in_dockers_words(text, message):
    with pytest.raises(InvalidArgument, match=f"^{message}$"):
        Digest(text)


def test_parts_of_a_digest():
    digest = Digest(SHA256)
    assert (digest.algorithm, digest.encoded, digest.short) == ("sha256", SHA256[7:], "0" * 12)
    assert digest == SHA256


@given(st.binary(max_size=200))
def test_content_matches_its_own_digest_only(data):
    digest = Digest.of(data)
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert digest.matches(data)
    assert not digest.matches(data + b"x")


def test_sha512_is_known():
    hasher = hashlib.sha512(b"x")
    digest = Digest.from_hasher("sha512", hasher)
    assert digest.matches(b"x")


@given(st.text(max_size=200))
def test_any_text_is_refused_or_kept_as_it_is(text):
    try:
        digest = Digest(text)
    except InvalidArgument:
        return
    assert str(digest) == text
