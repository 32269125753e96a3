"""Requests: headers, queries and bodies."""

from __future__ import annotations

import pytest

from baleen.registry.errors import ApiError
from baleen.registry.messages import ClientGone, Request, Response, json_response


def request(pieces=(b"",), query=b"", headers=()):
    queue = list(pieces)

    async def receive():
        piece = queue.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(queue)}

    scope = {
        "method": "PUT",
        "path": "/",
        "query_string": query,
        "headers": list(headers),
        "client": ("192.0.2.1", 5),
        "state": {"request_id": "abc"},
    }
    return Request(scope, receive)


def test_the_first_of_what_is_repeated():
    it = request(query=b"a=1&a=2&b=", headers=[(b"x", b"1"), (b"x", b"2")])
    assert it.query == {"a": "1", "b": ""}
    assert it.headers == {"x": "1"}
    assert (it.client, it.id) == ("192.0.2.1", "abc")


@pytest.mark.parametrize("query", [b"a=%ff", b"\xff", b"x&" * 101])
def test_a_malformed_query_is_a_400(query):
    with pytest.raises(ApiError) as caught:
        request(query=query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "length"), [(b"5", 5), (b"", None), (b"-1", None), (b"1_0", None), (b"+5", None)]
)
def test_the_announced_length(text, length):
    assert request(headers=[(b"content-length", text)]).content_length == length


async def test_a_body_is_read_to_its_end():
    assert await request([b"a", b"", b"b"]).read(2) == b"ab"


async def test_a_body_is_never_held_beyond_its_limit():
    seen = []

    def pieces():
        for number in range(100):
            seen.append(number)
            yield b"x" * 10

    it = request()
    source = pieces()

    async def receive():
        return {"type": "http.request", "body": next(source), "more_body": True}

    it._receive = receive
    with pytest.raises(ApiError) as caught:
        await it.read(25)
    assert caught.value.status == 413
    assert len(seen) == 3
    announced = request(headers=[(b"content-length", b"26")])
    with pytest.raises(ApiError):
        await announced.read(25)


async def test_a_lost_client_is_told_apart_from_an_end():
    with pytest.raises(ClientGone):
        await request([b"a", None]).read(5)


def test_documents():
    response = json_response(200, {"a": 1}, {"link": "x"})
    assert response.body == b'{"a":1}'
    assert response.headers == {"content-type": "application/json", "link": "x"}
    assert Response(204).headers == {}
