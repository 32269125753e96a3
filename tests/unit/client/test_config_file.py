from __future__ import annotations

import json

import pytest

from baleen.client.config_file import config_path, update_config
from baleen.errors import InvalidArgument


def _add(config):
    config["auths"] = {"r.io": {}}


def test_what_others_keep_there_stays(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"psFormat": "x", "é": [1]}')
    update_config(str(tmp_path), _add)
    assert json.loads(path.read_text()) == {"psFormat": "x", "é": [1], "auths": {"r.io": {}}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]


def test_the_directory_is_made_for_the_owner_alone(tmp_path):
    directory = tmp_path / "a" / "b"
    update_config(str(directory), _add)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "dotfiles" / "docker.json"
    real.parent.mkdir()
    real.write_text("{}")
    link = tmp_path / "config.json"
    link.symlink_to("dotfiles/docker.json")
    update_config(str(tmp_path), _add)
    assert link.is_symlink()
    assert json.loads(real.read_text()) == {"auths": {"r.io": {}}}


def test_without_a_change_nothing_is_written(tmp_path):
    update_config(str(tmp_path / "none"), lambda config: None)
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_no_json_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{")
    with pytest.raises(InvalidArgument, match="not valid JSON"):
        update_config(str(tmp_path), _add)
    assert path.read_text() == "{"


def test_a_change_that_fails_leaves_the_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{}")
    with pytest.raises(TypeError):
        update_config(str(tmp_path), lambda config: config.update(x=object()))
    assert path.read_text() == "{}"
    assert config_path(str(tmp_path)) == str(path)
