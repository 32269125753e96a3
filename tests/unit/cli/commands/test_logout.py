from __future__ import annotations

import json

import pytest


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "no-config" / "config.json"
    path.parent.mkdir()
    return path


def test_a_server_is_forgotten_under_each_of_its_names(baleen, fake, config):
    auths = {name: {"auth": "YTpi"} for name in ("r.io:5000", "https://r.io:5000", "other.io")}
    config.write_text(json.dumps({"auths": auths, "psFormat": "x"}))
    outcome = baleen("logout", "r.io:5000")
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        "Removing login credentials for r.io:5000\n",
        "",
    )
    assert json.loads(config.read_text()) == {
        "auths": {"other.io": {"auth": "YTpi"}},
        "psFormat": "x",
    }
    assert fake.requests == []


@pytest.mark.parametrize("argv", [[], ["docker.io"]])
def test_docker_hub_is_meant_by_default(baleen, config, argv):
    config.write_text('{"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}}}')
    assert baleen("logout", *argv).out == (
        "Removing login credentials for https://index.docker.io/v1/\n"
    )
    assert json.loads(config.read_text()) == {"auths": {}}


def test_nothing_to_forget_is_no_error_and_writes_nothing(baleen, config):
    assert baleen("logout", "r.io").code == 0
    assert not config.exists()


def test_a_helper_that_fails_is_told_of(baleen, config):
    config.write_text('{"credHelpers": {"r.io": "of-nobody"}}')
    outcome = baleen("logout", "r.io")
    assert outcome.code == 0
    assert outcome.err.startswith("WARNING: could not erase credentials:\nr.io: error getting")
