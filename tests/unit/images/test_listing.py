"""Lists come from memory: quick, and the same as what inspection says."""

import time

from baleen.images import ImageUser
from baleen.images.listing import manifest_views, selected, summaries


def listed(world, **changes):
    arguments = {"filters": {}, "manifests": False, "shared_size": False, "in_use": None}
    catalog = world.store._catalog
    return summaries(catalog, world.content, **{**arguments, **changes})


def test_a_summary_has_the_size_that_inspection_says(world, loaded):
    loaded("app:1", files={"f": b"x" * 5000})
    (summary,) = listed(world)
    assert summary["Size"] == world.store.inspect("app:1")["Size"]
    assert (summary["Containers"], summary["SharedSize"]) == (-1, -1)


def test_containers_stand_with_the_manifest_of_this_host(world, build):
    name = {"io.containerd.image.name": "docker.io/library/app:1"}
    layers = [build.layer({"a": b"1"}), build.layer({"b": b"2"})]
    list(world.store.load([build.oci([(name, [("arm64", layers[:1]), ("amd64", layers[1:])])])]))
    (summary,) = listed(world, manifests=True, in_use=lambda image: [ImageUser("c1", running=True)])
    assert summary["Containers"] == 1
    arm, amd = summary["Manifests"]
    assert (arm["ImageData"]["Containers"], amd["ImageData"]["Containers"]) == ([], ["c1"])
    facts = world.store._catalog.entries()[0].facts
    assert manifest_views(facts, {}, ())[1]["ImageData"]["Size"] == {"Unpacked": 0}


def test_shared_bytes_are_those_that_stay_when_the_image_goes(world, build):
    base = build.layer({"base": b"b" * 3000})
    for number in "12":
        layers = [base, build.layer({number: number.encode() * 1000})]
        list(world.store.load([build.docker(([f"app:{number}"], layers))]))
    one, _ = listed(world, shared_size=True)
    before = world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())
    world.store.remove(one["RepoTags"][0], in_use=lambda image: [])
    after = world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())
    assert before - after == one["Size"] - one["SharedSize"]
    (other,) = listed(world, shared_size=True)
    assert other["SharedSize"] == 0


def test_a_name_that_passes_keeps_its_digest(world, loaded):
    image_id = loaded("one/app:1", "two/app:1")
    (entry,) = selected(world.store._catalog, {"reference": ["one/app:1"]})
    assert entry.repo_tags == ("one/app:1",)
    assert entry.repo_digests == (f"one/app@{image_id}",)


def test_a_thousand_images_are_listed_without_reading_them(world, build, loaded):
    """Timed far above what it takes (4 ms), so that only reading every image would fail."""
    loaded("app:1")
    target = world.store.resolve("app:1").target
    facts = world.store._catalog.facts(target)
    entry = world.store._catalog.entries()[0]
    assert facts is entry.facts
    world.store._catalog.entries = lambda: [entry] * 1000
    world.content.open = None  # whoever reads, fails
    began = time.process_time()
    assert len(listed(world)) == 1000
    assert time.process_time() - began < 0.1
