"""An ASGI application is called without a server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return msgspec.json.decode(self.body)


async def call_application(
    application, method, path, *, query="", headers=None, body=b"", client="192.0.2.1", state=None
):
    """Send one request to an ASGI application and return its whole answer."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ],
        "client": (client, 40000) if client else None,
        "extensions": {},
    }
    if state is not None:
        scope["state"] = state
    await application(scope, receive, send)
    start, *rest = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in rest),
    )


@asynccontextmanager
async def living(application):
    """Run the application's lifespan round a block."""
    to, out = asyncio.Queue(), asyncio.Queue()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(application({"type": "lifespan"}, to.get, out.put))
        await to.put({"type": "lifespan.startup"})
        message = await out.get()
        assert message["type"] == "lifespan.startup.complete", message
        yield
        await to.put({"type": "lifespan.shutdown"})
        assert (await out.get())["type"] == "lifespan.shutdown.complete"
