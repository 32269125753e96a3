from __future__ import annotations

import pytest

from baleen.errors import InvalidArgument
from baleen.registry.client_address import ForwardedClient


async def echo(scope, receive, send):
    body = (scope["client"][0] if scope["client"] else "none").encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("peer", "header", "seen"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("10.0.0.1", "evil, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "evil", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (None, "203.0.113.9", "none"),
    ],
)
async def test_only_our_proxies_say_who_is_behind_them(call, peer, header, seen):
    application = ForwardedClient(echo, ["10.0.0.0/8"])
    answer = await call(application, "GET", "/", headers={"X-Forwarded-For": header}, client=peer)
    assert answer.body.decode() == seen


def test_a_malformed_network_is_refused():
    with pytest.raises(InvalidArgument, match="trustedproxies"):
        ForwardedClient(echo, ["10.0.0.0/99"])
