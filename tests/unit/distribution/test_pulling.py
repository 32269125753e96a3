from __future__ import annotations

import pytest
from lying_registry import OCI_INDEX, OCI_MANIFEST, content, digest_of, index_of, status

from baleen.distribution.progress import State
from baleen.distribution.pulling import Hooks
from baleen.errors import DataLoss, InvalidArgument, NotFound
from baleen.oci.manifest import Manifest
from baleen.oci.platform import Platform

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")
LAYERS = [b"base" * 1000, b"top" * 1000]


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", LAYERS)


@pytest.fixture
def index(registry):
    amd = registry.add_image("some/image", "amd", [b"amd", b"both"])
    arm = registry.add_image("some/image", "arm", [b"arm", b"both"], platform=("linux", "arm64"))
    entries = [
        (i.manifest, len(registry.manifests["some/image", i.manifest][1]), "linux", a)
        for i, a in ((amd, "amd64"), (arm, "arm64"))
    ]
    digest = registry.add_manifest("some/image", "multi", index_of(*entries), OCI_INDEX)
    return digest, amd, arm


def pull(world, lease, name="some/image:latest", platform=AMD64, **hooks):
    return world.client.pull(
        world.reference(name), lease, platform=platform, cancel=world.cancel, hooks=Hooks(**hooks)
    )


def test_everything_of_an_image_comes(world, image, lease):
    pulled = pull(world, lease)
    assert pulled.target.digest == image.manifest
    assert pulled.server == world.registry.authority
    assert world.blobs() == {image.manifest, image.config, *image.layers}
    assert {str(digest) for digest in lease.digests} == world.blobs()


def test_hooks_are_called_in_their_order(world, image, lease):
    told = []

    def ready(descriptor):
        assert world.content.has(descriptor.digest)
        assert image.config in world.blobs()
        told.append(("ready", str(descriptor.digest)))

    pull(
        world,
        lease,
        planned=lambda descriptor, manifest: told.append(
            (str(descriptor.digest), [str(layer.digest) for layer in manifest.layers])
        ),
        progress=lambda event: told.append(event.state),
        layer_ready=ready,
    )
    assert told[:3] == [(image.manifest, image.layers), State.WAITING, State.WAITING]
    assert {item[1] for item in told[1:] if isinstance(item, tuple)} == set(image.layers)
    assert told.count(State.DOWNLOADED) == 2


def test_the_second_pull_only_asks_what_the_tag_means(world, image, lease):
    pull(world, lease)
    world.registry.requests.clear()
    assert pull(world, lease).target.digest == image.manifest
    assert [request.method for request in world.registry.requests] == ["HEAD"]


def test_a_platform_is_chosen_and_the_index_kept_whole(world, index, lease):
    digest, amd, arm = index
    pulled = pull(world, lease, "some/image:multi", ARM64)
    assert pulled.target.digest == digest
    assert [str(manifest.digest) for manifest in pulled.manifests] == [arm.manifest]
    assert world.blobs() == {digest, arm.manifest, arm.config, *arm.layers}
    assert amd.manifest not in world.blobs()


def test_all_platforms_come_when_none_is_named(world, index, lease):
    digest, amd, arm = index
    pulled = pull(world, lease, "some/image:multi", None)
    assert len(pulled.manifests) == 2
    assert world.blobs() == {
        digest, amd.manifest, amd.config, *amd.layers, arm.manifest, arm.config, *arm.layers,
    }  # fmt: skip
    assert world.registry.blob_counts()[digest_of(b"both")] == 1


def test_a_platform_that_is_not_offered_is_named(world, index, lease):
    del index
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x"):
        pull(world, lease, "some/image:multi", Platform(os="linux", architecture="s390x"))
    assert world.registry.blob_counts() == {}


def test_a_digest_names_its_image_for_ever(world, image, lease):
    world.registry.add_image("some/image", "latest", [b"newer"])
    pulled = pull(world, lease, f"some/image:latest@{image.manifest}")
    assert pulled.target.digest == image.manifest


def test_an_unknown_tag_is_said_in_dockers_words(world, image, lease):
    del image
    words = "some/image:none not found: manifest unknown: manifest unknown"
    with pytest.raises(NotFound, match=f"manifest for .*{words}"):
        pull(world, lease, "some/image:none")


def test_a_child_that_is_not_what_the_index_says_is_refused(world, index, lease):
    digest, amd, _ = index
    world.registry.lie("GET", amd.manifest, content(b"{}", OCI_MANIFEST), times=9)
    with pytest.raises(DataLoss, match="manifest verification failed"):
        pull(world, lease, "some/image:multi")
    assert world.blobs() == {digest}


def test_a_missing_layer_ends_the_pull(world, image, lease):
    del world.registry.blobs[image.layers[1]]
    with pytest.raises(NotFound, match="blob unknown"):
        pull(world, lease)


def test_a_hook_that_fails_ends_the_pull(world, image, lease):
    def fails(descriptor):
        raise ValueError(descriptor.digest)

    with pytest.raises(ValueError, match=r"sha256:"):
        pull(world, lease, layer_ready=fails)
    assert image.manifest in world.blobs()


def test_indexes_that_never_end_are_refused(world, lease):
    registry = world.registry
    raw = b"x"
    digest = registry.add_image("some/image", "x", [raw]).manifest
    for depth in range(8):
        kind = OCI_INDEX if depth else OCI_MANIFEST
        size = len(registry.manifests["some/image", digest][1])
        document = index_of((digest, size, "linux", "amd64"))
        document["manifests"][0]["mediaType"] = kind
        digest = registry.add_manifest("some/image", "deep", document, OCI_INDEX)
    with pytest.raises(InvalidArgument, match="nested more than 4 deep"):
        pull(world, lease, "some/image:deep")


def test_a_denied_pull_is_said_in_dockers_words(world, lease):
    for method in ("HEAD", "GET"):
        world.registry.lie(method, "manifests", status(403))
    with pytest.raises(NotFound, match=r"pull access denied for .*'docker login': denied: "):
        pull(world, lease)


def test_planned_is_given_the_manifest(world, image, lease):
    del image
    seen = []
    pull(world, lease, planned=lambda _, manifest: seen.append(manifest))
    assert isinstance(seen[0], Manifest)
