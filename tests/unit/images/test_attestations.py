"""Statements are found by the manifest that they are about, filtered, and given verbatim."""

import json

import pytest

from baleen.errors import InvalidArgument
from baleen.images.attestations import attestation_statements
from baleen.images.facts import ATTESTATION, Facts, ManifestFacts
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

ABOUT = Digest.of(b"the image")
SLSA, SPDX = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"


@pytest.fixture
def lease(world):
    with world.content.lease() as lease:
        yield lease


def facts_of(world, lease, statements, about=ABOUT):
    layers = [
        {
            "mediaType": "application/vnd.in-toto+json",
            "digest": str(world.content.put(raw, lease)),
            "size": len(raw),
            "annotations": {"in-toto.io/predicate-type": predicate},
        }
        for predicate, raw in statements
    ]
    media_type = "application/vnd.oci.image.manifest.v1+json"
    config = world.content.put(b"{}", lease)
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"mediaType": "a/b", "digest": str(config), "size": 2},
            "layers": layers,
        }
    ).encode()
    digest = world.content.put(raw, lease)
    descriptor = Descriptor(media_type=media_type, digest=digest, size=len(raw))
    child = ManifestFacts(descriptor, ATTESTATION, str(about), None, (), (), 0, False, True)
    return Facts(descriptor, (child,), (), -1, 0, None, 0, "", -1)


def test_statements_by_type_with_and_without_their_text(world, lease):
    statement = {"_type": "https://in-toto.io/Statement/v1", "n": [1, 2.5]}
    facts = facts_of(
        world, lease, [(SLSA, json.dumps(statement).encode()), (SPDX, b'{"name":"x"}')]
    )

    def ask(types=(), *, statements=False, about=ABOUT):
        return attestation_statements(
            world.content, facts, about, types=types, statements=statements
        )

    both = ask()
    assert [entry["PredicateType"] for entry in both] == [SLSA, SPDX]
    assert "Statement" not in both[0]
    assert both[0]["Descriptor"]["mediaType"] == "application/vnd.in-toto+json"
    (one,) = ask([SLSA], statements=True)
    assert one["Statement"] == statement
    assert ask(about=Digest.of(b"another")) == []


def test_what_is_not_here_or_malformed(world, lease):
    facts = facts_of(world, lease, [(SLSA, b"no json")])
    with pytest.raises(InvalidArgument, match="is malformed"):
        attestation_statements(world.content, facts, ABOUT, types=(), statements=True)
    world.content.path(facts.target.digest).unlink()
    assert attestation_statements(world.content, facts, ABOUT, types=(), statements=False) == []
