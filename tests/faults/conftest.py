"""Fixtures of the integration tests, for the faults too: a real daemon, and its leak check."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
# Helpers lie beside their tests; pytest's importlib mode puts no directory on the path.
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "security")]

_spec = importlib.util.spec_from_file_location(
    "integration_fixtures", TESTS / "integration" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

engine = _fixtures.engine
nothing_is_left_behind = _fixtures.nothing_is_left_behind
_registries = importlib.import_module("registry_fixtures")
lease, pki = _registries.lease, _registries.pki
registry, world = _registries.registry, _registries.world
pytest_runtest_makereport = _fixtures.pytest_runtest_makereport
