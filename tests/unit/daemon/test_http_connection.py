from __future__ import annotations

import asyncio
import json
import socket
from types import SimpleNamespace

import pytest

SMUGGLING = {
    "cl+te": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te+cl": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two cl": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two equal cl": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "cl list": b"Content-Length: 3, 3\r\n\r\nabc",
    "cl +1": b"Content-Length: +1\r\n\r\na",
    "cl -1": b"Content-Length: -1\r\n\r\na",
    "cl 1_0": b"Content-Length: 1_0\r\n\r\n" + b"a" * 10,
    "cl 0x1": b"Content-Length: 0x1\r\n\r\na",
    "cl empty": b"Content-Length:\r\n\r\n",
    "cl huge": b"Content-Length: 99999999999999999999\r\n\r\n",
    "cl arabic": "Content-Length: \u0661\r\n\r\n".encode(),
    "chunked, identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity, chunked": b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two te": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te gzip": b"Transfer-Encoding: gzip\r\n\r\n",
    "space before colon": b"Content-Length : 3\r\n\r\nabc",
    "obs-fold": b"A: b\r\n c\r\n\r\n",
    "bare lf header": b"A: b\nContent-Length: 3\r\n\r\nabc",
    "bare cr": b"A: b\rC: d\r\n\r\n",
    "nul": b"A: \0\r\n\r\n",
    "no name": b": x\r\n\r\n",
    "second host": b"Host: other\r\n\r\n",
    "chunk size 0x3": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "chunk size +3": b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "chunk size 1_0": b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nabc\r\n0\r\n\r\n",
    "chunk size space": b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
    "chunk size lf": b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    "chunk size huge": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
    "chunk end": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
    "chunk extension": b"Transfer-Encoding: chunked\r\n\r\n3;" + b"a" * 2000000,
    "bad trailer": b"Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
}

SECOND = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


@pytest.mark.parametrize("name", SMUGGLING)
async def test_ambiguous_request_is_400_and_never_two_requests(daemon, name):
    client = await daemon.connect()
    start = b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\n"
    client.writer.write(start + SMUGGLING[name] + SECOND)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close\r\n" in answer


