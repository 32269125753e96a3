from __future__ import annotations

import json

import pytest

from baleen.cli.command import Command
from baleen.cli.session import Session
from baleen.client.selection import HostFlags


@pytest.fixture
def session(fake, tmp_path):
    flags = HostFlags()
    flags.host, flags.config = fake.host, str(tmp_path)
    session = Session(flags, "baleen x", Command(lambda *_: 0, ""))
    yield session
    session.close()


def test_the_engine_is_not_touched_before_it_is_needed(session, fake):
    assert fake.connections == 0
    assert session.client is session.client
    assert session.client.api_version == "1.55"
    assert fake.connections == 1


def test_another_client_has_its_own_connection(session, fake):
    with session.open_client() as other:
        assert other is not session.client
        assert other.api_version == session.client.api_version
    assert fake.connections == 2


def test_the_api_version_can_be_set(session, fake, monkeypatch):
    monkeypatch.setenv("DOCKER_API_VERSION", "1.44")
    assert session.client.api_version == "1.44"
    assert fake.requests == []


def test_settings_are_texts_of_the_configuration_file(session, tmp_path):
    assert session.setting("psFormat") == ""
    (tmp_path / "config.json").write_text(json.dumps({"psFormat": "{{.ID}}", "auths": {}}))
    assert session.setting("psFormat") == "{{.ID}}"
    assert session.setting("auths") == ""
    assert session.config_directory == str(tmp_path)
