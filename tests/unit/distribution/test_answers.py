from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from baleen.distribution.answers import (
    Unreachable,
    code_of,
    refusal,
    retry_after_s,
    shown,
    status_of,
    transient,
)
from baleen.distribution.challenges import Challenge
from baleen.errors import (
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthorized,
    Unavailable,
)


def body(*pairs):
    return json.dumps({"errors": [{"code": c, "message": m} for c, m in pairs]}).encode()


@pytest.mark.parametrize(
    ("status", "pair", "kind", "text"),
    [
        (404, ("MANIFEST_UNKNOWN", "manifest unknown"), NotFound,
         "manifest unknown: manifest unknown"),
        (404, ("NAME_UNKNOWN", ""), NotFound,
         "name unknown: repository name not known to registry"),
        (403, ("DENIED", "requested access to the resource is denied"), PermissionDenied,
         "denied: requested access to the resource is denied"),
        (401, ("UNAUTHORIZED", "authentication required"), Unauthorized,
         "unauthorized: authentication required"),
        (429, ("TOOMANYREQUESTS", "slow down"), Unavailable, "toomanyrequests: slow down"),
        (400, ("DIGEST_INVALID", "no"), InvalidArgument, "digest invalid: no"),
    ],
)  # fmt: skip
def test_a_code_becomes_a_class_and_dockers_words(status, pair, kind, text):
    err = refusal(status, "x", [], body(pair))
    assert type(err) is kind
    assert err.message == text
    assert (code_of(err), status_of(err)) == (pair[0], status)


def test_several_errors_are_listed():
    err = refusal(401, "x", [], body(("DENIED", "a"), ("UNAUTHORIZED", "b")))
    assert err.message == "errors:\ndenied: a\nunauthorized: b\n"


def test_a_token_without_the_right_is_denied_and_not_unauthorized():
    challenge = Challenge("bearer", {"error": "insufficient_scope"})
    err = refusal(401, "x", [challenge], body(("UNAUTHORIZED", "authentication required")))
    assert type(err) is PermissionDenied
    assert err.message == "denied: requested access to the resource is denied"


def test_the_token_services_own_words_are_shown():
    err = refusal(401, "x", [], b'{"details": "incorrect username or password"}')
    assert err.message == "unauthorized: incorrect username or password"


@pytest.mark.parametrize(
    ("status", "code"), [(401, "UNAUTHORIZED"), (403, "DENIED"), (429, "TOOMANYREQUESTS")]
)
def test_a_status_without_a_body_says_enough(status, code):
    assert code_of(refusal(status, "x", [], b"")) == code


def test_a_failing_server_is_unavailable():
    err = refusal(502, "Bad Gateway", [], b"<html>")
    assert type(err) is Unavailable
    assert err.message == "received unexpected HTTP status: 502 Bad Gateway"
    assert transient(err)


@pytest.mark.parametrize(
    "raw", [b"<html>no</html>", b"", b"[" * 100_000, b"\xff", b'{"errors": 1}']
)
def test_what_is_no_answer_of_a_registry_is_said_so(raw):
    err = refusal(404, "Not Found", [], raw)
    assert type(err) is NotFound
    assert err.message.startswith("error parsing HTTP 404 response body")
    assert len(err.message) < 500


def test_text_of_a_registry_cannot_play_with_the_terminal():
    assert shown("\x1b[31mred\r\nline\x9b") == "[31mred line"
    assert len(shown("x" * 100_000)) == 1024
    err = refusal(403, "x", [], body(("\x1b[0m", "\x1b]0;title\x07")))
    assert "\x1b" not in err.message


def test_what_may_pass_is_transient():
    assert transient(refusal(429, "", [], b""))
    assert transient(Unreachable("cut"))
    assert not transient(Unreachable("tls", untrusted=True))
    assert not transient(refusal(404, "", [], b""))


def test_retry_after_is_seconds_or_a_date():
    def asked(text):
        return retry_after_s(refusal(429, "", [], b"", text))

    assert asked("17") == 17
    assert 50 < asked(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert asked(formatdate(time.time() - 60, usegmt=True)) == 0
    assert asked("soon") is None
    assert asked("") is None
    assert asked("-5") is None