@pytest.mark.parametrize(
    "line",
    [
        b"GET /_ping HTTP/1.1\nHost: d\n\n",
        b"GET http://d/_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET  /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET\t/_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"get /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /_ping\r\nHost: d\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",
        b"GET /_ping HTTP/1.10\r\nHost: d\r\n\r\n",
        b"CONNECT d:1 HTTP/1.1\r\nHost: d\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: d\r\n\r\n",
        b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_malformed_request_line_is_refused_and_closed(daemon, line):
    client = await daemon.connect()
    client.writer.write(line + SECOND)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_http_2_is_505(daemon):
    client = await daemon.connect()
    client.writer.write(b"GET /_ping HTTP/2.0\r\nHost: d\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 505 ")


async def test_long_head_is_431_long_target_414_many_headers_431(daemon):
    for start, status in (
        (b"GET /_ping HTTP/1.1\r\nHost: d\r\nA: " + b"a" * (1 << 20), b"431"),
        (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: d\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: d\r\n" + b"A: b\r\n" * 10000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: d\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
    ):
        client = await daemon.connect()
        client.writer.write(start)
        assert (await client.rest()).startswith(b"HTTP/1.1 " + status)


async def test_keep_alive_serves_many_and_close_is_honoured(daemon):
    client = await daemon.connect()
    for _ in range(3):
        status, headers, body = await client.request("GET", "/_ping")
        assert (status, body) == (200, b"OK")
        assert "connection" not in headers
    status, headers, _ = await client.request("GET", "/_ping", headers="Connection: close\r\n")
    assert headers["connection"] == "close"
    assert await client.rest() == b""


async def test_http_10_closes(daemon):
    client = await daemon.connect()
    await client.send(b"GET /_ping HTTP/1.0\r\n\r\n")
    assert (await client.rest()).endswith(b"\r\n\r\nOK")


async def test_pipelined_requests_are_answered_in_order(daemon):
    client = await daemon.connect()
    await client.send(
        b"GET /containers/web/json HTTP/1.1\r\nHost: d\r\n\r\n"
        b"POST /containers/web/stop HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"
        b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
    )
    assert (await client.response())[2] == b'{"Id":"web"}'
    assert (await client.response())[0] == 204
    assert (await client.response())[2] == b"OK"


async def test_requests_sent_ahead_are_held_in_bounded_memory(daemon):
    client = await daemon.connect()
    await client.send(b"POST /containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n")
    await client.head()
    raw = client.writer.get_extra_info("socket")
    raw = socket.socket(fileno=socket.dup(raw.fileno()))
    raw.setblocking(False)
    sent = 0
    try:
        for _ in range(2000):
            sent += raw.send(SECOND * 200)
            await asyncio.sleep(0)
    except BlockingIOError:
        pass
    finally:
        raw.close()
    assert sent < 2 << 20
    (connection,) = daemon.server.connections
    assert len(connection._buffer) < 1 << 20


async def test_expect_100_continue_is_answered_when_the_body_is_wanted(daemon):
    client = await daemon.connect()
    await client.send(
        b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    assert (await client.head())[0] == 100
    await client.send(b"body")
    assert (await client.response())[0] == 200
    assert daemon.engine.received == b"body"


async def test_refused_upload_is_answered_without_reading_it(daemon):
    client = await daemon.connect()
    await client.send(
        b"PUT /containers/nope/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    status, headers, _ = await client.response()
    assert status == 404
    assert headers["connection"] == "close"


async def test_unknown_expectation_is_417(daemon):
    client = await daemon.connect()
    await client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\nExpect: tea\r\n\r\n")
    assert (await client.response())[0] == 417


async def test_head_has_headers_and_no_body(daemon):
    client = await daemon.connect()
    status, headers, _ = await client.request("HEAD", "/_ping")
    assert status == 200
    assert headers["builder-version"] == "1"
    assert (await client.request("GET", "/_ping"))[2] == b"OK"


@pytest.mark.parametrize("chunked", [True, False])
async def test_large_upload_arrives_whole(daemon, chunked):
    client = await daemon.connect()
    data = bytes(range(256)) * 16384
    head = b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\n"
    if chunked:
        await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(data), 70001):
            part = data[start : start + 70001]
            await client.send(b"%x\r\n%b\r\n" % (len(part), part))
        await client.send(b"0\r\nX-Trailer: y\r\n\r\n")
    else:
        await client.send(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)
    assert (await client.response())[0] == 200
    assert daemon.engine.received == data
    assert (await client.request("GET", "/_ping"))[2] == b"OK"


async def test_body_in_single_bytes(daemon):
    client = await daemon.connect()
    request = (
        b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
        b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"Ima\r\n;x=\r\n'
    ).replace(b'5\r\n{"Ima\r\n;x=\r\n', b'5\r\n{"Ima\r\n9;x=y\r\nge": "b"}\r\n0\r\n\r\n')
    for byte in request:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.response())[0] == 201


async def test_idle_slow_head_and_slow_body_are_cut(start, short_limits):
    async with start(short_limits) as daemon:
        idle, slow, body = [await daemon.connect() for _ in range(3)]
        await slow.send(b"GET /_ping HT")
        await body.send(
            b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\nx"
        )
        assert await idle.rest() == b""
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
        assert (await body.rest()).startswith(b"HTTP/1.1 4")


async def test_streams_and_hijacked_connections_are_not_cut(start, short_limits):
    async with start(short_limits) as daemon:
        events, attached, other = [await daemon.connect() for _ in range(3)]
        await events.send(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        await events.head()
        await attached.send(
            b"POST /containers/web/attach?stream=1 HTTP/1.1\r\nHost: d\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        await attached.head()
        side, _ = await daemon.engine.hijacked.get()
        assert await other.rest() == b""  # its idle time has passed
        await daemon.engine.events.queue.put(b"{}\n")
        assert await events.reader.readexactly(8) == b"3\r\n{}\n\r\n"
        side.send(b"hello")
        assert await attached.reader.readexactly(5) == b"hello"
        side.close()


async def test_good_client_is_served_while_many_are_slow(start, short_limits):
    async with start() as daemon:
        for _ in range(300):
            slow = await daemon.connect()
            await slow.send(b"GET /_p")
        good = await daemon.connect()
        async with asyncio.timeout(0.1):
            assert (await good.request("GET", "/_ping"))[2] == b"OK"


async def test_listener_that_goes_away_ends_its_stream(daemon):
    client = await daemon.connect()
    await client.send(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    await client.head()
    client.close()
    async with asyncio.timeout(2):
        await daemon.engine.events.closed.wait()


async def test_wait_sends_its_head_at_once_and_survives_until_exit(daemon):
    client = await daemon.connect()
    await client.send(b"POST /containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n")
    status, headers = await client.head()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    daemon.engine.exit.set_result(SimpleNamespace(exit_code=3, error=""))
    size = int(await client.reader.readline(), 16)
    assert json.loads(await client.reader.readexactly(size)) == {"StatusCode": 3}


async def test_slow_reader_does_not_make_memory_grow(daemon):
    produced = 0

    async def endless():
        nonlocal produced
        while True:
            produced += 65536
            yield bytes(65536)
            await asyncio.sleep(0)

    daemon.engine.log_stream = endless
    client = await daemon.connect()
    await client.send(b"GET /containers/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n")
    await client.head()
    for _ in range(200):
        await asyncio.sleep(0)
    assert produced < 8 << 20


async def test_hijack_keeps_every_early_byte_and_half_close(daemon):
    client = await daemon.connect()
    await client.send(
        b"POST /v1.41/exec/abc/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 15\r\n\r\n"
        b'{"Tty": false} early \x00\xff bytes'
    )
    status, headers = await client.head()
    assert status == 101
    assert headers["upgrade"] == "tcp"
    assert headers["content-type"] == "application/vnd.docker.raw-stream"
    side, early = await daemon.engine.hijacked.get()
    assert early == b"early \x00\xff bytes"
    await client.send(b"more")
    client.writer.write_eof()
    loop = asyncio.get_running_loop()
    assert await loop.sock_recv(side, 100) == b"more"
    assert await loop.sock_recv(side, 100) == b""
    await loop.sock_sendall(side, b"x" * 1000)
    side.close()
    assert await client.rest() == b"x" * 1000
    assert not daemon.server.connections


async def test_hijack_with_chunked_body_and_early_bytes(daemon):
    client = await daemon.connect()
    await client.send(
        b"POST /exec/abc/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\n\r\nearly"
    )
    _, headers = await client.head()
    assert headers["content-type"] == "application/vnd.docker.multiplexed-stream"
    side, early = await daemon.engine.hijacked.get()
    assert early == b"early"
    side.close()


async def test_hijack_without_upgrade_is_200(daemon):
    client = await daemon.connect()
    await client.send(b"POST /containers/web/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\nabc")
    status, headers = await client.head()
    assert status == 200
    assert headers["content-type"] == "application/vnd.docker.raw-stream"
    assert "content-length" not in headers
    side, early = await daemon.engine.hijacked.get()
    assert early == b"abc"
    side.close()


async def test_refused_attach_is_an_ordinary_answer(daemon):
    client = await daemon.connect()
    status, _, body = await client.request(
        "POST", "/containers/nope/attach", headers="Connection: Upgrade\r\nUpgrade: tcp\r\n"
    )
    assert status == 404
    assert json.loads(body) == {"message": "No such container: nope"}
    assert (await client.request("GET", "/_ping"))[2] == b"OK"


async def test_close_ends_streams_in_good_form_and_lets_answers_finish(start):
    async with start() as daemon:
        events, busy = [await daemon.connect() for _ in range(2)]
        await events.send(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        await events.head()
        await busy.send(
            b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\n"
        )
        while not any(c._body and c._body._waiter for c in daemon.server.connections):  # noqa: ASYNC110
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(daemon.server.close(5))
        assert await events.rest() == b"0\r\n\r\n"
        await busy.send(b"done")
        assert (await busy.rest()).startswith(b"HTTP/1.1 200 ")
        await closing
