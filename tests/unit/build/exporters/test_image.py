from __future__ import annotations

from dataclasses import replace

import msgspec

from baleen.build.exporters.image import image_annotations, store_image
from baleen.oci.media_types import OCI_INDEX, OCI_MANIFEST
from baleen.oci.platform import Platform


def read(content, digest):
    return msgspec.json.decode(content.read(digest, limit=1 << 20))


def test_one_result_is_a_manifest_and_equal_ones_are_equal(content, lease, built, tar):
    result = built(tar("a", b"1"), tar("b", b"2"))
    target = store_image(content, lease, [result], annotations={"k": "v"})
    assert target.media_type == OCI_MANIFEST
    manifest = read(content, target.digest)
    assert manifest["annotations"] == {"k": "v"}
    sizes = [layer.size for layer in result.tree.layers]
    assert [layer["size"] for layer in manifest["layers"]] == sizes
    assert store_image(content, lease, [result], annotations={"k": "v"}) == target


def test_several_platforms_are_an_index(content, lease, built, tar):
    arm = Platform(os="linux", architecture="arm64")
    results = [built(tar("a", b"1")), built(tar("a", b"2"), platform=arm)]
    target = store_image(content, lease, results)
    assert target.media_type == OCI_INDEX
    platforms = [m["platform"]["architecture"] for m in read(content, target.digest)["manifests"]]
    assert platforms == ["amd64", "arm64"]
    assert store_image(content, lease, results[:1], index=True).media_type == OCI_INDEX


def test_statements_lie_beside_what_they_are_about(content, lease, built, tar):
    statement = msgspec.json.encode({"predicateType": "p", "subject": [], "predicate": {}})
    result = replace(built(tar("a", b"1")), statements={"p": statement})
    index = read(content, store_image(content, lease, [result]).digest)
    image, attestation = index["manifests"]
    annotations = attestation["annotations"]
    assert annotations["vnd.docker.reference.digest"] == image["digest"]
    assert attestation["platform"] == {"os": "unknown", "architecture": "unknown"}
    from baleen.oci.digest import Digest

    (layer,) = read(content, Digest(attestation["digest"]))["layers"]
    assert layer["annotations"]["in-toto.io/predicate-type"] == "p"
    found = read(content, Digest(layer["digest"]))
    assert found["subject"][0]["digest"]["sha256"] == image["digest"].removeprefix("sha256:")


def test_annotations_are_told_by_their_attributes():
    found = image_annotations({"annotation.a.b": "1", "annotation-manifest.c": "2", "name": "x"})
    assert found == {"a.b": "1", "c": "2"}
