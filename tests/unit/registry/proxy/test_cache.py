from __future__ import annotations

import asyncio

import pytest

from baleen.registry.access import ANYBODY
from baleen.registry.errors import ApiError
from baleen.registry.proxy.cache import Cache
from baleen.registry.proxy.upstream_client import Login, UpstreamClient
from baleen.registry.watching.metrics import Metrics


class Bed:
    """A cache before an upstream, with a clock of its own."""

    def __init__(self, upstream, contents, **options):
        self.upstream, self.contents = upstream, contents
        self.now = 2_000_000_000.0
        contents.clock = lambda: self.now
        self.metrics, self.complaints = Metrics(), []
        anonymous = options.pop("anonymous", False)
        self.cache = Cache(
            UpstreamClient(upstream.url, Login("robot", "secret") if anonymous else Login()),
            UpstreamClient(upstream.url, Login()) if anonymous else None,
            tag_ttl_s=60,
            spool=None,
            metrics=self.metrics,
            complain=self.complaints.append,
            clock=lambda: self.now,
        )

    async def manifest(self, repository, reference):
        await self.cache.manifest(repository, reference, self.contents, ANYBODY)
        found = await self.contents.manifest(repository, reference)
        return found.digest if found is not None else None

    async def blob(self, repository, digest):
        return await self.cache.blob(repository, digest, self.contents, ANYBODY)

    def count(self, kind, result):
        value = self.metrics.registry.get_sample_value(
            "registry_proxy_requests_total", {"kind": kind, "result": result}
        )
        return int(value or 0)


async def running(bed):
    task = asyncio.create_task(bed.cache.run())
    await asyncio.sleep(0)
    yield bed
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def bed(upstream, contents):
    async for bed in running(Bed(upstream, contents)):
        yield bed


@pytest.fixture
async def shy(upstream, contents):
    """Without rights of our own, and with a login at the upstream."""
    upstream.auth = "bearer"
    async for bed in running(Bed(upstream, contents, anonymous=True)):
        yield bed


async def read(incoming):
    return b"".join([piece async for piece in incoming.pieces(0, incoming.size)])


async def test_a_tag_is_fetched_once_and_then_believed_for_a_while(bed, upstream):
    digest, _ = upstream.image("a", "latest")
    assert await bed.manifest("a", "latest") == digest
    bed.now += 59
    assert await bed.manifest("a", "latest") == digest
    assert upstream.counts["GET manifests"] == 1
    assert upstream.counts["HEAD manifests"] == 0
    assert (bed.count("manifest", "miss"), bed.count("manifest", "hit")) == (1, 1)


async def test_an_old_tag_is_asked_for_and_stays_if_it_is_the_same(bed, upstream):
    await_digest, _ = upstream.image("a", "latest")
    for _ in range(3):
        assert await bed.manifest("a", "latest") == await_digest
        bed.now += 61
    assert upstream.counts["GET manifests"] == 1
    assert upstream.counts["HEAD manifests"] == 2


async def test_a_moved_tag_is_fetched_anew(bed, upstream):
    upstream.image("a", "latest")
    await bed.manifest("a", "latest")
    digest, _ = upstream.image("a", "latest", b"another")
    bed.now += 61
    assert await bed.manifest("a", "latest") == digest


async def test_a_deleted_tag_is_gone(bed, upstream):
    upstream.image("a", "latest")
    await bed.manifest("a", "latest")
    del upstream.manifests["a", "latest"]
    bed.now += 61
    assert await bed.manifest("a", "latest") is None


async def test_while_the_upstream_is_down_a_tag_stays(bed, upstream):
    digest, _ = upstream.image("a", "latest")
    await bed.manifest("a", "latest")
    upstream.status = 503
    bed.now += 61
    assert await bed.manifest("a", "latest") == digest
    assert bed.count("manifest", "stale") == 1
    assert "503" in bed.complaints[0]
    with pytest.raises(ApiError) as caught:
        await bed.manifest("a", "other")
    assert caught.value.status == 503


async def test_who_is_refused_by_the_upstream_gets_no_stale_tag(bed, upstream):
    upstream.image("a", "latest")
    await bed.manifest("a", "latest")
    upstream.status = 403
    bed.now += 61
    with pytest.raises(ApiError) as caught:
        await bed.manifest("a", "latest")
    assert caught.value.status == 403


async def test_a_digest_is_believed_for_ever(bed, upstream):
    digest, _ = upstream.image("a", "latest")
    assert await bed.manifest("a", digest) == digest
    bed.now += 10_000_000
    assert await bed.manifest("a", digest) == digest
    assert upstream.counts == {"GET manifests": 1}


async def test_what_neither_side_has_is_absent(bed, upstream):
    _, layer = upstream.image("a", "latest")
    assert await bed.manifest("b", "latest") is None
    assert await bed.blob("b", layer) is None
    assert await bed.contents.blob("b", layer) is None


