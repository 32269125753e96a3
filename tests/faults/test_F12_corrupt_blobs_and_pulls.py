"""F12 through a pull: what is damaged in the store is named on use, and the next pull repairs it.

Only what is damaged is downloaded again. `baleen image check` says the same before and after.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from attack_lab import busybox_layers
from debian_registry import lying_registry, tar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lying_registry import LyingRegistry

pytestmark = pytest.mark.integration


@pytest.fixture
def registry(engine) -> Iterator[LyingRegistry]:
    with lying_registry(engine) as registry:
        yield registry


@pytest.fixture
def pulled(engine, registry):
    """(name, what `add_image` made) of an image that was pulled and is whole."""
    image = registry.add_image("x", "1", [*busybox_layers(engine), tar_of("data", 40_000)])
    name = f"{registry.authority}/x:1"
    engine.docker("pull", name)
    assert problems(engine) == {}
    registry.requests.clear()
    return name, image


def blob_of(engine, digest):
    return engine.place.data_root / "content/blobs/sha256" / digest.removeprefix("sha256:")


def flip(path):
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def problems(engine):
    found = engine.api("POST", "/baleen/v1/images/check").json()["Problems"]
    return {entry["Digest"]: entry["Problem"] for entry in found}


def fetched(registry):
    return {request.path.rpartition("/")[2] for request in registry.asked("GET", "/blobs/|sha256")}


@pytest.mark.parametrize("part", ["layer", "config", "manifest"])
@pytest.mark.parametrize("damage", ["corrupt", "missing"])
def test_a_pull_brings_back_what_the_check_has_found(engine, registry, pulled, part, damage):
    name, image = pulled
    digest = {"layer": image.layers[-1], "config": image.config, "manifest": image.manifest}[part]
    flip(blob_of(engine, digest)) if damage == "corrupt" else blob_of(engine, digest).unlink()
    assert problems(engine) == {digest: damage}
    engine.docker("pull", name)
    assert problems(engine) == {}
    assert fetched(registry) - {image.manifest} == {digest} - {image.manifest}
    assert engine.out("run", "--rm", name, "/bin/busybox", "echo", "well") == "well"


@pytest.mark.parametrize("part", ["config", "manifest"])
def test_using_it_names_what_is_damaged_and_a_pull_repairs(engine, registry, pulled, part):
    del registry
    name, image = pulled
    digest = image.config if part == "config" else image.manifest
    engine.restart()  # nothing that was read before is remembered
    flip(blob_of(engine, digest))
    done = engine.docker("create", "--pull", "never", name, "true", check=False)
    assert done.returncode
    assert digest in done.stderr
    engine.docker("pull", name)
    assert engine.out("run", "--rm", name, "/bin/busybox", "echo", "well") == "well"
    assert problems(engine) == {}


def test_a_layer_whose_directory_and_blob_are_gone_is_pulled_and_unpacked_again(
    engine, registry, pulled
):
    name, image = pulled
    blob_of(engine, image.layers[-1]).unlink()
    (data,) = engine.place.data_root.glob("snapshots/*/*/fs/data")
    engine.stop()
    subprocess.run(["rm", "-rf", str(data.parents[1])], check=True)
    engine.start()
    engine.docker("pull", name)
    assert fetched(registry) == {image.layers[-1]}
    assert engine.out("run", "--rm", name, "/bin/busybox", "wc", "-c", "/data") == "40000 /data"


def test_a_blob_that_is_found_damaged_in_the_middle_of_a_pull_is_downloaded_anew(engine, registry):
    """It is here, but was never unpacked: another platform's image brought it."""
    layer = tar_of("data", 40_000)
    base = busybox_layers(engine)
    registry.add_image("x", "arm", [layer], platform=("linux", "arm64"))
    image = registry.add_image("x", "ours", [*base, layer])
    engine.docker("pull", "--platform", "linux/arm64", f"{registry.authority}/x:arm")
    flip(blob_of(engine, image.layers[-1]))
    registry.requests.clear()
    name = f"{registry.authority}/x:ours"
    done = engine.docker("pull", name, check=False)
    if done.returncode:  # named, and the next one repairs
        assert image.layers[-1] in done.stderr
        assert engine.out("images", "-q", name) == ""
        engine.docker("pull", name)
    assert image.layers[-1] in fetched(registry)
    assert engine.out("run", "--rm", name, "/bin/busybox", "wc", "-c", "/data") == "40000 /data"
    assert problems(engine) == {}
    assert os.listdir(engine.place.data_root / "content" / "ingest") == []
