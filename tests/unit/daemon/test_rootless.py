"""`--rootless`: what the options are when they are not given, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from baleen.daemon.config import load_config, parse_arguments
from baleen.errors import InvalidArgument


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def settled(*flags):
    return load_config(parse_arguments(["--rootless", *flags]))


def test_places_are_the_users(runtime):
    config = settled()
    assert config.hosts == [f"unix://{runtime}/baleen.sock"]
    assert config.data_root == Path("/home/me/.local/share/baleen")
    assert config.exec_root == runtime / "baleen"
    assert config.pidfile == runtime / "baleen/baleend.pid"
    assert config.rootless_network == "auto"


def test_flags_and_the_users_file_choose(runtime):
    (runtime / "config/baleen").mkdir(parents=True)
    (runtime / "config/baleen/daemon.json").write_text('{"rootless-network": "pasta"}')
    config = settled("--data-root", "/srv/x")
    assert config.data_root == Path("/srv/x")
    assert config.rootless_network == "pasta"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-H", "tcp://0.0.0.0:2375"), "does not work with --rootless"),
        (("--rootless-network", "vpnkit"), "'vpnkit' is none of auto, none"),
    ],
)
def test_what_cannot_work_is_refused(runtime, flags, message):
    with pytest.raises(InvalidArgument, match=message):
        settled(*flags)


def test_without_the_flag_nothing_is_the_users(runtime):
    config = load_config(parse_arguments([]))
    assert not config.rootless
    assert config.data_root == Path("/var/lib/baleen")
    assert os.environ["XDG_RUNTIME_DIR"] not in config.hosts[0]
