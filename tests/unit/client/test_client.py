from __future__ import annotations

import threading

import pytest

from baleen import errors
from baleen.client.client import EngineClient, segment
from baleen.client.endpoint import Endpoint


def test_the_version_is_negotiated_once_down_to_the_engines(fake, client):
    fake.api_version = "1.41"
    fake.on("GET", "/x", lambda r: fakes_reply(fake, r.target))
    assert client.get("/x") == "/v1.41/x"
    assert client.get("/x") == "/v1.41/x"
    assert [r.path for r in fake.requests].count("/_ping") == 1


def fakes_reply(fake, value):
    import sys

    return sys.modules["baleen_tests_fake_engine"].Reply(value)


def test_the_version_is_never_above_our_own(fake, client):
    fake.api_version = "1.99"
    assert client.api_version == "1.55"
    assert client.api_at_least(55)
    assert not client.api_at_least(56)


def test_an_engine_that_is_too_old_is_refused(fake, client):
    fake.api_version = "1.12"
    with pytest.raises(errors.NotImplemented, match=r"1\.12"):
        client.get("/x")


@pytest.mark.parametrize("text", ["", "x", "1", "1.x", "1.\u0661", "1_0.2", "-1.24"])
def test_an_api_version_that_is_none_is_refused(fake, client, text):
    fake.api_version = text
    with pytest.raises(errors.BaleenError):
        client.get("/x")


def test_a_given_version_is_used_without_asking(fake, fakes):
    fake.on("GET", "/x", lambda r: fakes.Reply(r.target))
    with EngineClient(Endpoint("unix", path=str(fake.path)), api_version="1.30") as client:
        assert client.get("/x") == "/v1.30/x"
    assert len(fake.requests) == 1


def test_one_connection_serves_requests_whose_answers_were_read(fake, client, fakes):
    fake.on("GET", "/x", fakes.Reply({"a": 1}))
    fake.on("DELETE", "/x", fakes.Reply(status=204))
    fake.on("GET", "/y", fakes.Reply(chunks=[b"[1,", b"2]"]))
    for _ in range(3):
        assert client.get("/x") == {"a": 1}
        assert client.delete("/x") is None
        assert client.get("/y") == [1, 2]
    assert fake.connections == 1


def test_an_unread_answer_does_not_taint_the_next_request(fake, client, fakes):
    fake.on("GET", "/big", fakes.Reply(b"x" * 100_000))
    fake.on("GET", "/x", fakes.Reply({"a": 1}))
    client.request("GET", "/big").close()
    assert client.get("/x") == {"a": 1}


def test_a_connection_that_the_engine_closed_is_replaced(fake, client, fakes):
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    fake.on("GET", "/x", fakes.Reply(raw=closing))  # the fake closes after a raw reply
    assert client.get("/x") == {}
    fake._threads[-1].join(10)
    assert client.get("/x") == {}
    assert fake.connections == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidArgument),
        (401, errors.Unauthorized),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (418, errors.InvalidArgument),
        (500, errors.Internal),
        (501, errors.NotImplemented),
        (503, errors.Unavailable),
        (599, errors.Internal),
    ],
)
def test_a_status_becomes_an_error_with_the_engines_message(fake, client, fakes, status, kind):
    fake.on("POST", "/x", fakes.Reply({"message": "No such thing: x"}, status))
    with pytest.raises(kind, match=r"^Error response from daemon: No such thing: x$") as caught:
        client.post("/x")
    assert caught.value.details["status"] == str(status)


def test_an_error_without_json_shows_its_text(fake, client, fakes):
    fake.on("POST", "/x", fakes.Reply(b"404 page not found\n", 404))
    with pytest.raises(errors.NotFound, match=r"daemon: 404 page not found$"):
        client.post("/x")


def test_not_modified_is_no_error(fake, client, fakes):
    fake.on("POST", "/x", fakes.Reply(status=304))
    assert client.post("/x") is None


def test_json_goes_out_and_comes_back(fake, client, fakes):
    fake.on("POST", "/x", lambda r: fakes.Reply(r.json()))
    assert client.post("/x", {"a": "\u00e9\n"}) == {"a": "\u00e9\n"}


def test_bytes_that_are_not_utf8_do_not_break_a_request(fake, client, fakes):
    fake.on("POST", "/x", lambda r: fakes.Reply(r.json()))
    assert client.post("/x", {"a": "b\udcff"}) == {"a": "b\ufffd"}


def test_an_answer_that_is_not_json_is_data_loss(fake, client, fakes):
    fake.on("GET", "/x", fakes.Reply(b"{"))
    with pytest.raises(errors.DataLoss):
        client.get("/x")


