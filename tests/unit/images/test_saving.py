"""What is saved is an OCI layout and a docker archive at once, and loads as the same image."""

import io
import json
import tarfile

import pytest

from baleen.errors import InvalidArgument, NotFound


def contents(chunks):
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def test_both_formats_are_in_it(store, loaded, build):
    image_id = loaded("app:1", "app:2")
    files = contents(store.save(["app:1"]))
    index = json.loads(files["index.json"])
    (entry,) = index["manifests"]
    assert entry["digest"] == image_id
    assert entry["annotations"] == {
        "io.containerd.image.name": "docker.io/library/app:1",
        "org.opencontainers.image.ref.name": "1",
    }
    (row,) = json.loads(files["manifest.json"])
    assert row["RepoTags"] == ["app:1"]
    assert {row["Config"], *row["Layers"]} < set(files)
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{build.digest(data)[7:]}"


def test_the_same_images_give_the_same_bytes(store, loaded):
    loaded("app:1")
    assert list(store.save(["app:1"])) == list(store.save(["app:1"]))


def test_a_saved_image_loads_as_the_same(world, loaded):
    first = loaded("app:1", "other/app:2")
    second = loaded("b:1", files={"x": b"y"})
    data = b"".join(world.store.save(["app:1", "other/app:2", second]))
    for ref in (first, second):
        world.store.remove(ref, force=True, in_use=lambda i: [])
    assert world.left_over() == []
    list(world.store.load([data]))
    assert world.store.resolve("app:1").id == world.store.resolve("other/app:2").id == first
    # Saved by id: without a name.
    assert world.store.resolve(second).repo_tags == ()


def test_a_name_without_tag_means_all_its_tags(store, loaded):
    loaded("app:1", "app:2", "apple:3")
    (row,) = json.loads(contents(store.save(["app"]))["manifest.json"])
    assert sorted(row["RepoTags"]) == ["app:1", "app:2"]


def test_errors_come_before_the_first_byte(store, loaded):
    loaded("app:1")
    with pytest.raises(NotFound, match="No such image: nope:latest"):
        store.save(["app:1", "nope"])
    with pytest.raises(InvalidArgument):
        store.save([])


def test_all_platforms_are_saved(world, build):
    variants = [("amd64", [build.layer({"a": b"1"})]), ("arm64", [build.layer({"b": b"2"})])]
    list(world.store.load([build.oci([({"io.containerd.image.name": "app:1"}, variants)])]))
    files = contents(world.store.save(["app:1"]))
    assert {f"blobs/sha256/{digest.encoded}" for digest in world.blobs()} < set(files)


def test_what_is_being_saved_is_not_collected(world, loaded):
    loaded("app:1", files={"f": b"x" * 3_000_000})
    chunks = world.store.save(["app:1"])
    first = next(chunks)
    world.store.remove("app:1", in_use=lambda i: [])
    rest = list(chunks)
    assert len(contents([first, *rest])) >= 5
    world.store.collect_garbage()
    assert world.left_over() == []
