"""What is read of a manifest."""

from __future__ import annotations

import json

import pytest

from baleen.oci.digest import Digest
from baleen.registry.documents import read_document
from baleen.registry.errors import ApiError, Code

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def entry(data, media_type="text/plain", **more):
    return {"mediaType": media_type, "digest": Digest.of(data), "size": len(data), **more}


def read(document, media_type=MANIFEST):
    raw = json.dumps({"schemaVersion": 2, **document}).encode()
    return read_document(raw, Digest.of(raw), media_type)


def image(*layers, **more):
    return {"config": entry(b"config", "application/config"), "layers": list(layers), **more}


@pytest.mark.parametrize("media_type", [MANIFEST, DOCKER, f"{MANIFEST}; charset=utf-8"])
def test_an_image_needs_its_blobs(media_type):
    document = read(image(entry(b"a"), entry(b"a"), entry(b"b")), media_type)
    assert [child.digest for child in document.children] == [
        Digest.of(data) for data in (b"config", b"a", b"b")
    ]
    assert all(child.is_blob and child.required for child in document.children)
    assert document.artifact_type == "application/config"
    assert (document.subject, document.descriptor) == (None, None)


@pytest.mark.parametrize("media_type", [INDEX, LIST])
def test_an_index_needs_its_manifests(media_type):
    document = read({"manifests": [entry(b"a", MANIFEST)]}, media_type)
    (child,) = document.children
    assert (child.digest, child.is_blob, child.required) == (Digest.of(b"a"), False, True)


def test_what_lies_elsewhere_is_not_required():
    document = read(image(entry(b"a", urls=["https://x.example"]), entry(b"b", FOREIGN)))
    assert [child.required for child in document.children] == [True, False, False]


def test_a_referrer_has_a_descriptor():
    document = read(
        image(subject=entry(b"s", MANIFEST), artifactType="a/b", annotations={"k": "v"})
    )
    assert document.subject == Digest.of(b"s")
    assert document.descriptor is not None
    described = json.loads(document.descriptor)
    assert described == {
        "mediaType": MANIFEST,
        "digest": Digest.of(document.payload),
        "size": len(document.payload),
        "artifactType": "a/b",
        "annotations": {"k": "v"},
    }


def test_the_type_may_be_said_inside_only():
    assert read(image(mediaType=MANIFEST), "application/json").media_type == MANIFEST
    assert read(image(mediaType=MANIFEST), "").media_type == MANIFEST


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (image(), ""),
        (image(), INDEX),
        (image(mediaType=DOCKER), MANIFEST),
        (image(manifests=[]), MANIFEST),
        ({"layers": []}, MANIFEST),
        (image({**entry(b"a"), "size": -1}), MANIFEST),
        (image({**entry(b"a"), "digest": "md5:1"}), MANIFEST),
        (image(entry(b"a"), {**entry(b"a"), "size": 5}), MANIFEST),
        (image(*[entry(b"a")] * 1000), MANIFEST),
        ({"manifests": [entry(b"a")] * 10_001}, INDEX),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json"),
    ],
)
def test_others_are_refused(document, media_type):
    with pytest.raises(ApiError) as caught:
        read(document, media_type)
    assert caught.value.code is Code.MANIFEST_INVALID
