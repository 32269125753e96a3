from __future__ import annotations

import base64

import pytest

from baleen.errors import Unauthorized
from baleen.registry.auth.credentials import (
    Basic,
    Bearer,
    basic_challenge,
    bearer_challenge,
    parse_credentials,
)
from baleen.registry.auth.scopes import repository_scope


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (None, None),
        ("", None),
        (basic(":"), None),
        (basic("ann:se:cret"), Basic("ann", "se:cret")),
        (basic("böb:ü"), Basic("böb", "ü")),
        ("bAsIc " + base64.b64encode(b"a:b").decode(), Basic("a", "b")),
        ("Bearer abc.def", Bearer("abc.def")),
        ("bearer  abc", Bearer("abc")),
    ],
)
def test_credentials(header, credentials):
    assert parse_credentials(header) == credentials


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !",
        "Basic " + base64.b64encode(b"ann").decode(),
        "Bearer",
        "Digest x",
        "Basic /w==",
        "x",
    ],
)
def test_malformed_credentials_are_not_taken_for_none(header):
    with pytest.raises(Unauthorized):
        parse_credentials(header)


def test_challenges():
    assert basic_challenge("the registry") == 'Basic realm="the registry"'
    assert (
        bearer_challenge("https://a/token", "a", []) == 'Bearer realm="https://a/token",service="a"'
    )
    assert bearer_challenge(
        "https://a/token", "a", [repository_scope("b", "push", "pull")], error="invalid_token"
    ) == (
        'Bearer realm="https://a/token",service="a",scope="repository:b:pull,push"'
        ',error="invalid_token"'
    )
