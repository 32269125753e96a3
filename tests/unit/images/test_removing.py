"""Removal of unused images and of platforms, with what it says and frees."""

import pytest

from baleen.errors import Conflict, NotFound
from baleen.images import ImageUser
from baleen.oci.platform import Platform

ARM = Platform(os="linux", architecture="arm64")
AMD = Platform(os="linux", architecture="amd64")


def unused(image_id):
    return []


@pytest.fixture
def multi(world, build):
    name = {"io.containerd.image.name": "docker.io/library/multi:1"}
    layers = [[build.layer({n: n.encode() * 2000})] for n in "ab"]
    variants = list(zip(["arm64", "amd64"], layers, strict=True))
    list(world.store.load([build.oci([(name, variants)])]))
    return world.store


def test_only_unused_ones_go_and_the_bytes_are_told(world, loaded):
    free, used = loaded("free:1", files={"f": b"1" * 999}), loaded("used:1", files={"f": b"2"})
    before = world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())
    records, freed = world.store.remove_unused(
        [free, used], lambda ref: [ImageUser("c", running=False)] if ref == used else []
    )
    after = world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())
    assert records == [{"Untagged": "free:1"}, {"Deleted": str(free)}]
    assert before - after == freed
    assert world.store.exists("used:1")


def test_a_prune_drops_broken_downloads(world):
    from baleen.oci.digest import Digest

    digest = Digest.of(b"whole")
    with world.content.lease() as lease:
        with world.content.ingest(lease, expected=digest, resume=True) as ingest:
            ingest.write(b"who")
        assert world.store.prune(filters={}, in_use=unused)["SpaceReclaimed"] == 3
    assert world.content.partial_size(digest) == 0


def test_a_platform_goes_and_the_name_stays(multi, world):
    (record,) = multi.remove("multi:1", platforms=[ARM], in_use=unused)
    assert record["Deleted"].startswith("sha256:")
    assert multi.resolve("multi:1").config.architecture == "amd64"
    with pytest.raises(NotFound, match="specified platform"):
        multi.resolve("multi:1", platform=ARM)
    with pytest.raises(NotFound, match="specified platform"):
        multi.remove("multi:1", platforms=[ARM], in_use=unused)


def test_all_platforms_are_the_image(multi, world):
    records = multi.remove("multi:1", platforms=[ARM, AMD], in_use=unused)
    assert {"Untagged": "multi:1"} in records
    assert world.left_over() == []


@pytest.mark.parametrize(
    ("running", "force", "words"),
    [(True, True, "cannot be forced"), (False, False, "must be forced"), (False, True, None)],
)
def test_a_platform_in_use_is_protected(multi, running, force, words):
    def users(ref):
        return [ImageUser("c" * 64, running=running)]

    if words is None:
        assert multi.remove("multi:1", platforms=[AMD], force=force, in_use=users)
        return
    with pytest.raises(Conflict, match=words):
        multi.remove("multi:1", platforms=[AMD], force=force, in_use=users)


def test_a_blob_that_an_operation_needs_is_not_taken_from_it(multi, world):
    digest = multi._catalog.entries()[0].facts.manifests[0].descriptor.digest
    with world.content.lease() as lease:
        world.content.adopt(digest, lease)
        with pytest.raises(Conflict, match="operation under way"):
            multi.remove("multi:1", platforms=[ARM], in_use=unused)
    assert multi.resolve("multi:1", platform=ARM)


def test_removal_during_a_pull_frees_blobs_at_once(world, loaded):
    loaded("app:1", files={"f": b"x" * 4000})
    with world.store.changing() as lease:
        kept = world.content.put(b"pulled", lease)
        world.store.remove("app:1", in_use=unused)
        assert set(world.content.digests()) == {kept}
        assert world.snapshotter.committed  # the layers wait for the end
    assert world.left_over() == []
