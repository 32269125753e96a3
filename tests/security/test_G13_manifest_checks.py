"""G13: manifests that lie, refer to nothing, loop, or are made to be expensive."""

from __future__ import annotations

import json
import time

import pytest
from registry_bed import (
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    index,
    manifest,
    opened,
)


@pytest.fixture
async def registry(tmp_path):
    async with opened(tmp_path / "data") as it:
        await it.push_blob("r", b"{}")
        yield it


async def test_a_digest_of_other_content(registry):
    raw = json.dumps(manifest()).encode()
    for digest in (digest_of(raw + b" "), digest_of(b"x", "sha512")):
        answer = await registry.push_manifest("r", digest, raw)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
        assert (await registry.get(f"/v2/r/manifests/{digest}")).status == 404


async def test_blobs_that_are_missing_or_elsewhere(registry):
    await registry.push_blob("other", b"layer")
    for layer in (b"layer", b"missing"):
        answer = await registry.push_manifest("r", "x", manifest(layers=[layer]))
        assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")


async def test_referrers_in_a_row_cost_one_step_each(registry):
    subject = b"start"
    for number in range(50):
        raw = json.dumps(
            manifest(subject=descriptor(subject, OCI_MANIFEST), annotations={"n": str(number)})
        ).encode()
        assert (await registry.push_manifest("r", digest_of(raw), raw)).status == 201
        answer = await registry.get(f"/v2/r/referrers/{digest_of(subject)}")
        assert [entry["digest"] for entry in answer.json["manifests"]] == [digest_of(raw)]
        subject = raw


async def test_a_subject_of_itself_has_another_digest(registry):
    """A document cannot hold its own digest; one that names its tag's is a referrer of that."""
    raw = json.dumps(manifest()).encode()
    await registry.push_manifest("r", "x", raw)
    document = manifest(subject=descriptor(raw, OCI_MANIFEST))
    answer = await registry.push_manifest("r", "x", document)
    assert answer.status == 201
    listed = await registry.get(f"/v2/r/referrers/{answer.headers['docker-content-digest']}")
    assert listed.json["manifests"] == []


async def test_an_index_of_100_000_children_is_refused_quickly(registry):
    entry = json.dumps(descriptor(b"x", OCI_MANIFEST))
    assert len(entry) * 100_000 > 4 << 20
    small = '{"mediaType":"a","digest":"sha256:' + "0" * 64 + '","size":1}'
    children = ",".join([small] * 38_000)
    raw = f'{{"schemaVersion":2,"manifests":[{children}]}}'.encode()
    assert len(raw) < 4 << 20
    started = time.monotonic()
    answer = await registry.push_manifest("r", "x", raw, OCI_INDEX)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert time.monotonic() - started < 2


async def test_indexes_100_deep_are_one_look_each(registry):
    _, raw = await registry.push_image("r", "")
    for _ in range(100):
        document = index([raw])
        document["manifests"][0]["mediaType"] = OCI_INDEX
        raw = json.dumps(document).encode()
        answer = await registry.push_manifest("r", digest_of(raw), raw, OCI_INDEX)
        assert answer.status == 201
    edges = await registry.contents.database.read(
        lambda tx: tx.execute("SELECT COUNT(*) FROM edges WHERE is_blob = 0")
    )
    assert edges == [(100,)]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":' * 500_000 + b"1" + b"}" * 500_000,
        b"[" * 1_000_000,
        b'{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:'
        + b"0" * 64
        + b'","size":1e400},"layers":[]}',
        b'{"schemaVersion":2,"config":null,"layers":null}',
    ],
    ids=["deep", "brackets", "number", "null"],
)
async def test_documents_made_to_hurt_are_a_400(registry, raw):
    answer = await registry.push_manifest("r", "x", raw)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
