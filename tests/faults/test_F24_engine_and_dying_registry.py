"""F24 through the engine: the registry dies in the middle of a pull or a push."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from debian_registry import lying_registry, tar_of
from lying_registry import LyingRegistry, cut_at, stall, status

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

SIZE = 3_000_000


@pytest.fixture
def registry(engine) -> Iterator[LyingRegistry]:
    with lying_registry(engine) as registry:
        yield registry


def test_a_pull_goes_on_where_it_was_cut_and_says_so(engine, registry):
    image = registry.add_image("x", "1", [tar_of("a", SIZE)])
    layer = image.layers[0]
    registry.lie("GET", layer, cut_at(1_000_000, reset=True))
    registry.lie("GET", layer, cut_at(500_000))
    answer = engine.api("POST", f"/images/create?fromImage={registry.authority}/x&tag=1")
    messages = [json.loads(line) for line in answer.body.splitlines()]
    assert messages[-1]["status"].startswith("Status: Downloaded newer image")
    ranges = [request.headers.get("Range") for request in registry.asked("GET", layer)]
    assert len(ranges) == 3
    assert ranges[0] is None
    assert all(int(text[6:-1]) > 0 for text in ranges[1:])


def test_a_registry_that_stays_away_leaves_nothing_and_the_next_pull_takes_up_the_rest(
    engine, registry
):
    image = registry.add_image("x", "1", [tar_of("a"), tar_of("b", SIZE)])
    whole, part = image.layers
    name = f"{registry.authority}/x:1"
    registry.lie("GET", part, cut_at(1_000_000))
    # 404 is an answer: nothing is tried again, unlike after a cut connection.
    registry.lie("GET", part, status(404))
    message = engine.fails("pull", name)
    assert message.strip()
    assert engine.out("images", "-q", name) == ""
    del registry.requests[:]
    engine.docker("pull", name)
    (request,) = registry.asked("GET", part)
    assert int(request.headers["Range"][6:-1]) >= 900_000
    assert len(registry.asked("GET", whole)) <= 1


def test_a_push_that_breaks_makes_no_tag_and_the_next_one_succeeds(engine, registry):
    name = f"{registry.authority}/big:1"
    engine.docker("import", "-", name, stdin=tar_of("a", SIZE))
    registry.lie("POST", "/blobs/uploads/", status(507))
    assert engine.fails("push", name).strip()
    assert ("big", "1") not in registry.manifests
    registry.lie("PUT", "/manifests/1", status(500), times=1)
    engine.docker("push", name)
    assert len(registry.asked("PUT", "/manifests/1")) == 2
    engine.docker("rmi", name)
    engine.docker("pull", name)


def test_a_daemon_killed_in_the_middle_of_a_pull_goes_on_with_it(engine, registry):
    """F01's part: kill -9 while one layer is complete and another one half here."""
    image = registry.add_image("x", "1", [tar_of("a"), tar_of("b", SIZE)])
    whole, part = image.layers
    name = f"{registry.authority}/x:1"
    registry.lie("GET", part, stall(after=1_500_000))
    pull = engine.popen("pull", name)
    try:
        assert pull.stdout is not None
        for line in pull.stdout:
            if line.startswith(whole[7:19].encode()) and b"Pull complete" in line:
                break
        wait_for_partial(engine, part, 1_000_000)
        engine.kill9()
        pull.wait(10)
    finally:
        pull.kill()
        pull.communicate()
    engine.start()
    assert engine.out("images", "-q", name) == ""
    del registry.requests[:]
    engine.docker("pull", name)
    (request,) = registry.asked("GET", part)
    assert int(request.headers["Range"][6:-1]) >= 1_000_000
    assert engine.api("GET", f"/images/{name}/json").json()["RepoTags"] == [name]


def test_a_daemon_that_is_asked_to_end_waits_for_no_registry(engine, registry):
    image = registry.add_image("x", "1", [tar_of("a", SIZE)])
    registry.lie("GET", image.layers[0], stall(after=1_500_000))
    pull = engine.popen("pull", f"{registry.authority}/x:1")
    try:
        wait_for_partial(engine, image.layers[0], 1_000_000)
        begun = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - begun < 10  # --shutdown-timeout is 15
        assert pull.wait(10) == 1
    finally:
        pull.kill()
        pull.communicate()
    assert "Traceback" not in engine.log_tail()
    engine.start()
    engine.docker("pull", f"{registry.authority}/x:1")


def wait_for_partial(engine, digest: str, size: int) -> None:
    from bed import wait_until

    path = engine.data_root / "content/ingest" / digest.replace(":", "-")
    wait_until(
        "a part of the layer is on the disk",
        lambda: path.exists() and path.stat().st_size >= size,
    )
