"""G17: a cache serves to B what A's credentials have fetched, or keeps what is false.

Attack: a private image is pulled as somebody who may, then by others; a tag, manifest or blob is
answered with other bytes; writes. Must: our own rights or the upstream decide for each request;
content is verified before it is kept; deletes and pushes are refused (G11).
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from asgi_call import call_application, living
from token_world import write_people

from baleen.registry.assembly import assemble
from baleen.registry.configuration import Tree
from baleen.registry.settings import load_settings

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER = b"layer" * 1000


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(b"{}"),
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest_of(LAYER),
                "size": len(LAYER),
            }
        ],
    }
).encode()


def basic(creds):
    return {"Authorization": "Basic " + base64.b64encode(creds.encode()).decode()}


class Upstream:
    """Has one private image, and may lie."""

    def __init__(self):
        self.content = {
            "/v2/team/a/manifests/1": (MANIFEST, MANIFEST_TYPE),
            f"/v2/team/a/manifests/{digest_of(MANIFEST)}": (MANIFEST, MANIFEST_TYPE),
            f"/v2/team/a/blobs/{digest_of(LAYER)}": (LAYER, "application/octet-stream"),
            "/v2/team/a/tags/list": (b'{"name":"team/a","tags":["1"]}', "application/json"),
        }
        self.seen = []

    async def handle(self, request):
        self.seen.append(request.headers.get("Authorization"))
        if request.headers.get("Authorization") != basic("robot:secret")["Authorization"]:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="up"'})
        if request.path not in self.content:
            return web.Response(status=404)
        body, kind = self.content[request.path]
        headers = {"Content-Type": kind}
        if "manifests" in request.path:
            headers["Docker-Content-Digest"] = digest_of(MANIFEST)
        return web.Response(body=body, headers=headers)


@pytest.fixture
async def upstream():
    fake = Upstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@asynccontextmanager
async def cache(upstream, directory, auth=None):
    tree = {
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "data")},
            "delete": {"enabled": "true"},
        },
        "proxy": {"remoteurl": upstream.url, "username": "robot", "password": "secret"},
        "log": {"accesslog": {"disabled": "true"}},
        **({"auth": auth} if auth else {}),
    }
    application, contents = assemble(load_settings(Tree(tree)))

    async def ask(method, path, creds=None):
        headers = basic(creds) if creds else {}
        return await call_application(application, method, path, headers=headers)

    async with living(application):
        ask.contents = contents
        yield ask


PATHS = ["/v2/team/a/manifests/1", f"/v2/team/a/blobs/{digest_of(LAYER)}", "/v2/team/a/tags/list"]


async def test_our_own_rights_decide_before_and_after_it_is_cached(upstream, tmp_path):
    write_people(tmp_path / "people", ann="secret", bob="geheim")
    rules = [{"repositories": ["team/*"], "users": ["ann"], "actions": ["pull"]}]
    (tmp_path / "policy.yml").write_text(json.dumps({"rules": rules}))
    auth = {
        "htpasswd": {"path": str(tmp_path / "people")},
        "policy": str(tmp_path / "policy.yml"),
    }
    async with cache(upstream, tmp_path, auth) as ask:
        for _ in range(2):
            for path in PATHS:
                assert (await ask("GET", path)).status == 401
                assert (await ask("GET", path, "bob:geheim")).status == 403
                assert (await ask("GET", path, "ann:secret")).status == 200
    # Only the cache's own credentials go upstream.
    assert set(upstream.seen) <= {None, basic("robot:secret")["Authorization"]}


async def test_without_rights_of_our_own_only_what_is_public_is_served(upstream, tmp_path):
    async with cache(upstream, tmp_path) as ask:
        for path in PATHS:
            for creds in (None, "ann:secret", "robot:secret"):
                answer = await ask("GET", path, creds)
                assert answer.status == 403, path
                assert b"layer" not in answer.body


async def test_what_is_not_what_its_digest_says_is_not_kept(upstream, tmp_path):
    write_people(tmp_path / "people", ann="secret")
    auth = {"htpasswd": {"path": str(tmp_path / "people")}}
    upstream.content["/v2/team/a/manifests/1"] = (MANIFEST + b" ", MANIFEST_TYPE)
    blob = f"/v2/team/a/blobs/{digest_of(LAYER)}"
    upstream.content[blob] = (LAYER[::-1], "application/octet-stream")
    async with cache(upstream, tmp_path, auth) as ask:
        assert (await ask("GET", "/v2/team/a/manifests/1", "ann:secret")).status == 503
        answer = await ask("GET", blob, "ann:secret")
        assert len(answer.body) < len(LAYER)
        upstream.content[blob] = (LAYER, "application/octet-stream")
        assert (await ask("GET", blob, "ann:secret")).body == LAYER


async def test_a_cache_refuses_writes_even_with_deletion_on(upstream, tmp_path):
    write_people(tmp_path / "people", ann="secret")
    auth = {"htpasswd": {"path": str(tmp_path / "people")}}
    async with cache(upstream, tmp_path, auth) as ask:
        assert (await ask("GET", "/v2/team/a/manifests/1", "ann:secret")).status == 200
        for method, path in (
            ("DELETE", "/v2/team/a/manifests/1"),
            ("DELETE", f"/v2/team/a/manifests/{digest_of(MANIFEST)}"),
            ("DELETE", f"/v2/team/a/blobs/{digest_of(LAYER)}"),
            ("POST", "/v2/team/a/blobs/uploads/"),
            ("PUT", "/v2/team/a/manifests/2"),
        ):
            answer = await ask(method, path, "ann:secret")
            assert (answer.status, answer.json()["errors"][0]["code"]) == (405, "UNSUPPORTED")
        assert (await ask("GET", "/v2/team/a/manifests/1", "ann:secret")).body == MANIFEST
