"""Runs that are shared: see also test_solver.py for builds."""

from __future__ import annotations

import asyncio

import pytest
from solver_bed import until

from baleen.build.solver.flights import Flights


class Said:
    def __init__(self):
        self.lines = []

    def log(self, stream, data):
        self.lines.append((stream, data))

    def status(self, text):
        self.lines.append(text)


def nothing(_):
    return None


async def test_one_runs_and_all_hear_it():
    flights = Flights()
    gate, runs, welcomed = asyncio.Event(), [], []

    async def work(report):
        runs.append(1)
        report.log(1, b"early")
        await gate.wait()
        report.log(2, b"late")
        report.status("done")
        return "result"

    said = [Said() for _ in range(3)]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        tasks = [group.create_task(flights.run("key", work, one, welcomed.append)) for one in said]
        await until(lambda: said[2].lines)
        gate.set()
    assert [task.result() for task in tasks] == [
        ("result", False),
        ("result", True),
        ("result", True),
    ]
    assert runs == [1]
    assert welcomed == ["result"] * 3
    assert all(one.lines == [(1, b"early"), (2, b"late"), "done"] for one in said)
    assert len(flights) == 0


async def test_another_key_is_another_run():
    flights = Flights()

    async def work(report):
        await asyncio.sleep(0)
        return id(report)

    first, _ = await flights.run("a", work, Said(), nothing)
    second, _ = await flights.run("b", work, Said(), nothing)
    assert first != second


async def test_an_error_reaches_all():
    flights = Flights()
    gate = asyncio.Event()

    async def work(report):
        await gate.wait()
        raise KeyError("x")

    async with asyncio.timeout(5):
        tasks = [asyncio.ensure_future(flights.run("key", work, Said(), nothing)) for _ in range(2)]
        await asyncio.sleep(0)
        gate.set()
        for task in tasks:
            with pytest.raises(KeyError):
                await task
    assert len(flights) == 0


async def test_who_comes_while_a_given_up_run_ends_begins_anew():
    flights = Flights()
    ending, ends, runs = asyncio.Event(), asyncio.Event(), []

    async def work(report):
        runs.append(1)
        if len(runs) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                ending.set()
                await ends.wait()
        return len(runs)

    async with asyncio.timeout(5):
        first = asyncio.ensure_future(flights.run("key", work, Said(), nothing))
        await until(lambda: runs)
        first.cancel()
        await ending.wait()
        assert await flights.run("key", work, Said(), nothing) == (2, False)
        first.cancel()
        await asyncio.sleep(0)
        assert not first.done()
        ends.set()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_only_the_end_of_long_logs_is_told_again():
    flights = Flights()
    gate = asyncio.Event()
    loud, late = Said(), Said()

    async def work(report):
        for _ in range(40):
            report.log(1, b"x" * 65_536)
        await gate.wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(flights.run("key", work, loud, nothing))
        await until(lambda: not (len(loud.lines) < 40))
        group.create_task(flights.run("key", work, late, nothing))
        await until(lambda: late.lines)
        gate.set()
    assert len(late.lines) == 16
