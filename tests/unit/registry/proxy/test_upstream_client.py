from __future__ import annotations

import pytest

from baleen.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unavailable
from baleen.oci.digest import Digest
from baleen.registry.proxy.upstream_client import MANIFEST_LIMIT, Login, UpstreamClient

ABSENT = Digest("sha256:" + "0" * 64)


@pytest.fixture
async def client(upstream):
    client = UpstreamClient(upstream.url, Login())
    yield client
    await client.close()


@pytest.fixture
async def robot(upstream):
    client = UpstreamClient(upstream.url, Login("robot", "secret"))
    yield client
    await client.close()


async def blob(client, repository, digest):
    async with client.blob(repository, digest) as (size, pieces):
        return size, b"".join([piece async for piece in pieces])


async def test_manifests_blobs_and_tags(client, upstream):
    digest, layer = upstream.image("a/b", "latest", b"x" * 100_000)
    upstream.tags["a/b"] = ["1", "2", "3", "4", "5"]
    for reference in ("latest", digest):
        fetched = await client.manifest("a/b", reference)
        assert fetched.digest == digest
        assert fetched.media_type == "application/vnd.oci.image.manifest.v1+json"
    assert await client.manifest_digest("a/b", "latest") == digest
    assert await blob(client, "a/b", layer) == (100_000, b"x" * 100_000)
    assert await client.tags("a/b") == ["1", "2", "3", "4", "5"]
    assert upstream.counts["GET tags"] == 3


async def test_what_is_not_there(client, upstream):
    for call in (
        client.manifest("a", "latest"),
        client.manifest_digest("a", "latest"),
        blob(client, "a", ABSENT),
        client.tags("a"),
    ):
        with pytest.raises(NotFound):
            await call


@pytest.mark.parametrize("status", [429, 500, 502, 503, 206])
async def test_what_it_cannot_answer_now(client, upstream, status):
    upstream.status = status
    with pytest.raises(Unavailable):
        await client.manifest("a", "latest")


async def test_an_upstream_that_is_away():
    client = UpstreamClient("http://127.0.0.1:1", Login())
    with pytest.raises(Unavailable):
        await client.manifest("a", "latest")
    await client.close()


async def test_a_manifest_that_is_not_what_it_says(client, upstream):
    digest, _ = upstream.image("a", "latest")
    upstream.manifests["a", str(digest)] += b" "
    with pytest.raises(DataLoss):
        await client.manifest("a", digest)


async def test_a_manifest_without_a_limit(client, upstream):
    upstream.manifests["a", "latest"] = b"x" * (MANIFEST_LIMIT + 1)
    with pytest.raises(DataLoss):
        await client.manifest("a", "latest")


async def test_a_digest_is_computed_if_the_upstream_says_none(client, upstream):
    digest, _ = upstream.image("a", "latest")
    upstream.announce = False
    assert await client.manifest_digest("a", "latest") is None
    assert (await client.manifest("a", "latest")).digest == digest


async def test_basic(robot, client, upstream):
    upstream.auth = "basic"
    upstream.image("a", "latest")
    await robot.manifest("a", "latest")
    await robot.manifest("a", "latest")
    assert len(upstream.seen) == 3
    with pytest.raises(PermissionDenied):
        await client.manifest("a", "latest")


async def test_bearer_asks_for_one_token_a_repository(robot, upstream):
    upstream.auth = "bearer"
    upstream.image("a", "latest")
    for _ in range(3):
        await robot.manifest("a", "latest")
    assert upstream.counts["token"] == 1
    token = next(request for request in upstream.seen if request.path == "/token")
    assert dict(token.query) == {"scope": "repository:a:pull", "service": "up"}


async def test_nobody_gets_a_token_of_nobody(client, upstream):
    upstream.auth = "bearer"
    upstream.public = {"a"}
    upstream.image("a", "latest")
    upstream.image("b", "latest")
    assert await client.may_pull("a")
    assert not await client.may_pull("b")
    assert not await client.may_pull("absent")


async def test_the_password_goes_to_no_other_host_in_the_clear(robot, upstream):
    upstream.auth = "bearer"
    upstream.realm = "http://localhost:1/token"
    upstream.image("a", "latest")
    with pytest.raises(PermissionDenied, match="clear"):
        await robot.manifest("a", "latest")


async def test_a_redirect_elsewhere_gets_no_credentials(robot, upstream):
    upstream.auth = "basic"
    content = b"elsewhere"
    _, layer = upstream.image("a", "latest", content)
    elsewhere = upstream.url.replace("127.0.0.1", "localhost")
    upstream.blobs["a", str(layer)] = f"{elsewhere}/v2/cdn/blobs/x"
    upstream.blobs["cdn", "x"] = content
    with pytest.raises(PermissionDenied):
        await blob(robot, "a", layer)
    redirected = [request for request in upstream.seen if "cdn" in request.path]
    assert redirected
    assert not any("Authorization" in request.headers for request in redirected)


async def test_pages_elsewhere_are_not_followed(client, upstream, monkeypatch):
    upstream.image("a", "latest")
    from aiohttp import web

    def tags(request, repository):
        headers = {"Link": '<http://127.0.0.2:1/v2/x/tags/list>; rel="next"'}
        return web.json_response({"tags": ["1"]}, headers=headers)

    monkeypatch.setattr(upstream, "_tags", tags)
    assert await client.tags("a") == ["1"]


@pytest.mark.parametrize("url", ["", "registry.example", "ftp://a", "http://"])
def test_a_remote_url_is_one(url):
    with pytest.raises((InvalidArgument, ValueError)):
        UpstreamClient(url, Login())
