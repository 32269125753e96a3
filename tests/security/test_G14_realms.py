"""G14: headers of a client decide where other clients are sent.

Attack: hostile Host, X-Forwarded-*, Forwarded. Must: the realm of a challenge and the URLs of
notifications come from the configuration; the address of a client from its connection.
"""

from __future__ import annotations

from token_world import REALM, world

HOSTILE = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Original-URL": "/v2/",
}


async def test_a_challenge_sends_nobody_elsewhere(tmp_path):
    async with world(tmp_path) as registry:
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/ann/x/tags/list"),
            ("POST", "/v2/ann/x/blobs/uploads/"),
            ("GET", "/token"),
        ):
            answer = await registry.request(method, path, headers=dict(HOSTILE))
            assert "evil" not in str(answer.headers) + answer.body.decode()
            if path != "/token":
                assert f'realm="{REALM}"' in answer.headers["www-authenticate"]
        token = await registry.token("repository:ann/x:pull,push", "ann:secret")
        answer = await registry.request(
            "POST", "/v2/ann/x/blobs/uploads/", token, headers=dict(HOSTILE)
        )
        assert answer.status == 202
        assert "evil" not in str(answer.headers)


async def test_nobody_leaves_a_limit_by_a_header(tmp_path):
    limit = {"address": {"persecond": "0.001", "burst": "3"}}
    async with world(tmp_path, ratelimit=limit) as registry:
        statuses = [
            (
                await registry.request(
                    "GET", "/v2/", headers={"X-Forwarded-For": f"203.0.113.{number}"}
                )
            ).status
            for number in range(5)
        ]
        assert statuses == [401, 401, 401, 429, 429]
