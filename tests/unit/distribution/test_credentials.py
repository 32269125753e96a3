from __future__ import annotations

from baleen.distribution.credentials import Credentials


def test_secrets_are_not_shown():
    shown = repr(
        Credentials(username="me", password="pw1", identity_token="id1", registry_token="rt1")
    )
    assert "me" in shown
    assert not any(secret in shown for secret in ("pw1", "id1", "rt1"))


def test_a_password_needs_a_name():
    assert Credentials(username="me", password="x").has_password
    assert not Credentials(password="x").has_password
    assert not Credentials(username="me").has_password
