from __future__ import annotations

import json


async def test_version_info_and_plugins_are_answered(daemon):
    client = await daemon.connect()
    assert json.loads((await client.request("GET", "/version"))[2])["ApiVersion"] == "1.55"
    assert json.loads((await client.request("GET", "/v1.30/info"))[2])["Name"] == "host"
    assert json.loads((await client.request("GET", "/plugins"))[2]) == []


async def test_events_pass_times_and_filters_and_flush_the_head(daemon):
    client = await daemon.connect()
    await client.send(
        b"GET /events?since=1.5&until=9999999999&filters={%22type%22:[%22image%22]} HTTP/1.1\r\n"
        b"Host: d\r\n\r\n"
    )
    status, headers = await client.head()
    assert (status, headers["content-type"]) == (200, "application/json")
    assert daemon.engine.events.arguments == (1.5, 9999999999.0, {"type": ["image"]})
