from __future__ import annotations

import asyncio
import socket

from baleen.daemon.http_messages import Response, StreamResponse
from baleen.daemon.http_server import HttpServer, Limits


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


async def after_one_answer(tmp_path, response, *, length=0):
    """Serve one request; say whether a look behind it found that something large had moved."""
    told = asyncio.Event()
    async with asyncio.TaskGroup() as group:

        async def handle(request):
            await request.body.read(length)
            return response

        limits = Limits(sweep_s=0.02)
        server = HttpServer(handle, group, limits=limits, after_transfers=told.set)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "s"))
        await server.listen(listener, is_tcp=False)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        head = b"POST /x HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % length + bytes(length))
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        has_moved = server.has_transferred or told.is_set()
        if server.has_transferred:
            told.clear()
            await asyncio.wait_for(told.wait(), 10)
        assert not server.has_transferred
        await server.close(1)
    return has_moved


async def pieces():
    yield b"x"


async def test_what_a_transfer_needed_is_given_back_behind_it(tmp_path):
    transfer = StreamResponse(pieces(), content_type="a/b", live=False)
    assert await after_one_answer(tmp_path, transfer)


async def test_what_a_large_body_needed_is_given_back_behind_it(tmp_path):
    assert await after_one_answer(tmp_path, Response(), length=4 << 20)


async def test_small_answers_and_live_streams_are_no_transfers(tmp_path):
    assert not await after_one_answer(tmp_path, Response(), length=10)
    (tmp_path / "s").unlink()
    live = StreamResponse(pieces(), content_type="a/b", live=True)
    assert not await after_one_answer(tmp_path, live)
