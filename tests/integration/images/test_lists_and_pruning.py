"""Every filter of `docker images` and `docker image prune`, `rmi`, and `docker system df`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from bed import Bed
from oci_layout import Layout, layer

pytestmark = pytest.mark.integration


def load(engine, name, created, files=None, *, base=None, **config):
    layout = Layout()
    layers = [*([base] if base else []), layer(files or {name: name.encode() * 1000})]
    target = layout.image(layers, created=created, config={"Cmd": ["/x"], **config})
    engine.docker("load", stdin=layout.archive(target, f"docker.io/{name}"))
    return target["digest"]


def four_images(engine):
    """Load four images of known ages; returns names and ids, oldest first."""
    return {
        "old:1": load(engine, "library/old:1", "2020-01-01T00:00:00Z", Labels={"age": "1"}),
        "team/app:1": load(engine, "team/app:1", "2021-01-01T00:00:00Z", Labels={"age": "2"}),
        "team/app:2": load(engine, "team/app:2", "2022-01-01T00:00:00Z"),
        "team/tool:edge": load(engine, "team/tool:edge", "2023-01-01T00:00:00Z"),
    }


@pytest.fixture(scope="module")
def four():
    """One engine with the four images, for tests that only look."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    bed = Bed(Path("/tmp") / f"b{os.urandom(3).hex()}")
    try:
        bed.open()
        four_images(bed)
        yield bed
    finally:
        bed.close()


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["reference=team/*"], {"team/app:1", "team/app:2", "team/tool:edge"}),
        (["reference=*/app"], {"team/app:1", "team/app:2"}),
        (["reference=team/app:1", "reference=team/tool"], {"team/app:1", "team/tool:edge"}),
        (["reference=docker.io/team/app:[2-9]"], {"team/app:2"}),
        (["reference=team/[!t]*:?"], {"team/app:1", "team/app:2"}),
        (["reference=app"], set()),
        (["label=age"], {"old:1", "team/app:1"}),
        (["label=age=2"], {"team/app:1"}),
        (["label!=age=2", "reference=team/*"], {"team/app:2", "team/tool:edge"}),
        (["before=team/app:2", "label=age"], {"old:1", "team/app:1"}),
        (["since=team/app:1", "reference=team/*"], {"team/app:2", "team/tool:edge"}),
        (["until=2021-06-01", "label=age"], {"old:1", "team/app:1"}),
        (["until=2020-06-01T00:00:00Z"], {"old:1"}),
        (["dangling=true"], set()),
        (["dangling=false", "reference=*/tool"], {"team/tool:edge"}),
    ],
)
def test_every_filter(four, filters, names):
    arguments = [word for text in filters for word in ("--filter", text)]
    shown = four.out("images", "--format", "{{.Repository}}:{{.Tag}}", *arguments)
    assert set(shown.split()) == names


def test_bad_filters(four):
    assert "invalid filter 'nosuch'" in four.fails("images", "--filter", "nosuch=1")
    assert "invalid filter 'dangling=[maybe]'" in four.fails("images", "--filter", "dangling=maybe")
    assert "No such image: nosuch" in four.fails("images", "--filter", "before=nosuch")
    assert "invalid" in four.fails("images", "--filter", "until=yesterday")
    assert "invalid filter 'before'" in four.fails(
        "image", "prune", "-f", "--filter", "before=old:1"
    )


def test_digests_and_short_ids(four):
    image_id = four.out("images", "-q", "--no-trunc", "team/app:1")
    row = four.out("images", "--digests", "--format", "{{.Digest}} {{.ID}}", "team/app:1")
    assert row == f"{image_id} {image_id[7:19]}"
    assert four.out("images", "-q", "team/app:1") == image_id[7:19]
    assert four.out("inspect", "-f", "{{.Id}}", image_id[7:14]) == image_id


def test_a_list_for_an_old_client(four):
    new = four.api("GET", "/v1.51/images/json").json()
    old = four.api("GET", "/v1.43/images/json?manifests=1").json()
    assert [image["Id"] for image in new] == [image["Id"] for image in old]
    assert all(image["VirtualSize"] == image["Size"] for image in old)
    assert not any("Manifests" in image or "Descriptor" in image for image in old)


