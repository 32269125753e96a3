"""Mounting blobs of other repositories."""

from __future__ import annotations

from registry_bed import digest_of, opened

from baleen.registry.access import Open
from baleen.registry.events import EventAction

DATA = b"shared"
DIGEST = digest_of(DATA)


async def test_a_blob_is_mounted_without_an_upload(registry):
    await registry.push_blob("a", DATA)
    answer = await registry.request("POST", f"/v2/b/blobs/uploads/?mount={DIGEST}&from=a")
    assert answer.status == 201
    assert answer.headers["location"] == f"/v2/b/blobs/{DIGEST}"
    assert answer.headers["docker-content-digest"] == DIGEST
    assert (await registry.get(f"/v2/b/blobs/{DIGEST}")).body == DATA
    event = registry.events.events[-2]
    assert (event.action, event.source, event.size) == (EventAction.MOUNT, "a", len(DATA))


async def test_without_a_source_any_readable_repository_will_do(tmp_path):
    class Some(Open):
        async def allows(self, actor, action, repository, request):
            return repository != "a-private"

    async with opened(tmp_path / "data", access=Some()) as registry:
        await registry.push_blob("a-private", DATA)
        path = f"/v2/b/blobs/uploads/?mount={DIGEST}"
        assert (await registry.request("POST", path)).status == 202
        await registry.push_blob("public", DATA)
        assert (await registry.request("POST", path)).status == 201


async def test_what_cannot_be_mounted_is_uploaded(registry):
    await registry.push_blob("a", DATA)
    for query in (
        f"mount={DIGEST}&from=none",
        f"mount={digest_of(b'x')}&from=a",
        f"mount={DIGEST}&from=A%2f..",
    ):
        answer = await registry.request("POST", f"/v2/b/blobs/uploads/?{query}")
        assert answer.status == 202
        location = answer.headers["location"]
        assert (await registry.request("PATCH", location, DATA)).status == 202
        assert (await registry.get(f"/v2/b/blobs/{DIGEST}")).status == 404


async def test_a_mount_of_no_digest_is_refused(registry):
    answer = await registry.request("POST", "/v2/b/blobs/uploads/?mount=x&from=a")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
