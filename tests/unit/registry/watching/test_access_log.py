from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from baleen.registry.watching.access_log import AccessLog, Line, combined_line, json_line

LINE = Line(
    time=datetime(2026, 3, 7, 1, 2, 3, tzinfo=UTC),
    request_id="abc",
    client="192.0.2.1",
    user="ann",
    method="GET",
    target="/v2/a/manifests/b?x=1",
    status=200,
    size=12,
    duration_s=0.5,
    referer="",
    user_agent="docker/29",
)


async def behind(scope, receive, send):
    scope["state"]["user"] = "ann"
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"12", "more_body": True})
    await send({"type": "http.response.body", "body": b"345"})


async def test_each_request_is_a_line_and_has_an_id(call):
    lines = []
    application = AccessLog(behind, lines.append, clock=lambda: 1_800_000_000.0)
    shared = {}
    answers = [
        await call(
            application, "GET", "/v2/", query="n=1", headers={"User-Agent": "x"}, state=shared
        )
        for _ in range(2)
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] != ids[1]
    assert [line.request_id for line in lines] == ids
    line = lines[0]
    assert (line.client, line.user, line.target) == ("192.0.2.1", "ann", "/v2/?n=1")
    assert (line.status, line.size, line.user_agent) == (201, 5, "x")
    assert shared == {}


async def test_a_client_cannot_choose_the_id(call):
    application = AccessLog(behind, None)
    answer = await call(application, "GET", "/", headers={"X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] != "mine"


async def test_a_request_that_fails_is_a_line_too(call):
    async def broken(scope, receive, send):
        raise OSError("gone")

    lines = []
    with pytest.raises(OSError, match="gone"):
        await call(AccessLog(broken, lines.append), "GET", "/")
    assert lines[0].status == 0


async def test_a_file_sent_by_the_server_counts_with_its_length(call):
    async def sends_file(scope, receive, send):
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": "/x"})

    lines = []
    await call(AccessLog(sends_file, lines.append), "GET", "/")
    assert lines[0].size == 1000


def test_the_combined_form():
    assert combined_line(LINE) == (
        '192.0.2.1 - ann [07/Mar/2026:01:02:03 +0000] "GET /v2/a/manifests/b?x=1 HTTP/1.1"'
        ' 200 12 "" "docker/29" abc'
    )


def test_what_a_client_writes_cannot_end_a_line_or_a_field():
    hostile = '"\n1.2.3.4 - - \x1b[2J\\\xff'
    line = msgspec.structs.replace(LINE, user="a b\n", user_agent=hostile, target=hostile)
    text = combined_line(line)
    assert text.isprintable()
    assert text.isascii()
    assert text.count('"') == 6
    assert "a\\x20b\\x0a" in text
    assert "\n" not in json_line(line)


def test_a_line_is_bounded():
    assert len(combined_line(msgspec.structs.replace(LINE, user_agent="x" * 100_000))) < 3000


def test_the_json_form():
    assert msgspec.json.decode(json_line(LINE))["user"] == "ann"
