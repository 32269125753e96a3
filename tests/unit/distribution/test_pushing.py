from __future__ import annotations

import pytest
from lying_registry import OCI_INDEX, LyingRegistry, index_of, status
from registry_world import forget

from baleen.distribution.answers import Unreachable
from baleen.distribution.progress import State
from baleen.errors import NotFound, PermissionDenied
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

ARM64 = Platform(os="linux", architecture="arm64")


@pytest.fixture
def source():
    """A registry from which images come into the store."""
    with LyingRegistry() as registry:
        yield registry


@pytest.fixture
def index(world, source, lease):
    amd = source.add_image("a/b", "amd", [b"amd", b"both"])
    arm = source.add_image("a/b", "arm", [b"arm", b"both"], platform=("linux", "arm64"))
    entries = [
        (i.manifest, len(source.manifests["a/b", i.manifest][1]), "linux", a)
        for i, a in ((amd, "amd64"), (arm, "arm64"))
    ]
    source.add_manifest("a/b", "multi", index_of(*entries), OCI_INDEX)
    return amd, arm


def take(world, source, lease, name, platform=None):
    reference = parse_reference(f"{source.authority}/{name}")
    return world.client.pull(reference, lease, platform=platform).target


def push(world, target, **options):
    return world.client.push(
        world.reference(), target, cancel=world.cancel, progress=world.events.append, **options
    )


def puts(world):
    return [r.path.rpartition("/")[2] for r in world.registry.asked("PUT", "manifests")]


def test_an_image_comes_whole_and_its_tag_last(world, source, lease):
    image = source.add_image("a/b", "c", [b"base", b"top"])
    target = take(world, source, lease, "a/b:c")
    assert push(world, target) == target
    registry = world.registry
    assert registry.manifests["some/image", "latest"] == source.manifests["a/b", "c"]
    assert set(registry.blobs) == {image.config, *image.layers}
    assert registry.requests[-1].path.endswith("manifests/latest")
    states = [event.state for event in world.events]
    assert states[:2] == [State.PREPARING] * 2
    assert states.count(State.PUSHED) == 2


def test_the_second_push_uploads_nothing(world, source, lease):
    source.add_image("a/b", "c", [b"base", b"top"])
    target = take(world, source, lease, "a/b:c")
    push(world, target)
    world.registry.requests.clear()
    push(world, target)
    assert {r.method for r in world.registry.requests} == {"HEAD", "PUT"}
    assert puts(world) == ["latest"]


def test_children_come_before_their_index(world, source, index, lease):
    amd, arm = index
    target = take(world, source, lease, "a/b:multi")
    assert push(world, target) == target
    assert sorted(puts(world)[:2]) == sorted([amd.manifest, arm.manifest])
    assert puts(world)[2:] == ["latest"]


def test_of_an_index_that_is_not_here_whole_the_only_image_is_pushed(world, source, index, lease):
    _, arm = index
    target = take(world, source, lease, "a/b:multi", ARM64)
    assert push(world, target).digest == arm.manifest
    assert puts(world) == ["latest"]


def test_a_platform_can_be_named(world, source, index, lease):
    amd, arm = index
    target = take(world, source, lease, "a/b:multi")
    assert push(world, target, platform=ARM64).digest == arm.manifest
    assert amd.layers[0] not in world.registry.blobs
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x"):
        push(world, target, platform=Platform(os="linux", architecture="s390x"))


def test_a_platform_that_is_not_here_is_said_so(world, source, index, lease):
    amd, _ = index
    target = take(world, source, lease, "a/b:multi")
    forget(world.content, amd.layers[0])
    with pytest.raises(NotFound, match="image for linux/amd64 is not here"):
        push(world, target, platform=Platform(os="linux", architecture="amd64"))


def test_nothing_here_is_nothing_to_push(world, source, index, lease):
    del index
    target = take(world, source, lease, "a/b:multi")
    forget(world.content, *(world.blobs() - {str(target.digest)}))
    with pytest.raises(NotFound, match="no content to push"):
        push(world, target)


def test_blobs_are_mounted_from_where_they_are_known_to_be(world, source, lease):
    image = source.add_image("a/b", "c", [b"base"])
    target = take(world, source, lease, "a/b:c")
    world.registry.blobs.update(source.blobs)
    world.registry.lie("HEAD", "blobs", status(404), times=2)
    push(world, target, mount_from=lambda descriptor: ["known/place"] if descriptor else [])
    mounted = [e.detail for e in world.events if e.state is State.MOUNTED]
    assert mounted == ["known/place"]
    assert len(world.registry.asked("POST", "mount=")) == 2
    assert image.layers[0] in world.registry.blobs


def test_a_refused_push_says_what_docker_says(world, source, lease):
    source.add_image("a/b", "c", [b"base"])
    target = take(world, source, lease, "a/b:c")
    world.registry.lie("POST", "uploads", status(403), times=9)
    with pytest.raises(
        PermissionDenied, match="denied: requested access to the resource is denied"
    ):
        push(world, target)


def test_a_manifest_is_put_again_when_the_registry_failed(world, source, lease):
    source.add_image("a/b", "c", [b"base"])
    target = take(world, source, lease, "a/b:c")
    world.registry.lie("PUT", "manifests", status(502))
    push(world, target)
    assert puts(world) == ["latest", "latest"]


def test_nobody_there_is_said_at_once(world, source, lease):
    source.add_image("a/b", "c", [b"base"])
    target = take(world, source, lease, "a/b:c")
    with LyingRegistry() as gone:
        pass
    world.with_settings(retry_delay_s=30)
    reference = parse_reference(f"{gone.authority}/some/image:latest")
    with pytest.raises(Unreachable, match=r'Head "http://.*: connect: connection refused'):
        world.client.push(reference, target)
