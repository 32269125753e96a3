"""`baleen registry issuer`; serving is in tests/integration/registry/auth/test_token_server.py."""

from __future__ import annotations


def test_what_cannot_be_served_is_said(baleen, tmp_path, monkeypatch):
    outcome = baleen("registry", "issuer", "--data", str(tmp_path / "data"))
    assert outcome.code == 1
    assert "auth.issuer.realm is missing" in outcome.err
    monkeypatch.setenv("REGISTRY_AUTH_ISSUER_REALM", "https://a/token")
    monkeypatch.setenv("REGISTRY_AUTH_ISSUER_SERVICE", "a")
    outcome = baleen("registry", "issuer", "--data", str(tmp_path / "data"))
    assert "auth.issuer.htpasswd is missing" in outcome.err
    assert not (tmp_path / "data/tokens.sqlite").exists()


def test_help(baleen):
    out = baleen("registry", "issuer", "--help").out
    for flag in ("--addr", "--config", "--data"):
        assert flag in out
