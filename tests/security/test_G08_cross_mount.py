"""G08: a mount without the right to pull from the source looks like a blob that is not there."""

from __future__ import annotations

import pytest
from registry_bed import digest_of, opened

from baleen.registry.access import Open

SECRET = b"secret layer"
DIGEST = digest_of(SECRET)


class Public(Open):
    """Everybody may do everything but pull from `private`."""

    async def allows(self, actor, action, repository, request):
        return repository != "private"


@pytest.fixture
async def registry(tmp_path):
    async with opened(tmp_path / "data", access=Public()) as it:
        await it.push_blob("private", SECRET)
        yield it


def shape(answer):
    """All of an answer but what is random in it."""
    session = answer.headers.get("docker-upload-uuid", "?")
    fields = {key: value.replace(session, "ID") for key, value in answer.headers.items()}
    return answer.status, fields, answer.body


@pytest.mark.parametrize("query", ["&from=private", ""])
async def test_it_is_the_answer_for_what_is_absent(registry, query):
    path = "/v2/mine/blobs/uploads/?mount={}{}"
    there = await registry.request("POST", path.format(DIGEST, query))
    absent = await registry.request("POST", path.format(digest_of(b"absent"), query))
    assert there.status == 202
    assert shape(there) == shape(absent)
    for method in ("GET", "HEAD"):
        assert (await registry.request(method, f"/v2/mine/blobs/{DIGEST}")).status == 404


async def test_nothing_is_looked_up_before_the_right_was_asked(registry, monkeypatch):
    async def look(*_):
        raise AssertionError

    monkeypatch.setattr(registry.contents, "mount", look)
    path = f"/v2/mine/blobs/uploads/?mount={DIGEST}&from=private"
    assert (await registry.request("POST", path)).status == 202


async def test_a_manifest_cannot_take_what_was_not_mounted(registry):
    document = {
        "schemaVersion": 2,
        "config": {"mediaType": "a/b", "digest": DIGEST, "size": len(SECRET)},
        "layers": [],
    }
    answer = await registry.push_manifest("mine", "x", document)
    assert answer.code == "MANIFEST_BLOB_UNKNOWN"


async def test_who_has_the_bytes_may_push_them(registry):
    await registry.push_blob("mine", SECRET)
    assert (await registry.get(f"/v2/mine/blobs/{DIGEST}")).body == SECRET
