"""Images of several platforms, through the real docker command: lists, inspection, removal."""

from __future__ import annotations

import json

import pytest
from oci_layout import Layout, layer

pytestmark = pytest.mark.integration
NAME = "docker.io/library/multi:1"


@pytest.fixture
def multi(engine):
    """`multi:1` for amd64, arm64 (other layers) and s390x (never fetched), with an attestation."""
    layout = Layout()
    common = layer({"common": b"c" * 5000})
    amd64 = layout.image([common, layer({"x": b"amd64"})])
    arm64 = layout.image([common, layer({"x": b"arm64" * 100})], "arm64", compression="zstd")
    s390x = layout.image([layer({"x": b"s390x"})], "s390x", compression="none")
    layout.leave_out(s390x)
    about = layout.attestation(amd64)
    index = layout.index([amd64, arm64, s390x, about])
    engine.docker("load", stdin=layout.archive(index, NAME))
    engine.parts = {"index": index, "amd64": amd64, "arm64": arm64, "s390x": s390x, "about": about}
    return engine


def listed(engine, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    images = engine.api("GET", f"/v1.51/images/json?{text}").json()
    return next(image for image in images if image["RepoTags"] == ["multi:1"])


def test_the_list_has_all_manifests_those_that_are_not_here_too(multi):
    parts = multi.parts
    image = listed(multi, manifests=1)
    assert image["Id"] == parts["index"]["digest"]
    found = {entry["ID"]: entry for entry in image["Manifests"]}
    assert list(found) == [parts[name]["digest"] for name in ("amd64", "arm64", "s390x", "about")]
    amd64, arm64, s390x, about = found.values()
    assert (amd64["Kind"], amd64["Available"]) == ("image", True)
    assert amd64["ImageData"]["Platform"] == {"architecture": "amd64", "os": "linux"}
    assert amd64["Size"]["Total"] == (
        amd64["Size"]["Content"] + amd64["ImageData"]["Size"]["Unpacked"]
    )
    assert amd64["ImageData"]["Size"]["Unpacked"] > 5000
    # Only the platform of this host is unpacked: the layer that it shares counts for arm64 too,
    # but only once for the image.
    assert (arm64["Available"], arm64["ImageData"]["Size"]["Unpacked"]) == (True, 5000)
    total = sum(entry["Size"]["Total"] for entry in found.values())
    assert image["Size"] == total - 5000 + parts["index"]["size"]
    assert (s390x["Available"], s390x["Size"]["Total"], s390x["Kind"]) == (False, 0, "image")
    assert s390x["ImageData"]["Platform"]["architecture"] == "s390x"
    assert (about["Kind"], about["AttestationData"]["For"]) == (
        "attestation",
        parts["amd64"]["digest"],
    )
    assert "Manifests" not in listed(multi)


def test_dockers_tree_shows_the_platforms(multi):
    lines = multi.out("images", "--tree").splitlines()
    shown = "\n".join(lines)
    assert "multi:1" in shown
    assert "linux/amd64" in shown
    assert "linux/arm64" in shown


def test_containers_are_told_with_their_platform(multi):
    container = multi.out("create", "multi:1", "/x")
    image = listed(multi, manifests=1)
    assert image["Containers"] == 1
    assert image["Manifests"][0]["ImageData"]["Containers"] == [container]
    assert image["Manifests"][1]["ImageData"]["Containers"] == []


def test_inspection_by_platform_digest_and_short_id(multi):
    parts = multi.parts

    def seen(*arguments):
        return json.loads(multi.out("image", "inspect", *arguments))[0]

    assert seen("multi:1")["Architecture"] == "amd64"
    assert seen("--platform", "linux/arm64", "multi:1")["Architecture"] == "arm64"
    assert "does not provide the specified platform" in multi.fails(
        "image", "inspect", "--platform", "linux/s390x", "multi:1"
    )
    digest = parts["index"]["digest"]
    for ref in (f"multi@{digest}", f"multi:1@{digest}", digest, digest[7:19], digest[7:]):
        assert seen(ref)["Id"] == digest, ref
    view = multi.api("GET", "/v1.51/images/multi:1/json?manifests=1").json()
    assert [entry["Available"] for entry in view["Manifests"]] == [True, True, False, True]
    answer = multi.api(
        "GET", '/v1.51/images/multi:1/json?manifests=1&platform={"os":"linux"}'.replace('"', "%22")
    )
    assert answer.status == 400
    assert "cannot both be set" in answer.message


def test_what_builders_attest(multi):
    def ask(query=""):
        return multi.api("GET", f"/v1.55/images/multi:1/attestations{query}")

    (entry,) = ask("?statement=1").json()
    assert entry["PredicateType"] == "https://tests/predicate"
    assert entry["Statement"]["predicate"] == {"of": "tests"}
    assert "Statement" not in ask().json()[0]
    assert ask("?type=https://another").json() == []
    assert ask("?platform=linux/arm64").json() == []
    assert ask("?platform=linux/s390x").status == 404
    assert ask("?platform=linux/amd64&platform=linux/arm64").status == 400


def test_the_history_of_a_platform(multi):
    assert len(multi.out("history", "-q", "--platform", "linux/arm64", "multi:1").split()) == 2
    assert "specified platform" in multi.fails("history", "--platform", "linux/s390x", "multi:1")


def test_one_platform_is_removed_and_the_rest_stays(multi):
    parts = multi.parts
    before = listed(multi)["Size"]
    layers_before = multi.api("GET", "/v1.51/system/df?type=image").json()["LayersSize"]
    out = multi.out("rmi", "--platform", "linux/arm64", "multi:1")
    assert out == f"Deleted: {parts['arm64']['digest']}"
    after = listed(multi, manifests=1)
    assert [entry["Available"] for entry in after["Manifests"]] == [True, False, False, True]
    assert after["Size"] < before
    assert multi.api("GET", "/v1.51/system/df?type=image").json()["LayersSize"] < layers_before
    assert "specified platform" in multi.fails("rmi", "--platform", "linux/arm64", "multi:1")
    multi.docker("create", "--name", "user", "multi:1", "/x")
    # With nothing left the name goes, so it is as without a platform.
    assert "must force" in multi.fails("rmi", "--platform", "linux/amd64", "multi:1")
    multi.docker("rm", "user")
    out = multi.out("rmi", "--platform", "linux/amd64", "multi:1")
    assert "Untagged: multi:1" in out
    assert multi.api("GET", "/images/multi:1/json").status == 404


def test_a_platform_that_is_in_use_stays(multi):
    multi.docker("create", "--name", "user", "multi:1", "/x")
    assert "must be forced" in multi.fails("rmi", "--platform", "linux/amd64", "multi:1")
    multi.docker("rmi", "--platform", "linux/arm64", "multi:1")
    multi.docker("rm", "user")


def test_a_manifest_that_another_image_has_stays(multi):
    layout = Layout()
    common = layer({"common": b"c" * 5000})
    arm64 = layout.image([common, layer({"x": b"arm64" * 100})], "arm64", compression="zstd")
    multi.docker("load", stdin=layout.archive(arm64, "docker.io/library/alone:1"))
    assert arm64["digest"] == multi.parts["arm64"]["digest"]
    assert "cannot be forced" in multi.fails("rmi", "-f", "--platform", "linux/arm64", "multi:1")
    assert multi.api("GET", "/images/alone:1/json").status == 200


def test_dockers_own_media_types_are_kept(engine):
    layout = Layout(docker=True)
    parts = [layout.image([layer({"x": name.encode()})], name) for name in ("amd64", "arm64")]
    index = layout.index(parts)
    engine.docker("load", stdin=layout.archive(index, "docker.io/library/list:2"))
    view = engine.api("GET", "/v1.51/images/list:2/json?manifests=1").json()
    assert view["Id"] == index["digest"]
    assert view["Descriptor"]["mediaType"].endswith("distribution.manifest.list.v2+json")
    found = [entry["Descriptor"]["mediaType"] for entry in view["Manifests"]]
    assert found == ["application/vnd.docker.distribution.manifest.v2+json"] * 2
    assert [entry["ImageData"]["Size"]["Unpacked"] for entry in view["Manifests"]] == [5, 0]
    assert engine.out("history", "--platform", "linux/arm64", "-q", "list:2")


def test_what_arrives_later_is_seen(multi):
    """The platform that was missing comes with another image."""
    layout = Layout()
    s390x = layout.image([layer({"x": b"s390x"})], "s390x", compression="none")
    multi.docker("load", stdin=layout.archive(s390x, "docker.io/library/late:1"))
    assert [entry["Available"] for entry in listed(multi, manifests=1)["Manifests"]] == [True] * 4
    assert "s390x" in multi.out("image", "inspect", "--platform", "linux/s390x", "multi:1")


def test_the_index_is_kept_whole_with_attestations(multi, tmp_path):
    path = tmp_path / "multi.tar"
    multi.docker("save", "-o", str(path), "multi:1")
    multi.docker("rmi", "multi:1")
    multi.docker("load", "-i", str(path))
    image = listed(multi, manifests=1)
    assert image["Id"] == multi.parts["index"]["digest"]
    assert [entry["Kind"] for entry in image["Manifests"]] == ["image"] * 3 + ["attestation"]
    assert [entry["Available"] for entry in image["Manifests"]] == [True, True, False, True]


def test_the_index_says_what_a_manifest_is_for_when_its_config_says_something_else(engine):
    layout = Layout()
    ours = layout.image([layer({"ours": b"x"})], "arm64")
    ours["platform"]["architecture"] = "amd64"
    other = layout.image([layer({"other": b"x"})], "s390x")
    index = layout.index([other, ours])
    engine.docker("load", stdin=layout.archive(index, "docker.io/library/mixed:1"))
    engine.docker("create", "--name", "plain", "mixed:1", "/x")
    engine.docker("create", "--name", "asked", "--platform", "linux/amd64", "mixed:1", "/x")
    for name in ("plain", "asked"):
        assert engine.docker("cp", f"{name}:/ours", "-").stdout.startswith("ours\0")
        assert engine.inspect(name)["ImageManifestDescriptor"]["digest"] == ours["digest"]
    for container in engine.api("GET", "/containers/json?all=1").json():
        manifest = container["ImageManifestDescriptor"]
        assert manifest["platform"] == {"architecture": "amd64", "os": "linux"}
    shown = engine.out("image", "inspect", "--platform", "linux/amd64", "mixed:1")
    assert json.loads(shown)[0]["Architecture"] == "arm64"  # of the config, as it is
    assert "does not provide" in engine.fails("history", "--platform", "linux/arm64", "mixed:1")
