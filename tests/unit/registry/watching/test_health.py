from __future__ import annotations

import asyncio

from baleen.errors import Unavailable
from baleen.registry.watching.health import Health, HealthApp


class Storage:
    def __init__(self):
        self.problem = None
        self.checks = 0

    async def check(self):
        self.checks += 1
        if self.problem is not None:
            raise self.problem


async def behind(scope, receive, send):
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_health_says_whether_and_not_why(call):
    storage, now, complaints = Storage(), [0.0], []
    health = Health(storage.check, complaints.append, clock=lambda: now[0])
    application = HealthApp(behind, health)
    answer = await call(application, "GET", "/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    storage.problem = Unavailable("the database at db.internal does not answer")
    now[0] = 11
    answer = await call(application, "GET", "/health")
    assert (answer.status, answer.json()) == (503, {"status": "unhealthy"})
    answer = await call(application, "GET", "/")
    assert (answer.status, answer.body) == (200, b"")  # it lives
    assert await health.reason() == "the database at db.internal does not answer"
    storage.problem = None
    now[0] = 22
    assert (await call(application, "GET", "/health")).status == 200
    assert complaints == ["unhealthy: the database at db.internal does not answer", "healthy again"]


async def test_many_questions_are_one_check():
    storage = Storage()
    health = Health(storage.check, clock=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(health.reason())
    assert storage.checks == 1


async def test_a_full_disk_is_unhealthy():
    storage = Storage()
    storage.problem = OSError(28, "No space left on device")
    assert "No space" in await Health(storage.check).reason()


async def test_other_requests(call):
    application = HealthApp(behind, Health(Storage().check))
    assert (await call(application, "GET", "/v2/")).status == 299
    assert (await call(application, "GET", "/health/")).status == 299
    assert (await call(application, "DELETE", "/health")).status == 405
    head = await call(application, "HEAD", "/health")
    assert (head.status, head.body) == (200, b"")
