"""The engine is what the builder asks for."""

import inspect

from baleen.build.exec.process import BoundMount, Processes, TmpfsMount
from baleen.engine.build_exec import BuildProcesses


def test_the_engine_runs_processes_as_the_contract_says():
    for name in ("run", "end"):
        wanted, found = getattr(Processes, name), getattr(BuildProcesses, name)
        assert inspect.signature(wanted) == inspect.signature(found)
    assert isinstance(BuildProcesses.remapped, property)


def test_mounts_are_values():
    assert BoundMount("/a", "/b") == BoundMount("/a", "/b", read_only=False)
    assert TmpfsMount("/a") != TmpfsMount("/a", 1)
