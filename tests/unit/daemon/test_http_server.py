from __future__ import annotations

import asyncio

from baleen.daemon.http_server import HttpServer


async def test_heads_have_length_or_chunks_or_neither():
    async with asyncio.TaskGroup() as group:
        server = HttpServer(lambda request: None, group, headers="A: b\r\n")
        head = server.render_head(200, "text/plain", "X: y\r\n", 5, keep_alive=True)
        assert head.startswith(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Type: text/plain\r\nX: y\r\n")
        assert head.endswith(b" GMT\r\nContent-Length: 5\r\n\r\n")
        head = server.render_head(200, "", "", -1, keep_alive=False)
        assert b"Connection: close\r\n" in head
        assert head.endswith(b"Transfer-Encoding: chunked\r\n\r\n")
        assert b"Content-Type" not in head
        for status in (204, 304):
            head = server.render_head(status, "a/b", "", 0, keep_alive=True)
            assert b"Content-" not in head


async def test_an_answer_that_is_not_ready_in_time_is_given_up_at_the_end(start):
    async with start() as daemon:
        entered = asyncio.Event()

        async def never(ref, *, size):
            entered.set()
            await asyncio.Event().wait()

        daemon.engine.container_inspect = never
        client = await daemon.connect()
        await client.send(b"GET /containers/web/json HTTP/1.1\r\nHost: d\r\n\r\n")
        await entered.wait()
        await daemon.server.close(0.05)
        assert await client.rest() == b""
