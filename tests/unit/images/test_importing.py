"""A root file system's archive becomes an image of one layer."""

import bz2
import gzip
import json
import lzma

import pytest
import zstandard

from baleen.errors import BaleenError, InvalidArgument


@pytest.mark.parametrize(
    ("pack", "suffix"),
    [
        (bytes, "tar+gzip"),
        (gzip.compress, "tar+gzip"),
        (zstandard.compress, "tar+zstd"),
        (bz2.compress, "tar+gzip"),
        (lzma.compress, "tar+gzip"),
    ],
)
def test_every_compression_is_imported(world, build, pack, suffix):
    tar = build.layer({"etc/x": b"1", "big": b"0" * 3_000_000})
    data = pack(tar)
    chunks = [data[:3], b"", data[3:100], data[100:]]
    progress = list(
        world.store.import_(
            chunks,
            repo="imp",
            tag="1",
            message="from test",
            changes=["CMD sh -c true", "ENV A=1 B=2"],
            platform="linux/arm64",
        )
    )
    image = world.store.resolve("imp:1")
    assert progress[-1] == {"status": str(image.id)}
    assert image.config.diff_ids == (build.digest(tar),)
    assert image.manifest.layers[0].media_type.endswith(suffix)
    assert image.config.execution.cmd == ["/bin/sh", "-c", "sh -c true"]
    assert image.config.execution.env == ["A=1", "B=2"]
    assert image.config.architecture == "arm64"
    assert world.store.inspect("imp:1")["Comment"] == "from test"
    assert (world.snapshotter.layer(image.chain_id).path / "etc/x").read_bytes() == b"1"
    if suffix == "tar+zstd":
        assert world.content.read(image.manifest.layers[0].digest, limit=1 << 20) == data


def test_an_image_without_a_name_is_kept(world, build):
    (line,) = world.store.import_([build.layer({"a": b"1"})])
    assert world.store.resolve(line["status"]).repo_tags == ()
    assert [event[0] for event in world.events] == ["import"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"changes": ["FROM x"]},
        {"changes": ["EXPOSE x"]},
        {"platform": "a/b/c/d"},
        {"repo": "Bad"},
        {"repo": "x", "tag": "-"},
        {"repo": "x@sha256:" + "0" * 64},
    ],
)
def test_bad_arguments_leave_nothing(world, build, arguments):
    with pytest.raises(InvalidArgument):
        list(world.store.import_([build.layer({"a": b"1"})], **arguments))
    assert world.left_over() == []


@pytest.mark.parametrize("data", [b"no archive" * 100, gzip.compress(b"x" * 600)[:-9]])
def test_what_is_no_archive_leaves_nothing(world, data):
    with pytest.raises(BaleenError, match=r"malformed|truncated"):
        list(world.store.import_([data], repo="x"))
    assert world.left_over() == []


def test_an_empty_archive_is_an_image_without_files(world, build):
    list(world.store.import_([build.tar({})], repo="empty"))
    assert json.dumps(world.store.inspect("empty")["RootFS"])
