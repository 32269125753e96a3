"""Each case of the corpus on one daemon: its image's configuration and files, or its error.

All are built side by side from the first test on; a test waits for its own case.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import leaks
import pytest
from bed import Bed, running, wait_until
from building import CliBuilder, HttpBuilder, files_served, run
from corpus import Case, differences, load
from quick_bed import QuickBed

from baleen.build.dockerfile.parser import parse
from baleen.errors import BaleenError

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = load()
_PARALLEL = 4
_SETTLED_S = 25.0


def _name(case: Case) -> str:
    return f"{case.topic}/{case.name}"


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[list[str]]]]:
    """What is not as expected, by case; in the end nothing but cache may be left."""
    chosen = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path.name == "test_corpus.py" and item.originalname == "test_case"
    ]
    for bed in running(QuickBed):
        builder, cli = HttpBuilder(str(bed.socket)), CliBuilder(str(bed.socket), "docker")
        kept = bed.inventory()
        before = leaks.take(bed.place, None)
        with (
            files_served(chosen, bed.netns, tmp_path_factory.mktemp("files") / "served"),
            ThreadPoolExecutor(_PARALLEL) as pool,
        ):
            yield {case.name: pool.submit(run, case, builder, cli, export=True) for case in chosen}
            pool.shutdown(cancel_futures=True)
        _nothing_is_left(bed, kept, before)


def _nothing_is_left(bed: Bed, kept: dict[str, set[str]], before: leaks.Snapshot) -> None:
    bed.remove_everything(kept)
    # Layers of the cache stay on purpose, and so do the files of cache mounts.
    layers = str(bed.data_root / "snapshots")
    found: list[str] = []

    def clean() -> bool:
        now = leaks.take(bed.place, None).leaks_since(before)
        found[:] = [line for line in now if not line.startswith(f"file {layers}")]
        return not found

    try:
        wait_until("nothing is left", clean, timeout_s=_SETTLED_S, every_s=0.05)
    except AssertionError:
        pytest.fail("left behind:\n" + "\n".join(found))


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_case(case: Case, verdicts: dict[str, Future[list[str]]]) -> None:
    found = verdicts[case.name].result()
    assert not found, "\n".join([case.sentence, *found])


def test_the_parser_takes_all_that_builds() -> None:
    """Without a daemon: whatever is built, as a base too, is a Dockerfile to the parser."""
    found = []
    for case in CASES:
        texts = [build.dockerfile for build in case.builds if not build.fails]
        for text in [*case.images.values(), *texts]:
            try:
                parse(text)
            except BaleenError as err:
                found.append(f"{case.name}: {err}")
    assert not found, "\n".join(found)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 150


def test_the_readme_lists_where_the_peers_differ() -> None:
    text = (Path(__file__).parent / "README.md").read_text()
    assert differences() in text, "write it anew with: python corpus.py"
