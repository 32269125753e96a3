from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest
from baleen.registry.access import ANYBODY
from baleen.registry.events import Event, EventAction
from baleen.registry.notifications.couriers import Couriers, Endpoint, Ignore, check_endpoints
from baleen.registry.notifications.queue import EventQueue
from baleen.registry.watching.metrics import Metrics


def event(tag, action=EventAction.PUSH, media_type="application/vnd.oci.image.index.v1+json"):
    return Event(action, "a", Digest("sha256:" + "0" * 64), media_type, 1, tag, "", ANYBODY, None)


class Receiver:
    """An endpoint that answers as it is told, and notes what it took."""

    def __init__(self):
        self.answers = []
        self.taken = asyncio.Queue()
        self.requests = []
        self.reached = asyncio.Event()

    async def handle(self, request):
        body = msgspec.json.decode(await request.read())
        self.requests.append(request)
        self.reached.set()
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = 200
        if answer < 400:
            for entry in body["events"]:
                self.taken.put_nowait(entry)
        headers = {"Location": "http://127.0.0.1:1/"} if answer == 302 else {}
        return web.Response(status=answer, headers=headers)

    async def tags(self, count):
        async with asyncio.timeout(10):
            return [(await self.taken.get())["target"]["tag"] for _ in range(count)]


@pytest.fixture
async def receiver():
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def couriers(path, *endpoints, metrics=None, complaints=None):
    queue = EventQueue(path)
    made = Couriers(
        list(endpoints),
        queue,
        url_base="",
        metrics=metrics or Metrics(),
        complain=(complaints if complaints is not None else []).append,
    )
    task = asyncio.create_task(made.run())
    yield made, queue
    task.cancel()
    await asyncio.wait([task])
    queue.close()


async def test_events_arrive_in_order_with_the_configured_headers(receiver, tmp_path):
    endpoint = Endpoint(name="hook", url=receiver.url, headers={"Authorization": ["Bearer x"]})
    async with couriers(tmp_path / "q", endpoint) as (made, _):
        for number in range(120):
            made.emit(event(str(number)))
        assert await receiver.tags(120) == [str(number) for number in range(120)]
    headers = receiver.requests[0].headers
    assert headers["Authorization"] == "Bearer x"
    assert headers["Content-Type"] == "application/vnd.docker.distribution.events.v2+json"
    assert len(receiver.requests) < 10


async def test_a_failing_endpoint_is_tried_again_and_misses_nothing(receiver, tmp_path):
    receiver.answers = [500, 404, 302, 500]
    metrics, complaints = Metrics(), []
    endpoint = Endpoint(name="hook", url=receiver.url, backoff="10ms")
    async with couriers(tmp_path / "q", endpoint, metrics=metrics, complaints=complaints) as (
        made,
        _,
    ):
        made.emit(event("a"))
        # 302 is a receipt, as with distribution, and not followed.
        assert await receiver.tags(1) == ["a"]
        made.emit(event("b"))
        assert await receiver.tags(1) == ["b"]
    assert complaints[0] == "notifications do not reach hook: it answers 500"
    text = metrics.exposition()[1].decode()
    assert 'deliveries_total{endpoint="hook",result="failed"} 3.0' in text
    # Whether the last receipt was counted before the end is chance.
    assert re.search(r'deliveries_total{endpoint="hook",result="succeeded"} [12]\.0', text)


async def test_a_slow_endpoint_delays_neither_pushes_nor_others(receiver, tmp_path):
    release = asyncio.Event()
    receiver.answers = [release]
    slow = Endpoint(name="slow", url=receiver.url, timeout="30s")
    async with couriers(tmp_path / "q", slow) as (made, _):
        made.emit(event("a"))
        await receiver.reached.wait()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(200):
            made.emit(event(str(number)))
        assert loop.time() - began < 1
        release.set()
        assert (await receiver.tags(201))[-1] == "199"


async def test_an_endpoint_that_does_not_answer_in_time_has_failed(receiver, tmp_path):
    receiver.answers = [asyncio.Event()]
    complaints = []
    endpoint = Endpoint(name="hook", url=receiver.url, timeout="50ms", backoff="1ms")
    async with couriers(tmp_path / "q", endpoint, complaints=complaints) as (made, _):
        made.emit(event("a"))
        assert await receiver.tags(1) == ["a"]
    assert complaints[0] == "notifications do not reach hook: no answer within 50ms"


async def test_what_was_not_delivered_is_after_a_restart(receiver, tmp_path):
    nowhere = Endpoint(name="hook", url="http://127.0.0.1:1/")
    async with couriers(tmp_path / "q", nowhere) as (made, _):
        made.emit(event("a"))
    async with couriers(tmp_path / "q", Endpoint(name="hook", url=receiver.url)):
        assert await receiver.tags(1) == ["a"]


async def test_what_an_endpoint_ignores_is_not_queued(tmp_path):
    endpoint = Endpoint(
        name="hook",
        url="http://127.0.0.1:1/",
        ignoredmediatypes=["application/octet-stream"],
        ignore=Ignore(actions=["pull"], mediatypes=["text/plain"]),
    )
    disabled = Endpoint(name="off", url="http://127.0.0.1:1/", disabled=True)
    async with couriers(tmp_path / "q", endpoint, disabled) as (made, queue):
        made.emit(event("a", EventAction.PULL))
        made.emit(event("b", media_type="application/octet-stream"))
        made.emit(event("c", media_type="text/plain"))
        assert (queue.waiting("hook"), queue.waiting("off")) == (0, 0)
        made.emit(event("d"))
        assert queue.waiting("hook") == 1


async def test_a_queue_that_fails_for_a_while_ends_no_courier(receiver, tmp_path, monkeypatch):
    failures = [sqlite3.OperationalError("database or disk is full")]
    remove = EventQueue.remove

    def failing(*given):
        if failures:
            raise failures.pop()
        remove(*given)

    monkeypatch.setattr(EventQueue, "remove", failing)
    endpoint = Endpoint(name="hook", url=receiver.url, backoff="1ms")
    async with couriers(tmp_path / "q", endpoint) as (made, _):
        made.emit(event("a"))
        assert await receiver.tags(2) == ["a", "a"]
        made.emit(event("b"))
        assert await receiver.tags(1) == ["b"]


async def test_a_queue_that_fails_loses_an_event_and_not_a_push(tmp_path):
    complaints = []
    endpoint = Endpoint(name="hook", url="http://127.0.0.1:1/")
    queue = EventQueue(tmp_path / "q")
    made = Couriers([endpoint], queue, url_base="", metrics=Metrics(), complain=complaints.append)
    queue.close()
    made.emit(event("a"))
    assert "is lost" in complaints[0]


@pytest.mark.parametrize(
    ("endpoints", "reason"),
    [
        ([Endpoint(url="http://a")], "name"),
        ([Endpoint(name="a", url="http://a"), Endpoint(name="a", url="http://b")], "name"),
        ([Endpoint(name="a", url="ftp://a")], "url"),
        ([Endpoint(name="a", url="http://a", timeout="soon")], "timeout"),
        ([Endpoint(name="a", url="http://a", backoff="-1s")], "backoff"),
    ],
)
def test_wrong_endpoints_are_refused(endpoints, reason):
    with pytest.raises(InvalidArgument, match=reason):
        check_endpoints(endpoints)