@pytest.mark.parametrize("depth", [100_000])
def test_deep_json_is_an_error_not_a_crash(fake, client, fakes, depth):
    fake.on("GET", "/x", fakes.Reply(b"[" * depth + b"]" * depth))
    with pytest.raises(errors.DataLoss):
        client.get("/x")


def test_a_body_above_the_limit_is_refused(fake, client, fakes):
    fake.on("GET", "/x", fakes.Reply(b"x" * 1000))
    with pytest.raises(errors.DataLoss, match="larger than 999"):
        client.request("GET", "/x").read(999)


def test_an_upload_is_chunked_and_complete(fake, client, fakes):
    fake.on("PUT", "/x", lambda r: fakes.Reply(len(r.body)))
    pieces = [b"a" * 100_000, b"", b"b" * 1_000_000]
    response = client.request("PUT", "/x", upload=iter(pieces))
    assert response.json() == 1_100_000
    assert fake.last("/x").body == b"".join(pieces)


def test_an_upload_stops_when_the_engine_refuses_it(fake, client, fakes):
    def refuse(_request):
        return fakes.Reply({"message": "too big"}, 400)

    refuse.refuse_before_body = True
    fake.on("PUT", "/x", refuse)
    sent = 0

    def pieces():
        nonlocal sent
        for _ in range(10_000):
            sent += 1
            yield b"x" * 100_000

    with pytest.raises(errors.InvalidArgument, match="too big"):
        client.request("PUT", "/x", upload=pieces())
    assert sent < 10_000


def test_events_arrive_one_by_one_while_the_stream_is_open(fake, client, fakes):
    gate = threading.Event()

    def serve(stream):
        stream.sendall(b'{"a":1}\n')
        assert gate.wait(10)
        stream.sendall(b'{"a":2}\n')

    fake.on("GET", "/events", fakes.Takeover(serve, status=200, media_type="application/json"))
    objects = client.request("GET", "/events").objects()
    assert next(objects) == {"a": 1}
    gate.set()
    assert next(objects) == {"a": 2}
    assert list(objects) == []


@pytest.mark.parametrize("status", [101, 200])
def test_a_hijacked_stream_keeps_early_bytes_and_half_closes(fake, client, fakes, status):
    received = []

    def serve(stream):
        while data := stream.recv(1000):
            received.append(data)
        stream.sendall(b"after the end of input")

    fake.on("POST", "/attach", fakes.Takeover(serve, status=status, early=b"early"))
    stream = client.hijack("/attach", {"stream": True})
    try:
        assert fake.last("/attach").headers["upgrade"] == "tcp"
        stream.stream.sendall(b"input")
        stream.stream.shutdown(1)
        rest = b""
        while data := stream.stream.recv(100):
            rest += data
        assert stream.early + rest == b"earlyafter the end of input"
        assert received == [b"input"]
    finally:
        stream.close()


def test_a_refused_hijack_is_the_engines_error(fake, client, fakes):
    fake.on("POST", "/attach", fakes.Reply({"message": "No such container: x"}, 404))
    with pytest.raises(errors.NotFound, match="No such container: x"):
        client.hijack("/attach")


def test_the_media_type_tells_whether_frames_come(fake, client, fakes):
    for media_type, expected in (
        ("application/vnd.docker.multiplexed-stream", True),
        ("application/vnd.docker.raw-stream", None),
    ):
        fake.on("POST", "/attach", fakes.Takeover(lambda s: None, media_type=media_type))
        stream = client.hijack("/attach")
        assert stream.multiplexed is expected
        stream.close()


def test_nobody_there_is_said_with_the_address():
    client = EngineClient(Endpoint("unix", path="/nonexistent/engine.sock"))
    with pytest.raises(errors.Unavailable, match=r"unix:///nonexistent/engine\.sock"):
        client.get("/x")


@pytest.mark.parametrize("name", ["", "/", ".", "..", "a/../b", "../x"])
def test_a_reference_cannot_name_another_endpoint(name):
    with pytest.raises(errors.InvalidArgument):
        segment(name, slashes=True)


def test_references_are_quoted():
    assert segment("/web") == "web"
    assert segment("a b?c#d%") == "a%20b%3Fc%23d%25"
    assert segment("a/b") == "a%2Fb"
    assert segment("host:5000/a/b:1@sha256:0", slashes=True) == "host:5000/a/b:1@sha256:0"


def test_requests_may_be_under_way_at_the_same_time(client, fake, fakes):
    fake.on("POST", "/a", fakes.Reply(status=204))
    fake.on("POST", "/b", fakes.Reply({"message": "no b"}, 404))
    first, second = client.begin("POST", "/a", {"t": 3}), client.begin("POST", "/b")
    with pytest.raises(errors.NotFound, match="no b"):
        second()
    assert first().json() is None
    assert fake.last("/a").query == {"t": ["3"]}
