"""Those who wait for a container's end."""

from __future__ import annotations

import os

import pytest

from baleen.engine.live import AttachRequest, LiveContainer, LiveContainers, WaitResult


async def test_an_exit_before_a_restart_answers_only_those_who_wait_for_the_next_one():
    live = LiveContainer("c")
    stopped, exited, removed = live.when_not_running(), live.when_exits(), live.when_removed()
    live.exited(WaitResult(3), restarting=True)
    assert exited.result() == WaitResult(3)
    assert not stopped.done()
    live.exited(WaitResult(4), restarting=False)
    assert stopped.result() == WaitResult(4)
    assert not removed.done()
    live.removed()
    assert removed.result() == WaitResult(4)


async def test_a_waiter_who_went_away_is_forgotten():
    live = LiveContainer("c")
    gone, stays = live.when_exits(), live.when_exits()
    gone.cancel()
    live.exited(WaitResult(0), restarting=False)
    assert gone.cancelled()
    assert stays.result() == WaitResult(0)


async def test_removal_closes_clients_that_waited_for_a_start():
    reading, writing = os.pipe()
    live = LiveContainer("c")
    live.pending.append(
        AttachRequest(
            fd=writing,
            early=b"",
            stdin=False,
            stdout=True,
            stderr=True,
            framed=True,
            detach_keys="",
        )
    )
    live.removed()
    assert os.read(reading, 1) == b""
    os.close(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)


def test_the_same_id_is_the_same_object():
    lives = LiveContainers()
    assert lives["a"] is lives["a"]
    lives.forget("a")
    assert list(lives) == []
