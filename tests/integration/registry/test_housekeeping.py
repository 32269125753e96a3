"""The registry collects by itself, and a failure does not end it."""

from __future__ import annotations

import asyncio
import dataclasses

from registry_bed import Recorder

from baleen.errors import Unavailable
from baleen.registry import housekeeping
from baleen.registry.settings import Garbage, RetentionRule, Settings


async def test_it_goes_on_after_a_failure(registry, monkeypatch, caplog):
    calls = []
    done = asyncio.Event()

    async def collect(*_arguments, **_options):
        calls.append("collect")
        if len(calls) == 1:
            raise Unavailable("no database")
        if len(calls) == 2:
            raise ZeroDivisionError("a bug")
        done.set()
        return housekeeping.collect_report

    original = housekeeping.collect
    housekeeping.collect_report = await original(registry.contents, upload_age_s=None)
    monkeypatch.setattr(housekeeping, "collect", collect)
    settings = dataclasses.replace(Settings(), garbage=Garbage(interval_s=0.001))
    task = asyncio.ensure_future(housekeeping.keep_house(registry.contents, settings, Recorder()))
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.wait([task])
    del housekeeping.collect_report
    assert "no database" in caplog.text
    assert "a bug" in caplog.text


async def test_retention_runs_at_once(registry):
    await registry.push_image("r", "v1")
    events = Recorder()
    told = asyncio.Event()
    events.emit = lambda event: (events.events.append(event), told.set())
    settings = dataclasses.replace(
        Settings(), garbage=Garbage(interval_s=None), retention=(RetentionRule(keep=0),)
    )
    task = asyncio.ensure_future(housekeeping.keep_house(registry.contents, settings, events))
    async with asyncio.timeout(10):
        await told.wait()
    task.cancel()
    await asyncio.wait([task])
    assert [event.tag for event in events.events] == ["v1"]
