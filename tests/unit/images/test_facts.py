"""Facts say the truth about what is here, and follow what arrives."""

import json

import pytest

from baleen.images.facts import created_ns, read_facts
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

VENDOR = "application/vnd.oci.image"


def put(world, lease, document, media_type, **more):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    digest = world.content.put(raw, lease)
    return {"mediaType": media_type, "digest": str(digest), "size": len(raw), **more}


def manifest(world, build, lease, layer, architecture="amd64"):
    return put(
        world,
        lease,
        {
            "schemaVersion": 2,
            "config": put(
                world, lease, build.config([layer], architecture=architecture),
                f"{VENDOR}.config.v1+json",
            ),
            "layers": [put(world, lease, layer, f"{VENDOR}.layer.v1.tar")],
        },
        f"{VENDOR}.manifest.v1+json",
        platform={"architecture": architecture, "os": "linux"},
    )  # fmt: skip


def index(world, lease, children):
    found = put(
        world, lease, {"schemaVersion": 2, "manifests": children}, f"{VENDOR}.index.v1+json"
    )
    return Descriptor(
        media_type=found["mediaType"], digest=Digest(found["digest"]), size=found["size"]
    )


@pytest.fixture
def lease(world):
    with world.content.lease() as lease:
        yield lease


def read(world, target):
    runs = world.store.platform.runs
    return read_facts(world.content, target, runs, lambda digest: digest)


def test_the_platform_of_this_host_stands_for_the_image(world, build, lease):
    arm = manifest(world, build, lease, build.layer({"f": b"1"}), "arm64")
    mine = manifest(world, build, lease, build.layer({"f": b"2"}))
    facts = read(world, index(world, lease, [arm, mine]))
    assert (facts.chosen, facts.generation, facts.problem) == (1, -1, "")
    assert facts.labels == {"k": "v"}
    assert facts.created_ns == created_ns("2024-01-02T03:04:05Z")
    assert len(facts.chain_ids) == 2
    assert facts.content_bytes == sum(world.content.size(b) for b in set(facts.blobs()))


def test_what_is_missing_is_seen_when_it_arrives(world, build, lease):
    mine = manifest(world, build, lease, build.layer({"f": b"2"}))
    other = build.digest(b"x")
    gone = {**mine, "digest": other, "platform": {"architecture": "s390x", "os": "linux"}}
    facts = read(world, index(world, lease, [mine, gone]))
    assert [m.is_available for m in facts.manifests] == [True, False]
    assert facts.manifests[1].kind == "image"
    assert facts.generation == world.content.generation
    world.content.put(b"something", lease)
    assert facts.generation != world.content.generation


def test_attestations_are_no_platforms(world, build, lease):
    mine = manifest(world, build, lease, build.layer({"f": b"2"}))
    about = manifest(world, build, lease, build.layer({"s": b"statement"}), "unknown")
    about["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": mine["digest"],
    }
    facts = read(world, index(world, lease, [about, mine]))
    assert [m.kind for m in facts.manifests] == ["attestation", "image"]
    assert facts.manifests[0].attested == mine["digest"]
    assert (facts.chosen, facts.manifests[0].chain_ids) == (1, ())
    assert Digest(about["digest"]) in set(facts.blobs())


def test_children_of_other_kinds_are_kept(world, build, lease):
    mine = manifest(world, build, lease, build.layer({"f": b"2"}))
    sbom = put(world, lease, b"{}", "application/spdx+json")
    facts = read(world, index(world, lease, [mine, sbom]))
    assert Digest(sbom["digest"]) in set(facts.blobs())
    assert len(facts.manifests) == 1


def test_nothing_readable_has_a_reason(world, build, lease):
    mine = manifest(world, build, lease, build.layer({"f": b"2"}))
    target = index(world, lease, [mine])
    world.content.path(Digest(mine["digest"])).write_bytes(b"broken")
    facts = read(world, target)
    assert facts.chosen == -1
    assert "corrupt" in facts.problem
    world.content.path(target.digest).unlink()
    assert str(target.digest) in read(world, target).problem
