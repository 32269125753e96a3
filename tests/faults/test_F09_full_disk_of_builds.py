"""F09: builds on a data root that is full: a clear error, and the space is free again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bed import Bed, wait_until
from building_bed import build, built, context, dockerfile

pytestmark = pytest.mark.integration

SIZE = 48 << 20
TEXT = "no space left on device"
SLACK = 2 << 20  # the database's log


@pytest.fixture(scope="module")
def small():
    """An engine whose data root is a file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    bed = Bed(Path("/tmp") / f"b{os.urandom(3).hex()}")
    bed.place.data_root.mkdir(parents=True)
    data = str(bed.place.data_root)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", data], check=True)
    try:
        bed.open()
        bed.docker("run", "--rm", "busybox", "true")
        yield bed
    finally:
        bed.close()
    assert data not in Path("/proc/self/mountinfo").read_text()


def free(bed: Bed) -> int:
    found = os.statvfs(bed.place.data_root)
    return found.f_bfree * found.f_bsize


BIG = dockerfile("FROM busybox", "COPY big /", big=os.urandom(60 << 20))
HALF = context(
    {"Dockerfile": "FROM busybox\nCOPY half /\nRUN cp /half /again\n", "half": os.urandom(20 << 20)}
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (BIG, TEXT),
        (HALF, TEXT),
        (dockerfile("FROM busybox", "RUN dd if=/dev/zero of=/x bs=1M"), "non-zero code: 1"),
    ],
    ids=["context", "copy", "run"],
)
def test_a_build_that_does_not_fit_says_so_and_gives_the_space_back(small, body, text):
    before = free(small)
    answer = build(small, body, t="full:1")
    assert text in answer.error.lower() + answer.output.lower(), answer
    assert answer.error
    assert small.api("GET", "/images/full:1/json").status == 404
    small.api("POST", "/build/prune?all=1")
    wait_until("the space is free again", lambda: free(small) >= before - SLACK)
    assert built(small, dockerfile("FROM busybox", "RUN echo fits > /o")).image


def test_a_step_whose_layer_does_not_fit_gives_the_space_back_at_once(small):
    before = free(small)
    answer = build(small, dockerfile("FROM busybox", "RUN head -c 24000000 /dev/urandom > /noise"))
    assert TEXT in answer.error.lower(), answer
    wait_until("the space is free again", lambda: free(small) >= before - SLACK)


def test_on_a_full_disk_builds_fail_and_prune_works(small):
    made = built(small, dockerfile("FROM busybox", "RUN head -c 3000000 /dev/urandom > /cached"))
    ballast = small.place.data_root / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    answer = build(small, dockerfile("FROM busybox", "RUN echo new > /o", a=os.urandom(1 << 20)))
    assert answer.error
    assert TEXT in answer.error.lower(), answer
    assert small.process.poll() is None
    assert small.api("DELETE", f"/images/{made.image}").status == 200
    pruned = small.api("POST", "/build/prune?all=1")
    assert pruned.status == 200, pruned
    assert pruned.json()["SpaceReclaimed"] >= 3_000_000
    ballast.unlink()
    assert built(small, dockerfile("FROM busybox", "RUN echo again > /o")).image
