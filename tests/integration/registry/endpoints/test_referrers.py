"""Lists of referrers."""

from __future__ import annotations

import json

from registry_bed import OCI_INDEX, OCI_MANIFEST, descriptor, digest_of, manifest


async def push(registry, salt, subject, **more):
    await registry.push_blob("r", b"{}")
    document = manifest(subject=descriptor(subject, OCI_MANIFEST), **more)
    document["annotations"] = {"salt": salt}
    raw = json.dumps(document).encode()
    assert (await registry.push_manifest("r", digest_of(raw), raw)).status == 201
    return digest_of(raw)


async def test_all_that_refer_to_it_are_listed(registry):
    subject = b"subject"
    sbom = await push(registry, "1", subject, artifactType="application/sbom")
    config = await push(registry, "2", subject)
    await push(registry, "3", b"other")
    answer = await registry.get(f"/v2/r/referrers/{digest_of(subject)}")
    assert (answer.status, answer.headers["content-type"]) == (200, OCI_INDEX)
    assert answer.json["schemaVersion"] == 2
    assert answer.json["mediaType"] == OCI_INDEX
    found = {entry["digest"]: entry for entry in answer.json["manifests"]}
    assert set(found) == {sbom, config}
    assert found[sbom]["artifactType"] == "application/sbom"
    assert found[sbom]["annotations"] == {"salt": "1"}
    assert found[sbom]["mediaType"] == OCI_MANIFEST
    # Without a type of its own, its config's.
    assert found[config]["artifactType"] == "application/vnd.oci.image.config.v1+json"
    assert "oci-filters-applied" not in answer.headers


async def test_the_filter_is_applied_and_said(registry):
    sbom = await push(registry, "1", b"s", artifactType="application/sbom")
    await push(registry, "2", b"s", artifactType="application/signature")
    path = f"/v2/r/referrers/{digest_of(b's')}?artifactType=application/sbom"
    answer = await registry.get(path)
    assert [entry["digest"] for entry in answer.json["manifests"]] == [sbom]
    assert answer.headers["oci-filters-applied"] == "artifactType"


async def test_nothing_refers_to_it(registry):
    answer = await registry.get(f"/v2/none/referrers/{digest_of(b'x')}")
    assert (answer.status, answer.json["manifests"]) == (200, [])


async def test_a_deleted_referrer_is_not_listed(registry):
    sbom = await push(registry, "1", b"s")
    await registry.request("DELETE", f"/v2/r/manifests/{sbom}")
    answer = await registry.get(f"/v2/r/referrers/{digest_of(b's')}")
    assert answer.json["manifests"] == []


async def test_long_lists_come_in_pages(registry):
    # Each descriptor has a third of the most that one answer holds.
    pushed = {
        await push(registry, f"{number}" * (1 << 20), b"s", artifactType="a/b")
        for number in range(7)
    }
    path = f"/v2/r/referrers/{digest_of(b's')}?artifactType=a/b"
    found, pages = [], 0
    while path:
        answer = await registry.get(path)
        assert len(answer.body) < 4 << 20
        found += [entry["digest"] for entry in answer.json["manifests"]]
        pages += 1
        link = answer.headers.get("link", "")
        path = link.partition(">")[0].removeprefix("<").replace("%3A", ":").replace("%2F", "/")
    assert set(found) == pushed
    assert (len(found), pages) == (7, 4)


async def test_a_hostile_query_is_refused(registry):
    for query in ("artifactType=%00", "last=%00", "last=%c3%a9", "last=%ff", "x&" * 200):
        answer = await registry.get(f"/v2/r/referrers/{digest_of(b's')}?{query}")
        assert answer.status == 400
