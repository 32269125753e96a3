from __future__ import annotations

import json


def test_both_sides(baleen, fake, fakes):
    fake.on("GET", "/version", fakes.Reply({"Version": "9", "ApiVersion": "1.55"}))
    assert baleen("version", "--format", "{{.Server.Version}}").out == "9\n"
    assert json.loads(baleen("version", "--format", "json").out)["Server"]["Version"] == "9"
    out = baleen("version").out
    assert out.startswith("Client: Baleen Engine\n Version:")
    assert " Engine:\n  Version:         9\n" in out


def test_the_client_alone_asks_nobody(baleen, fake):
    assert baleen("version", "--client").code == 0
    assert baleen("--version").out.startswith("Baleen version ")
    assert fake.requests == []


def test_without_an_engine_the_client_is_shown(baleen):
    outcome = baleen("version")
    assert outcome.code == 1
    assert outcome.out.startswith("Client:")
