"""Fixtures of the integration tests for the attack cases: a real daemon, and its leak check."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
# Helpers lie beside their tests; pytest's importlib mode puts no directory on the path.
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "security")]


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_fixtures = _load("integration_fixtures", TESTS / "integration" / "conftest.py")
_without_root = _load("rootless_fixtures", TESTS / "integration" / "rootless" / "conftest.py")

engine = _fixtures.engine
nothing_is_left_behind = _fixtures.nothing_is_left_behind
rootless = _without_root.rootless
nothing_is_left_of_a_test = _without_root.nothing_is_left_of_a_test
_registries = importlib.import_module("registry_fixtures")
lease, pki = _registries.lease, _registries.pki
registry, world = _registries.registry, _registries.world
pytest_runtest_makereport = _fixtures.pytest_runtest_makereport
