from __future__ import annotations

import pytest

from baleen.daemon.routes_absent import OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
async def test_an_absent_operation_says_so(daemon, operation):
    client = await daemon.connect()
    path = operation.pattern.replace("{id}", "x").replace("{name}", "x/y")
    status, _, body = await client.request(operation.method, path)
    assert status in (501, 503) or (status == 404 and "/plugins/" in path)
    assert b"not " in body
