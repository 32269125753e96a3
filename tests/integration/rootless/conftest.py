"""A rootless daemon for the tests of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rootless_bed import new_bed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rootless_bed import RootlessBed


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
