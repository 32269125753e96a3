"""Damage is found and named; loading again repairs it (F12)."""

import pytest

from baleen.images.checking import check_images


@pytest.fixture
def check(world):
    return lambda: check_images(world.store._catalog, world.content)


def test_whole_images_have_no_problems(world, loaded, check):
    loaded("app:1")
    report = check()
    assert (report.images, report.blobs, report.problems) == (1, 3, [])
    assert report.content_bytes == world.content.total_bytes()
    assert report.view()["Images"] == 1


def test_damage_is_named_and_a_load_repairs_it(world, build, check):
    layer, other = build.layer({"f": b"one"}), build.layer({"f": b"two"})
    archives = [build.docker((["a:1"], [layer])), build.docker((["b:1"], [layer, other]))]
    for archive in archives:
        list(world.store.load([archive]))
    corrupt, gone = (world.content.path(digest) for digest in _layers(world, "b:1"))
    corrupt.write_bytes(corrupt.read_bytes().replace(b"one", b"0ne"))
    gone.unlink()
    problems = {p["Digest"]: (p["Problem"], p["Images"]) for p in check().problems}
    assert problems == {
        build.digest(layer): ("corrupt", ["a:1", "b:1"]),
        build.digest(other): ("missing", ["b:1"]),
    }
    for archive in archives:
        list(world.store.load([archive]))
    assert check().problems == []


def test_platforms_that_were_never_fetched_are_no_damage(world, build, check):
    name = {"io.containerd.image.name": "docker.io/library/app:1"}
    layers = [[build.layer({n: b"1"})] for n in "ab"]
    variants = list(zip(["arm64", "amd64"], layers, strict=True))
    list(world.store.load([build.oci([(name, variants)])]))
    facts = world.store._catalog.entries()[0].facts
    world.content.path(facts.manifests[0].descriptor.digest).unlink()
    assert check().problems == []
    world.content.path(facts.target.digest).unlink()
    (problem,) = check().problems
    assert (problem["Digest"], problem["Problem"]) == (str(facts.target.digest), "missing")


def _layers(world, ref):
    return [layer.digest for layer in world.store.resolve(ref).manifest.layers]
