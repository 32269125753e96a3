"""`baleen registry serve`; serving itself is in tests/integration/registry/test_server.py."""

from __future__ import annotations


def test_what_cannot_be_served_is_said(baleen, tmp_path, monkeypatch):
    monkeypatch.setenv("REGISTRY_HTTP_ADDR", "nowhere")
    outcome = baleen("registry", "serve", "--data", str(tmp_path / "data"))
    assert outcome.code == 1
    assert "'nowhere' is no HOST:PORT" in outcome.err
    outcome = baleen("registry", "serve", str(tmp_path / "none.yml"))
    assert (outcome.code, "no such file" in outcome.err) == (1, True)
    assert baleen("registry", "serve", "a", "b").code == 1


def test_help(baleen):
    out = baleen("registry", "serve", "--help").out
    for flag in ("--addr", "--config", "--data", "--delete"):
        assert flag in out
