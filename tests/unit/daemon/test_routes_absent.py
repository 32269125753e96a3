from __future__ import annotations

import pytest

from baleen.daemon.routes_absent import OPERATIONS

ABSENT = [operation for operation in OPERATIONS if operation.name != "BuildPrune"]


@pytest.mark.parametrize("operation", ABSENT, ids=lambda o: o.name)
async def test_an_absent_operation_says_so(daemon, operation):
    client = await daemon.connect()
    path = operation.pattern.replace("{id}", "x").replace("{name}", "x/y")
    status, _, body = await client.request(operation.method, path)
    assert status in (501, 503) or (status == 404 and "/plugins/" in path)
    assert b"not " in body


async def test_there_is_no_build_cache_to_prune(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/build/prune?all=1")
    assert (status, body) == (200, b'{"CachesDeleted":null,"SpaceReclaimed":0}\n')
