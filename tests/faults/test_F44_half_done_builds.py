"""F44: a daemon that is asked to end while it builds ends in time, and its steps with it."""

from __future__ import annotations

import secrets
import time

import pytest
from building_bed import built, dockerfile, request, wait_for_end, wait_for_process

pytestmark = pytest.mark.integration

SHUTDOWN_S = 15


def test_sigterm_ends_half_done_builds(engine):
    mark = f"{secrets.randbelow(10**6) + 10**6}.25"
    with (
        request(engine, dockerfile("FROM busybox", f"RUN trap '' TERM; sleep {mark}")),
        request(engine, dockerfile("FROM busybox", f"RUN echo x; sleep {mark}1")),
    ):
        wait_for_process(mark)
        wait_for_process(f"{mark}1")
        begin = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - begin < SHUTDOWN_S
    wait_for_end(mark)
    engine.start()
    assert built(engine, dockerfile("FROM busybox", "RUN echo after")).image
