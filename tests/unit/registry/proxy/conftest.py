"""A small registry that can be told to lie, to stall and to be away; and a real store."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter

import pytest
from aiohttp import web

from baleen.oci.digest import Digest
from baleen.registry.configuration import Tree
from baleen.registry.contents import open_contents
from baleen.registry.settings import load_settings

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest_of(content):
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


class FakeUpstream:
    """An upstream.

    Attributes:
        manifests, blobs: by repository and reference or digest.
        counts: of requests, by kind.
        status: answered to everything, unless 0.
        auth: None, `basic` or `bearer`, for user `robot` with password `secret`.
        public: repositories that need no login.
        gate: waited for in the middle of a blob.
    """

    def __init__(self):
        self.manifests, self.blobs, self.tags = {}, {}, {}
        self.counts = Counter()
        self.status = 0
        self.auth = None
        self.public = set()
        self.gate = None
        self.realm = None
        self.seen = []
        self.announce = True

    def image(self, repository, tag, content=b"layer"):
        layer = digest_of(content)
        config = b"{}"
        payload = (
            b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":'
            b'"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},'
            b'"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s",'
            b'"size":%d}]}'
            % (MANIFEST_TYPE.encode(), digest_of(config).encode(), layer.encode(), len(content))
        )
        digest = digest_of(payload)
        self.manifests[repository, tag] = payload
        self.manifests[repository, str(digest)] = payload
        self.blobs[repository, str(layer)] = content
        self.blobs[repository, str(digest_of(config))] = config
        return digest, layer

    async def handle(self, request):
        path = request.path
        self.seen.append(request)
        if path == "/token":
            return self._token(request)
        if self.status:
            return web.Response(status=self.status)
        parts = path.removeprefix("/v2/").split("/")
        repository, kind, last = "/".join(parts[:-2]), parts[-2], parts[-1]
        refusal = self._refusal(request, repository)
        if refusal is not None:
            return refusal
        self.counts[f"{request.method} {kind}"] += 1
        if kind == "tags":
            return self._tags(request, repository)
        if kind == "manifests":
            return self._manifest(repository, last)
        return await self._blob(request, repository, last)

    def _token(self, request):
        self.counts["token"] += 1
        expected = "Basic " + base64.b64encode(b"robot:secret").decode()
        given = request.headers.get("Authorization")
        if given not in {None, expected}:
            return web.Response(status=401)
        who = "robot" if given else "nobody"
        return web.json_response({"token": f"token-of-{who}", "expires_in": 300})

    def _refusal(self, request, repository):
        given = request.headers.get("Authorization", "")
        if self.auth is None:
            return None
        if self.auth == "basic":
            if given == "Basic " + base64.b64encode(b"robot:secret").decode():
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        if given == "Bearer token-of-robot":
            return None
        if given == "Bearer token-of-nobody" and repository in self.public:
            return None
        challenge = f'Bearer realm="{self.realm or self.url + "/token"}",service="up"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    def _manifest(self, repository, reference):
        payload = self.manifests.get((repository, reference))
        if payload is None:
            return web.Response(status=404)
        headers = {"Content-Type": MANIFEST_TYPE}
        if self.announce:
            headers["Docker-Content-Digest"] = str(digest_of(payload))
        return web.Response(body=payload, headers=headers)

    def _tags(self, request, repository):
        tags = self.tags.get(repository)
        if tags is None and not any(key[0] == repository for key in self.manifests):
            return web.Response(status=404)
        tags = tags or []
        start = int(request.query.get("last", "0"))
        headers = {}
        if start + 2 < len(tags):
            headers["Link"] = f'</v2/{repository}/tags/list?n=2&last={start + 2}>; rel="next"'
        return web.json_response(
            {"name": repository, "tags": tags[start : start + 2]}, headers=headers
        )

    async def _blob(self, request, repository, digest):
        content = self.blobs.get((repository, digest))
        if content is None:
            return web.Response(status=404)
        if isinstance(content, str):
            return web.Response(status=307, headers={"Location": content})
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        half = len(content) // 2
        await response.write(content[:half])
        if self.gate is not None:
            await self.gate.wait()
        await response.write(content[half:])
        return response


@pytest.fixture
async def upstream():
    fake = FakeUpstream()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def contents(tmp_path):
    tree = Tree({"storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}})
    contents = open_contents(load_settings(tree))
    await contents.start()
    yield contents
    await contents.close()
