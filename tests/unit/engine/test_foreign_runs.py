from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from baleen.engine.config import EngineConfig
from baleen.engine.foreign_runs import refuse_foreign_runs
from baleen.errors import Conflict

ID = "c" * 64


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An exec root with one bundle; `listen` is its supervisor."""
    bundle = tmp_path / "run" / "containers" / ID
    bundle.mkdir(parents=True)
    config = EngineConfig(data_root=tmp_path / "data" / "1.1", exec_root=tmp_path / "run")
    with ExitStack() as held:

        def write(state_root, *, runs):
            state_dir = f"{state_root}/containers/{ID}"
            (bundle / "start.json").write_text(json.dumps({"state_dir": state_dir}))
            if runs:
                sock = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                monkeypatch.chdir(bundle)  # the whole path may be too long for an address
                sock.bind("control.sock")
                sock.listen(1)
            return config

        yield write


def test_a_container_of_another_data_root_that_runs_is_refused(place, tmp_path):
    config = place(tmp_path / "data", runs=True)
    with pytest.raises(Conflict, match=r"container cccccccccccc of the data root .* is running"):
        refuse_foreign_runs(config)


def test_ours_and_what_has_ended_and_nonsense_are_let_be(place, tmp_path):
    refuse_foreign_runs(place(tmp_path / "data" / "1.1", runs=True))
    other = place(tmp_path / "data", runs=False)
    (tmp_path / "run" / "containers" / ID / "control.sock").unlink()
    refuse_foreign_runs(other)
    for text in ("", "[]", "{}", '{"state_dir": 1}'):
        (tmp_path / "run" / "containers" / ID / "start.json").write_text(text)
        refuse_foreign_runs(other)
    refuse_foreign_runs(EngineConfig(data_root=tmp_path, exec_root=tmp_path / "none"))
