"""Fixtures of the integration tests: a real daemon per module, and a leak check per test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Test helpers lie beside this file; pytest's importlib mode puts no directory on the path.
sys.path.insert(0, str(Path(__file__).parent))

import leaks
from bed import Bed, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAK_DEADLINE_S = 25.0  # more than the time after which idle workers are let go


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the daemon's log beside the failure of a test that uses one."""
    outcome = yield
    report = outcome.get_result()
    bed = item.funcargs.get("engine") if hasattr(item, "funcargs") else None
    if report.failed and isinstance(bed, Bed):
        report.sections.append(("baleend log", bed.log_tail(80)))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A running daemon with the embedded images; one for all tests of a module."""
    yield from running(Bed)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After the test's objects are removed, kernel and disk have to be as before."""
    if "engine" not in request.fixturenames:
        yield
        return
    bed: Bed = request.getfixturevalue("engine")
    if bed.process is None:  # a failed test left the daemon down
        bed.start()
    kept = bed.inventory()
    before = leaks.take(bed.place, bed.pid)
    yield
    if bed.process is None:
        bed.start()
    assert bed.process.poll() is None, f"the daemon died:\n{bed.log_tail()}"
    bed.remove_everything(kept)
    found: list[str] = []

    def clean() -> bool:
        found[:] = leaks.take(bed.place, bed.pid).leaks_since(before)
        return not found

    try:
        # Namespaces and links die behind the answer of the API.
        wait_until("nothing is left", clean, timeout_s=_LEAK_DEADLINE_S, every_s=0.05)
    except AssertionError:
        pytest.fail("left behind:\n" + "\n".join(found))
