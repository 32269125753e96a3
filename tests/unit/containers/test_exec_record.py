"""Execs: started once, inspected, forgotten with their container."""

from __future__ import annotations

import pytest

from baleen.containers.exec_record import ExecRecord, ExecStore
from baleen.errors import Conflict, NotFound


@pytest.fixture
def store():
    store = ExecStore()
    for name in ("e1", "e2"):
        store.add(
            ExecRecord(id=name, container_id="c1", command=("sh", "-c", "x"), tty=True, user="7")
        )
    return store


def test_a_new_exec_has_no_exit_code(store):
    shown = store.get("e1").inspect()
    assert (shown.running, shown.exit_code, shown.pid) == (False, None, 0)
    assert shown.process_config.entrypoint == "sh"
    assert shown.process_config.arguments == ["-c", "x"]
    assert shown.process_config.user == "7"


def test_start_and_end(store):
    store.begin("e1")
    store.set_pid("e1", 42)
    assert store.get("e1").inspect().pid == 42
    store.finish("e1", 3)
    shown = store.get("e1").inspect()
    assert (shown.running, shown.exit_code, shown.pid) == (False, 3, 0)
    assert store.running_ids("c1") == ["e2"]


def test_only_the_first_start_counts(store):
    store.begin("e1")
    with pytest.raises(Conflict, match="already running"):
        store.begin("e1")
    store.finish("e1", 0)
    with pytest.raises(Conflict, match="already run"):
        store.begin("e1")


def test_unknown_ids(store):
    for call in (store.get, store.begin):
        with pytest.raises(NotFound, match=r"^No such exec instance: x$"):
            call("x")
    store.finish("x", 1)


def test_forgotten_with_the_container(store):
    store.forget("c1")
    store.forget("c1")
    assert store.of_container("c1") == []
    with pytest.raises(NotFound):
        store.get("e1")
