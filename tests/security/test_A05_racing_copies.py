"""A05 (containerd CVE-2025-47290 class): a container swaps directories of a volume under `cp`.

The racer exchanges directories of a shared volume for links to the host's canary, each way of
climbing, while archives are copied into and out of another container that has the volume. Who
checks a path and then walks it again writes, or reads, where the link leads on the host.
"""

from __future__ import annotations

import os

import pytest
from attack_lab import Layer, canary, put
from racing import flipping, repeat

from baleen.linux import inotify

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

COPIES = 240
PAIRS = [("real", "out"), ("other", "climb"), ("third", "up")]


@pytest.fixture(params=["running", "stopped"])
def places(engine, tmp_path, request):
    """(shared directory, canary); container `box` has the first at /s."""
    shared, host = tmp_path / "shared", tmp_path / "canary"
    for name, _ in PAIRS:
        (shared / name / "deep").mkdir(parents=True)
        (shared / name / "kept").write_text("of the volume\n")
    (shared / "out").symlink_to(host)
    (shared / "climb").symlink_to("/" + "../" * 12 + str(host)[1:])
    (shared / "up").symlink_to("../" * 20 + str(host)[1:])
    engine.docker("run", "-d", "--name", "box", "-v", f"{shared}:/s", "busybox", "sleep", "1000")
    if request.param == "stopped":
        engine.docker("stop", "-t", "0", "box")
    return shared, host


def test_nothing_is_written_through_a_swapped_directory(engine, places):
    shared, host = places
    with canary(host), inotify.init() as watch:
        (host / "deep").mkdir()
        for directory in (host, host / "deep"):
            events = inotify.IN_CREATE | inotify.IN_MOVED_TO | inotify.IN_ATTRIB
            inotify.add_watch(watch.fileno(), str(directory), events)

        def copy(number: int) -> int:
            name = PAIRS[number % 3][0]
            if number % 2:  # the swapped directory is on the way to where it is unpacked,
                data = Layer().file(f"new{number}", b"x").directory("deep").file("deep/f", b"x")
                return put(engine, "box", f"/s/{name}", bytes(data)).status
            # or on the way of an entry.
            data = Layer().file(f"{name}/new{number}").file(f"{name}/deep/f")
            data.file(f"{name}/kept", b"of the volume\n", mode=0o600).hardlink(
                f"{name}/deep/link", f"{name}/kept"
            )
            return put(engine, "box", "/s", bytes(data)).status

        with flipping(engine, shared, PAIRS):
            statuses = repeat(COPIES, copy, clients=2)
        # Both ways happened: it was written into a directory, or refused.
        assert statuses.count(200) > COPIES // 20, statuses
        assert set(statuses) <= {200, 400, 403, 404, 409, 500}, statuses
        assert sorted(os.listdir(host)) == ["deep", "kept"]
        assert os.listdir(host / "deep") == []
        os.set_blocking(watch.fileno(), False)
        with pytest.raises(BlockingIOError):
            os.read(watch.fileno(), 4096)
        (host / "deep").rmdir()


def test_nothing_is_read_through_a_swapped_directory(engine, places):
    shared, host = places
    with canary(host):

        def copy(number: int) -> bytes:
            name = PAIRS[number % 3][0]
            path = (f"/s/{name}/kept", f"/s/{name}", f"/s/{name}/.", "/s")[number % 4]
            answer = engine.api("GET", f"/containers/box/archive?path={path}")
            assert b"host\n" not in answer.body, path
            return answer.body

        with flipping(engine, shared, PAIRS):
            bodies = repeat(COPIES, copy, clients=2)
        assert sum(b"of the volume\n" in body for body in bodies) > COPIES // 20
