from __future__ import annotations

from baleen.cli.sending import send_image, send_whole
from baleen.client.client import EngineClient
from baleen.client.endpoint import parse_host

DIGEST = "sha256:" + "1" * 64
OFFER = {"Target": {"digest": DIGEST}, "Names": ["a:1"], "Blobs": [{"Digest": DIGEST, "Size": 5}]}


def test_nothing_is_sent_that_is_there(fake, fakes):
    fake.on("GET", "/baleen/v1/images/a:1/blobs", fakes.Reply(OFFER))
    fake.on("POST", "/baleen/v1/images/receive", fakes.Reply({"Missing": []}))
    shown = []
    with EngineClient(parse_host(fake.host)) as one, EngineClient(parse_host(fake.host)) as two:
        sent = send_image(one, two, "a:1", None, shown.append)
    assert (sent.id, sent.names, sent.blobs, sent.bytes, sent.kept) == (DIGEST, ["a:1"], 0, 0, 1)
    assert shown == [{"id": "1" * 12, "status": "Already exists", "progressDetail": {}}]


def test_a_whole_image(fake, fakes):
    fake.on("GET", "/images/get", fakes.Reply({"an": "archive"}))
    fake.on("POST", "/images/load", fakes.Reply({"stream": "Loaded image: a:1\n"}))
    with EngineClient(parse_host(fake.host)) as one, EngineClient(parse_host(fake.host)) as two:
        assert list(send_whole(one, two, "a:1", None)) == [{"stream": "Loaded image: a:1\n"}]