def test_rmi(engine):
    ids = four_images(engine)
    engine.docker("tag", "team/app:1", "other:1")
    image_id = ids["team/app:1"]
    assert "image is referenced in multiple repositories" in engine.fails("rmi", image_id)
    assert engine.out("rmi", "--no-prune", "other:1") == "Untagged: other:1"
    engine.docker("tag", "team/app:1", "other:1")
    out = engine.out("rmi", "-f", image_id[:20])
    assert set(out.splitlines()) == {
        "Untagged: team/app:1", "Untagged: other:1", f"Deleted: {image_id}",
    }  # fmt: skip
    engine.docker("create", "--name", "user", "team/app:2", "/x")
    assert "must force" in engine.fails("rmi", "team/app:2")
    assert engine.out("rmi", "-f", "team/app:2") == "Untagged: team/app:2"
    assert engine.out("images", "-q", "--filter", "dangling=true") == ids["team/app:2"][7:19]
    engine.docker("rm", "user")
    assert ids["team/app:2"] in engine.out("image", "prune", "-f")


def test_pruning_by_filters(engine):
    ids = four_images(engine)
    engine.docker("create", "--name", "user", "team/tool:edge", "/x")
    assert "Total reclaimed space: 0B" in engine.out("image", "prune", "-f")
    out = engine.out(
        "image", "prune", "-af", "--filter", "until=2021-06-01", "--filter", "label=age=1"
    )
    assert (f"deleted: {ids['old:1']}" in out, f"deleted: {ids['team/app:1']}" in out) == (
        True,
        False,
    )
    out = engine.out(
        "image", "prune", "-af", "--filter", "label!=age", "--filter", "until=2022-06-01"
    )
    assert f"deleted: {ids['team/app:2']}" in out
    assert "Total reclaimed space: 0B" not in out
    names = set(engine.out("images", "--format", "{{.Repository}}:{{.Tag}}").split())
    assert {"team/app:1", "team/tool:edge"} <= names
    assert "untagged: team/app:1" in engine.out("image", "prune", "-af")
    # The one that a container was made of stays.
    assert engine.out("images", "--format", "{{.Repository}}:{{.Tag}}") == "team/tool:edge"


def test_what_a_prune_tells_as_events(engine):
    image_id = load(engine, "library/gone:1", "2024-01-01T00:00:00Z")
    since = time.time() - 0.5
    engine.docker("image", "prune", "-af", "--filter", "until=2024-06-01")
    form = "{{.Action}} {{.Actor.ID}} {{json .Actor.Attributes}}"
    lines = engine.out(
        "events", "--since", f"{since:.3f}", "--until", f"{time.time() + 0.1:.3f}",
        "--filter", "type=image", "--format", form,
    )  # fmt: skip
    shown = [line.split(" ", 2) for line in lines.splitlines()]
    assert ["untag", image_id] in [line[:2] for line in shown]
    assert ["delete", image_id] in [line[:2] for line in shown]
    action, actor, attributes = shown[-1]
    assert (action, actor) == ("prune", "")
    assert int(json.loads(attributes)["reclaimed"]) > 1000


def test_disk_usage_counts_shared_bytes_once(engine):
    engine.docker("image", "prune", "-af")
    base = layer({"base": os.urandom(300_000)})
    for number in (1, 2):
        load(
            engine, f"library/app:{number}", "2024-01-01T00:00:00Z",
            {f"f{number}": os.urandom(100_000)}, base=base,
        )  # fmt: skip
    engine.docker("create", "--name", "user", "app:1", "/x")
    # Random data does not shrink: each layer is there as a blob and unpacked.
    usage = engine.api("GET", "/v1.51/system/df").json()
    images = {image["RepoTags"][0]: image for image in usage["Images"]}
    assert 790_000 < images["app:1"]["Size"] < 830_000
    assert 595_000 < images["app:1"]["SharedSize"] < 610_000
    assert 990_000 < usage["LayersSize"] < 1_040_000
    unique = images["app:2"]["Size"] - images["app:2"]["SharedSize"]
    new = engine.api("GET", "/v1.52/system/df").json()["ImageUsage"]
    assert (new["ActiveCount"], new["TotalCount"]) == (1, 2)
    assert new["TotalSize"] == usage["LayersSize"]
    assert new["Reclaimable"] == unique
    table = engine.out("system", "df", "-v")
    assert "UNIQUE SIZE" in table
    before = engine.api("GET", "/v1.51/system/df?type=image").json()["LayersSize"]
    engine.docker("rmi", "app:2")
    after = engine.api("GET", "/v1.51/system/df?type=image").json()["LayersSize"]
    assert before - after == unique
