from __future__ import annotations

import json


async def test_lists_are_lists_and_filters_are_checked(daemon):
    client = await daemon.connect()
    assert json.loads((await client.request("GET", "/networks"))[2]) == []
    status, _, body = await client.request("GET", "/networks?filters={%22a%22:[%221%22]}")
    assert status == 400
    assert b"invalid filter 'a'" in body


async def test_updating_a_volume_is_swarms(daemon):
    client = await daemon.connect()
    assert (await client.request("PUT", "/volumes/v?version=1", b"{}"))[0] == 503
