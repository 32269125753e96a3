from __future__ import annotations

import base64
import json

import pytest

from baleen.api.registries import AuthConfig, decode_auth_header
from baleen.errors import InvalidArgument

DOCUMENT = {"username": "é?>~", "password": "p", "serveraddress": "r.io", "unknown": 1}
RAW = json.dumps(DOCUMENT).encode()


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        base64.b64encode(RAW).decode(),
    ],
)
def test_the_header_is_read_in_each_form_that_clients_send(text):
    assert decode_auth_header(text) == AuthConfig(
        username="é?>~", password="p", serveraddress="r.io"
    )


def test_no_header_is_nobody():
    assert decode_auth_header("") == decode_auth_header("e30=") == AuthConfig()


@pytest.mark.parametrize("text", ["%", "e", "AAAA", base64.b64encode(b"[1]").decode(), "é"])
def test_anything_else_is_refused_without_being_repeated(text):
    with pytest.raises(InvalidArgument, match=r"^invalid X-Registry-Auth header$"):
        decode_auth_header(text)