async def test_a_blob_is_served_while_it_comes_and_then_local(bed, upstream):
    content = bytes(range(256)) * 2000
    _, layer = upstream.image("a", "latest", content)
    upstream.gate = asyncio.Event()
    incoming = await bed.blob("a", layer)
    reader = incoming.pieces(0, incoming.size)
    first = await anext(reader)
    assert content.startswith(first)
    assert await bed.contents.blob("a", layer) is None
    upstream.gate.set()
    assert first + b"".join([piece async for piece in reader]) == content
    assert await bed.blob("a", layer) is None
    assert (await bed.contents.blob("a", layer)).size == len(content)
    assert bed.count("blob", "miss") == 1


async def test_many_clients_are_one_request(bed, upstream):
    content = b"x" * 500_000
    digest, layer = upstream.image("a", "latest", content)
    upstream.gate = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(bed.manifest("a", "latest"))
            tasks.create_task(bed.manifest("a", digest))
        blobs = [tasks.create_task(bed.blob("a", layer)) for _ in range(20)]
    assert upstream.counts["GET blobs"] == 1
    assert upstream.counts["GET manifests"] <= 2
    upstream.gate.set()
    for task in blobs:
        assert await read(task.result()) == content


async def test_a_client_that_leaves_does_not_end_the_fetch(bed, upstream):
    content = b"x" * 100_000
    _, layer = upstream.image("a", "latest", content)
    upstream.gate = asyncio.Event()
    incoming = await bed.blob("a", layer)
    leaving = asyncio.create_task(read(incoming))
    await asyncio.sleep(0)
    leaving.cancel()
    upstream.gate.set()
    assert await read(incoming) == content


async def test_a_blob_that_lies_is_complete_for_nobody(bed, upstream):
    _, layer = upstream.image("a", "latest", b"x" * 1000)
    upstream.blobs["a", str(layer)] = b"y" * 1000
    incoming = await bed.blob("a", layer)
    assert len(await read(incoming)) == 999
    assert await bed.contents.blob("a", layer) is None
    # And the next one begins anew.
    upstream.blobs["a", str(layer)] = b"x" * 1000
    assert await read(await bed.blob("a", layer)) == b"x" * 1000


async def test_a_blob_whose_upstream_is_away(bed, upstream):
    _, layer = upstream.image("a", "latest")
    upstream.status = 500
    with pytest.raises(ApiError) as caught:
        await bed.blob("a", layer)
    assert caught.value.status == 503
    assert bed.count("blob", "failed") == 1


async def test_tags_are_the_upstreams_or_else_ours(bed, upstream):
    upstream.tags["a"] = ["1", "2", "3"]
    assert await bed.cache.tags("a", bed.contents, ANYBODY) == ["1", "2", "3"]
    with pytest.raises(ApiError) as caught:
        await bed.cache.tags("b", bed.contents, ANYBODY)
    assert caught.value.code == "NAME_UNKNOWN"
    upstream.status = 500
    assert await bed.cache.tags("a", bed.contents, ANYBODY) is None


async def test_a_manifest_that_lies_is_not_kept(bed, upstream):
    digest, _ = upstream.image("a", "latest")
    upstream.manifests["a", str(digest)] += b" "
    with pytest.raises(ApiError):
        await bed.manifest("a", digest)
    assert await bed.contents.manifest("a", digest) is None


async def test_what_only_our_login_opens_is_shown_to_nobody(shy, upstream):
    upstream.public = {"open"}
    digest, layer = upstream.image("open", "latest")
    upstream.image("private", "latest")
    assert await shy.manifest("open", "latest") == digest
    for call in (
        shy.manifest("private", "latest"),
        shy.blob("private", layer),
        shy.cache.tags("private", shy.contents, ANYBODY),
    ):
        with pytest.raises(ApiError) as caught:
            await call
        assert caught.value.status == 403


async def test_what_was_public_and_is_not_is_no_longer_shown_after_five_minutes(shy, upstream):
    upstream.public = {"open"}
    upstream.image("open", "latest")
    await shy.manifest("open", "latest")
    upstream.public = set()
    shy.now += 301
    with pytest.raises(ApiError):
        await shy.manifest("open", "latest")


async def test_what_was_public_stays_so_while_the_upstream_is_down(shy, upstream):
    upstream.public = {"open"}
    digest, _ = upstream.image("open", "latest")
    await shy.manifest("open", "latest")
    upstream.status = 500
    shy.now += 301
    assert await shy.manifest("open", "latest") == digest
    with pytest.raises(ApiError):
        await shy.manifest("unknown", "latest")


async def test_a_cache_that_does_not_run_fetches_nothing(upstream, contents):
    bed = Bed(upstream, contents)
    with pytest.raises(ApiError) as caught:
        await bed.manifest("a", "latest")
    assert caught.value.status == 503
