"""Images as they are built in the world: multi-stage applications, Debian packages, servers.

All are built side by side from the first test on, on a Debian base made from packages, and most of
them are run; a test waits for its own.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from bed import running
from building import CliBuilder, HttpBuilder, run
from corpus import SHAPES, Case, load
from debian_base import available, debian_base, with_packages
from quick_bed import QuickBed

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = load(SHAPES)


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[list[str]]]]:
    if not available():
        pytest.skip("needs mmdebstrap and apt-get: the base is made from Debian's packages")
    root, packages = debian_base()
    chosen = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path.name == "test_shapes.py" and item.originalname == "test_shape"
    ]
    for bed in running(QuickBed):
        builder, cli = HttpBuilder(str(bed.socket)), CliBuilder(str(bed.socket), "docker")
        bed.docker("import", str(root), "debian:bookworm-slim", timeout_s=120)
        with ThreadPoolExecutor(3) as pool:
            yield {
                case.name: pool.submit(run, with_packages(case, packages), builder, cli)
                for case in chosen
            }
            pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shape(case: Case, verdicts: dict[str, Future[list[str]]]) -> None:
    found = verdicts[case.name].result()
    assert not found, "\n".join([case.sentence, *found])


def test_there_are_as_many_as_promised() -> None:
    assert len(CASES) >= 20
