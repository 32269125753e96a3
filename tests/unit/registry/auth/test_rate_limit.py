from __future__ import annotations

from baleen.registry.auth.buckets import Buckets
from baleen.registry.auth.rate_limit import AddressLimit


async def behind(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_each_address_has_its_own_requests(call):
    application = AddressLimit(behind, Buckets(0.5, 2, clock=lambda: 0))
    statuses = [(await call(application, "GET", "/v2/")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await call(application, "GET", "/v2/", client="192.0.2.2")).status == 200


async def test_an_answer_says_when_to_come_again(call):
    application = AddressLimit(behind, Buckets(0.5, 1, clock=lambda: 0))
    await call(application, "GET", "/v2/")
    answer = await call(application, "GET", "/v2/")
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["connection"] == "close"
    assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"


async def test_health_and_unix_sockets_are_not_limited(call):
    application = AddressLimit(behind, Buckets(0.5, 1, clock=lambda: 0))
    for _ in range(3):
        assert (await call(application, "GET", "/health")).status == 200
        assert (await call(application, "GET", "/v2/", client=None)).status == 200
