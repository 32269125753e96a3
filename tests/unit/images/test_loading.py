"""Archives of images are taken whole or not at all."""

import gzip
import io
import json
import lzma
import tarfile

import pytest
import zstandard

from baleen.errors import BaleenError, DataLoss, InvalidArgument

NAME = "io.containerd.image.name"


@pytest.fixture
def layers(build):
    return [build.layer({"a": b"1"}), build.layer({"b": b"2"})]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zstandard.compress, lzma.compress], ids=lambda f: f.__name__
)
def test_docker_archives_in_every_compression(world, build, layers, pack):
    progress = list(world.store.load([pack(build.docker((["app:1", "b.c/d:2"], layers)))]))
    assert [line["stream"] for line in progress if "stream" in line] == [
        "Loaded image: app:1\n",
        "Loaded image: b.c/d:2\n",
    ]
    assert [line["status"] for line in progress if "status" in line] == ["Loading layer"] * 2
    image = world.store.resolve("app:1")
    top = world.snapshotter.layer(image.chain_id)
    assert (top.path / "b").read_bytes() == b"2"
    assert len(world.snapshotter.committed) == 2
    assert {event[0] for event in world.events} == {"load"}


def test_quiet_loading_says_only_what_came(world, build, layers):
    progress = list(world.store.load([build.docker((["app:1"], layers))], quiet=True))
    assert progress == [{"stream": "Loaded image: app:1\n"}]


def test_loading_twice_gives_the_same_image(world, build, layers):
    archive = build.docker((["app:1"], layers))
    list(world.store.load([archive]))
    first, blobs = world.store.resolve("app:1").id, world.blobs()
    list(world.store.load([archive]))
    assert (world.store.resolve("app:1").id, world.blobs()) == (first, blobs)


def test_an_image_without_a_name_is_dangling(world, build, layers):
    *_, last = world.store.load([build.docker((None, layers))])
    (summary,) = world.store.summaries()
    assert last == {"stream": f"Loaded image ID: {summary['Id']}\n"}
    assert summary["RepoTags"] == []


@pytest.mark.parametrize(
    ("annotations", "tags"),
    [
        ({NAME: "docker.io/library/app:1"}, ["app:1"]),
        ({NAME: "app"}, ["app:latest"]),
        ({"org.opencontainers.image.ref.name": "x.y/app:2"}, ["x.y/app:2"]),
        ({"org.opencontainers.image.ref.name": "latest"}, []),
        ({NAME: "BAD name"}, []),
        ({}, []),
    ],
)
def test_oci_layouts_are_named_by_annotation(world, build, layers, annotations, tags):
    list(world.store.load([build.oci([(annotations, [("amd64", layers)])])]))
    (summary,) = world.store.summaries()
    assert summary["RepoTags"] == tags
    assert "annotations" not in summary["Descriptor"]


