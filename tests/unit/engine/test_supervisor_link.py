"""The link to a supervisor: replies find their requests, events come in order, loss is told."""

from __future__ import annotations

import asyncio
import json
import os
import socket

import pytest

from baleen.engine.supervisor_link import SupervisorLink
from baleen.errors import Internal, NotFound, StartFailed, Unavailable


@pytest.fixture
async def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    events, lost = [], asyncio.Event()
    link = SupervisorLink(ours, events.append, lost.set)
    yield link, theirs, events, lost
    link.close()
    theirs.close()


def answer(theirs, **fields):
    theirs.send(json.dumps(fields).encode())


async def test_replies_find_their_requests_in_any_order(pair):
    link, theirs, _, _ = pair
    first, second = link.send("start"), link.send("state")
    assert json.loads(theirs.recv(4096)) == {"seq": 1, "op": "start"}
    answer(theirs, reply=2, ok=True, pid=7)
    answer(theirs, reply=1, ok=True, pid=6)
    assert (await second)["pid"] == 7
    assert (await first)["pid"] == 6


async def test_an_error_reply_raises_what_it_says(pair):
    link, theirs, _, _ = pair
    start, other = link.send("start"), link.send("resize")
    error = {"stage": "execve", "message": 'exec: "x": not found', "exit_code": 127}
    answer(theirs, reply=1, ok=False, error=error)
    answer(theirs, reply=2, ok=False, error={"stage": "ioctl", "message": "bad size"})
    with pytest.raises(StartFailed, match="not found") as caught:
        await start
    assert caught.value.exit_code == 127
    with pytest.raises(Internal, match="bad size"):
        await other


async def test_events_come_in_order_between_replies(pair):
    link, theirs, events, _ = pair
    reply = link.send("start")
    answer(theirs, event="oom")
    answer(theirs, reply=1, ok=True)
    answer(theirs, event="exited")
    await reply
    last = link.send("state")
    answer(theirs, reply=2, ok=True)
    await last
    assert [event["event"] for event in events] == ["oom", "exited"]


async def test_a_dead_supervisor_fails_open_requests_and_is_told(pair):
    link, theirs, _, lost = pair
    reply = link.send("exec")
    theirs.close()
    async with asyncio.timeout(5):
        await lost.wait()
    with pytest.raises(Unavailable):
        await reply
    assert not link.is_open
    with pytest.raises(Unavailable):
        await link.send("state")


async def test_descriptors_travel_with_the_request(pair, tmp_path):
    link, theirs, _, _ = pair
    with (tmp_path / "f").open("w+b") as file:
        file.write(b"hello")
        file.flush()
        link.send("attach", fds=[file.fileno()])
    _, fds, _, _ = socket.recv_fds(theirs, 4096, 4)
    assert os.pread(fds[0], 10, 0) == b"hello"
    os.close(fds[0])


async def test_connecting_to_nobody_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        SupervisorLink.connect(tmp_path / "control.sock", print, print)
