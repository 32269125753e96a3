"""A12: documents that are a manifest and an index at once, and media types that differ.

CVE-2021-41190: two readers of one digest must not see two images.
"""

from __future__ import annotations

import json

import pytest
from lying_registry import OCI_INDEX, OCI_MANIFEST, content, index_of, manifest_of
from registry_world import AMD64

from baleen.errors import InvalidArgument

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def documents(registry):
    image = registry.add_image("some/image", "good", [b"layer"])
    size = len(registry.manifests["some/image", "good"][1])
    manifest = json.loads(registry.manifests["some/image", "good"][1])
    return manifest, index_of((image.manifest, size, "linux", "amd64"))


def refuse(world, lease, raw, header):
    world.registry.add_manifest("some/image", "latest", raw, header)
    with pytest.raises(InvalidArgument) as caught:
        world.client.pull(world.reference(), lease, platform=AMD64)
    assert world.blobs() == set()
    assert world.registry.blob_counts() == {}
    return caught.value.message


@pytest.mark.parametrize("stated", [OCI_MANIFEST, OCI_INDEX, None])
@pytest.mark.parametrize("header", [OCI_MANIFEST, OCI_INDEX])
def test_a_document_of_both_kinds_is_refused_under_either_name(
    world, lease, documents, header, stated
):
    manifest, index = documents
    both = {**manifest, "manifests": index["manifests"]}
    both.pop("mediaType")
    if stated is not None:
        both["mediaType"] = stated
    refuse(world, lease, both, header)


def test_layers_without_a_config_do_not_make_an_index(world, lease, documents):
    manifest, index = documents
    assert "layers" in refuse(world, lease, {**index, "layers": manifest["layers"]}, OCI_INDEX)


@pytest.mark.parametrize(
    ("header", "which"),
    [
        (DOCKER_MANIFEST, 0),
        (OCI_INDEX, 0),
        (DOCKER_LIST, 1),
        (OCI_MANIFEST, 1),
    ],
)
def test_header_and_document_must_agree(world, lease, documents, header, which):
    assert "differ" in refuse(world, lease, documents[which], header)


@pytest.mark.parametrize("said", [OCI_INDEX, DOCKER_MANIFEST])
def test_descriptor_and_document_must_agree(world, lease, documents, said):
    _, index = documents
    index["manifests"][0]["mediaType"] = said
    world.registry.add_manifest("some/image", "latest", index, OCI_INDEX)
    with pytest.raises(InvalidArgument, match="media types of one manifest differ"):
        world.client.pull(world.reference(), lease, platform=AMD64)
    assert world.registry.blob_counts() == {}


def test_a_header_that_changes_between_head_and_get_is_refused(world, lease, documents):
    manifest, _ = documents
    raw = json.dumps(manifest).encode()
    world.registry.add_manifest("some/image", "latest", raw)
    world.registry.lie("GET", "manifests", content(raw, DOCKER_MANIFEST))
    with pytest.raises(InvalidArgument, match="differ"):
        world.client.pull(world.reference(), lease, platform=AMD64)


def test_twice_the_same_field_gives_no_second_meaning(world, lease, documents):
    manifest, _ = documents
    text = json.dumps(manifest)
    doubled = text[:-1] + ', "mediaType": ' + json.dumps(OCI_INDEX) + "}"
    refuse(world, lease, doubled.encode(), OCI_MANIFEST)


def test_an_empty_layer_list_is_still_a_manifest(world, lease, registry):
    config = registry.add_blob(b"{}")
    registry.add_manifest("some/image", "latest", manifest_of(config, 2, []))
    pulled = world.client.pull(world.reference(), lease, platform=AMD64)
    assert len(pulled.manifests) == 1
