"""The places of a user's engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from baleen.errors import FailedPrecondition
from baleen.rootless.directories import user_directories


@pytest.fixture
def runtime(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


def test_defaults_are_those_of_the_specification(runtime):
    places = user_directories({"HOME": "/home/me", "XDG_RUNTIME_DIR": str(runtime)})
    assert places.data == Path("/home/me/.local/share/baleen")
    assert places.config == Path("/home/me/.config/baleen")
    assert places.state == runtime / "baleen"


def test_variables_choose_and_relative_ones_are_ignored(runtime):
    environment = {
        "HOME": "/home/me",
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": "/srv/data",
        "XDG_CONFIG_HOME": "relative",
    }
    places = user_directories(environment)
    assert places.data == Path("/srv/data/baleen")
    assert places.config == Path("/home/me/.config/baleen")


def test_a_runtime_directory_that_others_write_to_is_refused(runtime):
    runtime.chmod(0o777)
    with pytest.raises(FailedPrecondition, match="is not only yours"):
        user_directories({"XDG_RUNTIME_DIR": str(runtime)})


def test_one_that_is_not_there_is_named(runtime):
    with pytest.raises(FailedPrecondition, match=r"missing.*No such file"):
        user_directories({"XDG_RUNTIME_DIR": str(runtime / "missing")})
