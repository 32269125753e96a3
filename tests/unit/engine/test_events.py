"""The event bus: what subscribers get, and when a subscription ends."""

from __future__ import annotations

import asyncio
import json
import time

from baleen.engine.events import EventBus


async def take(stream, count):
    async with asyncio.timeout(5):
        return [json.loads(await anext(stream)) for _ in range(count)]


async def test_a_subscriber_gets_what_follows_in_order():
    bus = EventBus()
    stream = bus.subscribe(None, None, {})
    bus.publish("container", "create", "c1", image="busybox", name="web")
    bus.publish("network", "connect", "n1", container="c1")
    first, second = await take(stream, 2)
    assert (first["Action"], first["status"], first["id"], first["from"]) == (
        "create",
        "create",
        "c1",
        "busybox",
    )
    assert first["Actor"] == {"ID": "c1", "Attributes": {"image": "busybox", "name": "web"}}
    assert first["timeNano"] // 10**9 == first["time"]
    assert "status" not in second


async def test_since_looks_back_and_until_ends():
    bus = EventBus()
    begin = time.time() - 1
    bus.publish("volume", "create", "v")
    got = [json.loads(line) async for line in bus.subscribe(begin, time.time() + 0.05, {})]
    assert [event["Actor"]["ID"] for event in got] == ["v"]
    assert [line async for line in bus.subscribe(time.time(), time.time() - 1, {})] == []


async def test_filters_are_and_between_kinds_or_within_one():
    bus = EventBus()
    filters = {"type": ["container"], "event": ["die", "exec_create"], "label": ["tier=web"]}
    stream = bus.subscribe(None, None, filters)
    bus.publish_with("container", "die", "a", {"tier": "db", "name": "a"})
    bus.publish_with("container", "start", "b", {"tier": "web", "name": "b"})
    bus.publish_with("network", "die", "c", {"tier": "web"})
    bus.publish_with("container", "exec_create: sh -c x", "d", {"tier": "web", "name": "d"})
    bus.publish_with("container", "die", "e", {"tier": "web", "name": "e"})
    assert [event["Actor"]["ID"] for event in await take(stream, 2)] == ["d", "e"]


async def test_a_container_is_found_by_name_id_and_prefix():
    for wanted in ("web", "c" * 64, "cccc"):
        bus = EventBus()
        stream = bus.subscribe(None, None, {"container": [wanted]})
        bus.publish("container", "start", "d" * 64, name="other")
        bus.publish("container", "start", "c" * 64, name="web")
        assert (await take(stream, 1))[0]["Actor"]["ID"] == "c" * 64


async def test_a_reader_that_never_reads_is_cut_off():
    bus = EventBus()
    stream = bus.subscribe(None, None, {})
    for number in range(5000):
        bus.publish("volume", "create", str(number))
    got = [line async for line in stream]
    assert 4000 < len(got) < 5000


async def test_closing_the_bus_ends_every_subscription():
    bus = EventBus()
    stream = bus.subscribe(None, None, {})
    bus.close()
    assert [line async for line in stream] == []