def test_old_archives_link_equal_layers(world, build, layers):
    config = json.dumps(build.config(layers[:1] * 2)).encode()
    rows = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    buffer = io.BytesIO(build.tar({"1/layer.tar": layers[0], "c.json": config}))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        link = tarfile.TarInfo("2/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../1/layer.tar"
        archive.addfile(link)
        raw = json.dumps(rows).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(raw)
        archive.addfile(info, io.BytesIO(raw))
    list(world.store.load([buffer.getvalue()]))
    assert len(world.store.resolve("app:1").chain_ids) == 2


def broken(build, layers, name):
    good = build.docker((["app:1"], layers))
    config = build.config(layers)
    row = {"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l0", "l1"]}
    files = {"l0": layers[0], "l1": layers[1], "c.json": config}

    def with_row(**changes):
        return build.tar({**files, "manifest.json": [{**row, **changes}]})

    def with_config(**changes):
        return build.tar({**files, "c.json": {**config, **changes}, "manifest.json": [row]})

    oci = build.oci([({NAME: "app:1"}, [("amd64", layers)])])
    wrong_blob = {f"blobs/sha256/{'0' * 64}": b"not that"}
    return {
        "empty": b"",
        "no tar": b"hello world, this is no archive",
        "truncated": good[: len(good) // 2],
        "truncated gzip": gzip.compress(good)[:-10],
        "nothing inside": build.tar({"x": b"1"}),
        "manifest null": build.tar({"manifest.json": b"null"}),
        "manifest empty": build.tar({"manifest.json": b"[]"}),
        "manifest of nulls": build.tar({"manifest.json": b"[null]"}),
        "manifest no json": build.tar({"manifest.json": b"{"}),
        "config missing": with_row(Config="none"),
        "config null": with_row(Config=None),
        "config outside": with_row(Config="../../etc/passwd"),
        "layers null": with_row(Layers=None),
        "layer missing": with_row(Layers=["l0", "none"]),
        "layer of wrong type": with_row(Layers=[1, 2]),
        "layers swapped": with_row(Layers=["l1", "l0"]),
        "tag upper case": with_row(RepoTags=["App:1"]),
        "tag without tag": with_row(RepoTags=["app"]),
        "tag null": with_row(RepoTags=[None]),
        "rootfs null": with_config(rootfs=None),
        "diff ids null": with_config(rootfs={"type": "layers", "diff_ids": None}),
        "diff ids wrong": with_config(
            rootfs={"type": "layers", "diff_ids": ["sha256:" + "0" * 64] * 2}
        ),
        "env wrong": with_config(config={"Env": {"a": 1}}),
        "history wrong": with_config(history=[{"created_by": 1}]),
        "layer no tar": build.docker((["app:1"], [b"x" * 3000])),
        "layer escapes": build.docker((["app:1"], [build.layer({"../x": b"1"})])),
        "blob lies": build.oci([({NAME: "app:1"}, [("amd64", layers)])], extra=wrong_blob),
        "index null": build.tar({"index.json": b"null"}),
        "index of nulls": build.tar({"index.json": b'{"schemaVersion":2,"manifests":[null]}'}),
        "index ambiguous": build.tar(
            {"index.json": b'{"schemaVersion":2,"manifests":[],"layers":[]}'}
        ),
        "index empty": build.tar({"index.json": b'{"schemaVersion":2,"manifests":[]}'}),
        "blob missing": oci.replace(b"blobs/sha256/", b"blops/sha256/"),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "empty", "no tar", "truncated", "truncated gzip", "nothing inside", "manifest null",
        "manifest empty", "manifest of nulls", "manifest no json", "config missing",
        "config null", "config outside", "layers null", "layer missing", "layer of wrong type",
        "layers swapped", "tag upper case", "tag without tag", "tag null", "rootfs null",
        "diff ids null", "diff ids wrong", "env wrong", "history wrong", "layer no tar",
        "layer escapes", "blob lies", "index null", "index of nulls", "index ambiguous",
        "index empty", "blob missing",
    ],
)  # fmt: skip
def test_malformed_archives_are_refused_and_leave_nothing(world, build, layers, name):
    with pytest.raises((InvalidArgument, DataLoss)) as caught:
        list(world.store.load([broken(build, layers, name)]))
    assert caught.value.message
    assert world.left_over() == []
    assert world.store.summaries() == []
    assert world.events == []
    # The store is as good as before.
    list(world.store.load([build.docker((["app:1"], layers))]))
    assert world.store.exists("app:1")


def test_one_bad_image_of_two_leaves_neither(world, build, layers):
    archive = build.docker((["good:1"], layers), (["bad:1"], [b"no tar" * 500]))
    with pytest.raises(BaleenError):
        list(world.store.load([archive]))
    assert world.left_over() == []


def test_giving_up_in_the_middle_leaves_nothing(world, build, layers):
    progress = world.store.load([build.docker((["app:1"], layers))])
    next(progress)
    progress.close()
    assert world.left_over() == []


def test_a_client_that_breaks_off_leaves_nothing(world, build, layers):
    archive = build.docker((["app:1"], layers))

    def chunks():
        yield archive[:2000]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        list(world.store.load(chunks()))
    assert world.left_over() == []
