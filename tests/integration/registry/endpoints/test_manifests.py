"""Manifests by tag and digest."""

from __future__ import annotations

import json

import pytest
from registry_bed import (
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    index,
    manifest,
    opened,
)

from baleen.registry.events import EventAction


async def test_a_manifest_comes_back_byte_for_byte(registry):
    digest, raw = await registry.push_image("r", "v1")
    for reference in ("v1", digest):
        answer = await registry.get(f"/v2/r/manifests/{reference}")
        assert (answer.status, answer.body) == (200, raw)
        assert answer.headers["content-type"] == OCI_MANIFEST
        assert answer.headers["docker-content-digest"] == digest
        head = await registry.request("HEAD", f"/v2/r/manifests/{reference}")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(raw))
    answer = await registry.get("/v2/r/manifests/v1", if_none_match=f'"{digest}"')
    assert answer.status == 304


async def test_the_answer_to_a_push(registry):
    await registry.push_blob("r", b"{}")
    raw = json.dumps(manifest(), indent=3).encode()
    answer = await registry.push_manifest("r", "v1", raw)
    assert answer.status == 201
    assert answer.headers["location"] == f"/v2/r/manifests/{digest_of(raw)}"
    assert answer.headers["docker-content-digest"] == digest_of(raw)
    assert "oci-subject" not in answer.headers
    event = registry.events.events[-1]
    assert (event.action, event.tag, event.digest) == (EventAction.PUSH, "v1", digest_of(raw))
    assert (event.media_type, event.size) == (OCI_MANIFEST, len(raw))


async def test_a_subject_need_not_be_there_and_is_confirmed(registry):
    await registry.push_blob("r", b"{}")
    subject = descriptor(b"not here", OCI_MANIFEST)
    answer = await registry.push_manifest("r", "v1", manifest(subject=subject))
    assert (answer.status, answer.headers["oci-subject"]) == (201, subject["digest"])


async def test_a_manifest_by_sha512(registry):
    await registry.push_blob("r", b"{}")
    raw = json.dumps(manifest()).encode()
    digest = digest_of(raw, "sha512")
    assert (await registry.push_manifest("r", digest, raw)).status == 201
    assert (await registry.get(f"/v2/r/manifests/{digest}")).body == raw


async def test_missing_blobs_are_named(registry):
    await registry.push_blob("r", b"{}")
    answer = await registry.push_manifest("r", "v1", manifest(layers=[b"gone", b"gone too"]))
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    missing = {entry["digest"] for entry in answer.json["errors"][0]["detail"]}
    assert missing == {digest_of(b"gone"), digest_of(b"gone too")}
    assert (await registry.get("/v2/r/manifests/v1")).status == 404
    assert (await registry.get("/v2/_catalog")).json == {"repositories": []}


async def test_a_blob_of_another_repository_is_missing(registry):
    await registry.push_blob("other", b"{}")
    assert (await registry.push_manifest("r", "v1", manifest())).code == "MANIFEST_BLOB_UNKNOWN"


async def test_layers_with_urls_of_their_own_may_be_missing(registry):
    await registry.push_blob("r", b"{}")
    document = manifest()
    document["layers"] = [descriptor(b"far", OCI_LAYER, urls=["https://far.example/layer"])]
    assert (await registry.push_manifest("r", "v1", document)).status == 201


async def test_a_size_that_is_not_the_blobs_is_refused(registry):
    await registry.push_blob("r", b"{}")
    document = manifest()
    document["config"]["size"] = 3
    answer = await registry.push_manifest("r", "v1", document)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert "2 bytes" in answer.json["errors"][0]["message"]


async def test_an_index_needs_its_manifests(registry):
    _, raw = await registry.push_image("r", "")
    answer = await registry.push_manifest("r", "all", index([raw]), OCI_INDEX)
    assert answer.status == 201
    assert (await registry.get("/v2/r/manifests/all")).headers["content-type"] == OCI_INDEX
    answer = await registry.push_manifest("r", "x", index([raw, b"gone"]), OCI_INDEX)
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"[]", OCI_MANIFEST),
        (b'{"schemaVersion":1}', OCI_MANIFEST),
        (b"\xff", OCI_MANIFEST),
        (json.dumps(manifest()).encode(), OCI_INDEX),
        (json.dumps(manifest()).encode(), "text/plain"),
        (json.dumps({**manifest(), "manifests": []}).encode(), OCI_MANIFEST),
        (b'{"a":' * 100_000, OCI_MANIFEST),
        (json.dumps(manifest(artifactType="\ud800")).encode(), OCI_MANIFEST),
    ],
)
async def test_what_is_no_manifest_is_refused(registry, raw, media_type):
    await registry.push_blob("r", b"{}")
    answer = await registry.push_manifest("r", "v1", raw, media_type)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


async def test_without_a_content_type_the_document_says_it(registry):
    await registry.push_blob("r", b"{}")
    answer = await registry.push_manifest("r", "v1", manifest(), "")
    assert answer.status == 201
    assert (await registry.get("/v2/r/manifests/v1")).headers["content-type"] == OCI_MANIFEST


async def test_a_tag_moves_and_the_old_manifest_stays(registry):
    first, _ = await registry.push_image("r", "v1", "one")
    second, _ = await registry.push_image("r", "v1", "two")
    answer = await registry.get("/v2/r/manifests/v1")
    assert answer.headers["docker-content-digest"] == second
    assert (await registry.get(f"/v2/r/manifests/{first}")).status == 200


async def test_a_deleted_tag_leaves_the_manifest(registry):
    digest, _ = await registry.push_image("r", "v1")
    assert (await registry.request("DELETE", "/v2/r/manifests/v1")).status == 202
    assert (await registry.get("/v2/r/manifests/v1")).status == 404
    assert (await registry.get(f"/v2/r/manifests/{digest}")).status == 200
    event = registry.events.events[-2]
    assert (event.action, event.tag, event.digest) == (EventAction.DELETE, "v1", "")


async def test_a_deleted_manifest_takes_its_tags_along(registry):
    digest, raw = await registry.push_image("r", "v1")
    await registry.push_manifest("r", "v2", raw)
    await registry.push_image("r", "v3", "other")
    assert (await registry.request("DELETE", f"/v2/r/manifests/{digest}")).status == 202
    assert (await registry.get(f"/v2/r/manifests/{digest}")).status == 404
    assert (await registry.get("/v2/r/tags/list")).json["tags"] == ["v3"]


async def test_an_upstream_is_asked_first(tmp_path):
    raw = json.dumps(manifest()).encode()

    class Upstream:
        async def manifest(self, repository, reference, contents, actor):
            if reference == "v1":
                await contents.put_manifest(
                    repository, reference, OCI_MANIFEST, raw, complete=False
                )

    async with opened(tmp_path / "data", upstream=Upstream()) as registry:
        assert (await registry.get("/v2/r/manifests/v1")).body == raw
        assert (await registry.get("/v2/r/manifests/v2")).status == 404
