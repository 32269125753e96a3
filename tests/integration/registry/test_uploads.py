"""Uploads: one writer, its own owner, and hashes that go on."""

from __future__ import annotations

import asyncio

import pytest
from registry_bed import START, digest_of

from baleen.errors import ResourceExhausted
from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code

LARGE = b"0123456789abcdef" * (200 << 10)


async def pieces(data, size=100_000):
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_large_content_is_written_in_order(registry):
    uploads = registry.contents.uploads
    session = await uploads.begin("r", "")
    async with uploads.hold("r", session, "") as upload:
        await upload.append(pieces(LARGE))
        assert upload.size == len(LARGE)
        blob = await registry.contents.finish(upload, Digest(digest_of(LARGE)))
    assert blob.size == len(LARGE)


@pytest.mark.parametrize(("name", "owner"), [("other", "me"), ("r", "you"), ("r", "")])
async def test_a_session_is_its_owners_alone(registry, name, owner):
    uploads = registry.contents.uploads
    session = await uploads.begin("r", "me")
    with pytest.raises(ApiError) as caught:
        async with uploads.hold(name, session, owner):
            pass
    assert caught.value.code is Code.BLOB_UPLOAD_UNKNOWN
    async with uploads.hold("r", session, "me") as upload:
        assert upload.size == 0


async def test_a_second_request_is_told_that_it_is_busy(registry):
    uploads = registry.contents.uploads
    session = await uploads.begin("r", "")
    async with uploads.hold("r", session, ""):
        with pytest.raises(ApiError) as caught:
            async with uploads.hold("r", session, ""):
                pass
    assert (caught.value.code, caught.value.status) == (Code.BLOB_UPLOAD_INVALID, 409)


async def test_a_cancelled_request_keeps_what_came(registry):
    uploads = registry.contents.uploads
    session = await uploads.begin("r", "")
    waiting = asyncio.Event()

    async def stuck():
        yield b"begin"
        waiting.set()
        await asyncio.Event().wait()

    async def request():
        async with uploads.hold("r", session, "") as upload:
            await upload.append(stuck())

    task = asyncio.ensure_future(request())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with uploads.hold("r", session, "") as upload:
        assert upload.size == 5
        await upload.append(pieces(b" end"))
        await upload.verify(Digest(digest_of(b"begin end")))


async def test_a_full_disk_ends_the_session(registry, monkeypatch):
    uploads = registry.contents.uploads
    session = await uploads.begin("r", "")
    async with uploads.hold("r", session, "") as upload:

        def full(_data):
            raise ResourceExhausted("no space left on device")

        monkeypatch.setattr(upload._ingest, "write", full)
        with pytest.raises(ResourceExhausted):
            await upload.append(pieces(LARGE))
    assert list((registry.root / "uploads").iterdir()) == []


async def test_old_sessions_are_purged_unless_held(registry):
    uploads = registry.contents.uploads
    old, held = await uploads.begin("r", ""), await uploads.begin("r", "")
    registry.clock.now += 100
    young = await uploads.begin("r", "")
    async with uploads.hold("r", held, ""):
        assert await uploads.purge(START + 50, dry_run=True) == 2
        assert await uploads.purge(START + 50) == 1
    for session, there in [(old, False), (held, True), (young, True)]:
        assert (registry.root / "uploads" / session).exists() is there
