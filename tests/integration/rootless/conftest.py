"""A rootless daemon for the tests of a module."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rootless_bed import RootlessBed, missing, user_python

if TYPE_CHECKING:
    from collections.abc import Iterator


def new_bed() -> RootlessBed:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes a user")
    lacking = missing(["docker", "useradd", "newuidmap", "setpriv", "slirp4netns", "pasta"])
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    if user_python() is None:
        pytest.skip("needs a Python that others than root may execute")
    return RootlessBed(Path("/tmp") / f"b{os.urandom(3).hex()}")


@pytest.fixture(scope="module")
def rootless() -> Iterator[RootlessBed]:
    bed = new_bed()
    try:
        bed.open()
        yield bed
        bed.end()
    finally:
        bed.close()


@pytest.fixture(autouse=True)
def nothing_is_left_of_a_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test's objects are removed, only the daemon's own processes are there."""
    if "rootless" not in request.fixturenames:
        yield
        return
    bed: RootlessBed = request.getfixturevalue("rootless")
    if bed.process is None:
        bed.start()
    kept = bed.inventory()
    yield
    if bed.process is None:
        bed.start()
    bed.remove_everything(kept)
