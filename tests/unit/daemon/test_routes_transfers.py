from __future__ import annotations

import json

from baleen.api.images import OCIDescriptor
from baleen.api.transfers import ImageReceiveBody


async def test_what_an_image_consists_of_and_a_blob_of_it(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("GET", "/baleen/v1/images/web/blobs?platform=p")
    offer = json.loads(body)
    assert (status, offer["Names"], offer["Blobs"]) == (
        200,
        ["web", "p"],
        [{"Digest": "d", "Size": 3}],
    )
    status, _, body = await client.request("GET", "/baleen/v1/images/a/b:1/blob?digest=d&offset=7")
    assert (status, body) == (200, b"a/b:1 d 7")
    assert (await client.request("GET", "/baleen/v1/images/a/blob"))[0] == 400


async def test_a_blob_that_comes(daemon):
    client = await daemon.connect()
    path = "/baleen/v1/images/blob"
    status, _, _ = await client.request("PUT", f"{path}?digest=d&size=3&offset=1", b"ab")
    assert (status, daemon.engine.received, daemon.engine.calls) == (204, b"ab", [("d", 3, 1)])
    status, _, body = await client.request("PUT", f"{path}?digest=d&size=-3", b"ab")
    assert (status, b"negative" in body) == (400, True)


async def test_an_image_that_comes(daemon):
    client = await daemon.connect()
    document = {"Target": {"mediaType": "m", "digest": "t", "size": 5}, "Names": ["n"]}
    status, _, body = await client.request(
        "POST",
        "/baleen/v1/images/receive",
        json.dumps(document).encode(),
    )
    assert (status, json.loads(body)) == (200, {"Missing": [{"Digest": "d", "Received": 1}]})
    target = OCIDescriptor(media_type="m", digest="t", size=5)
    assert daemon.engine.calls == [ImageReceiveBody(target=target, names=["n"])]
