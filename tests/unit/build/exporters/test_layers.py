from __future__ import annotations

import gzip
import io
import tarfile

import pytest
import zstandard

from baleen.build.exporters.layers import recompressed, with_times_until


def blob(content, layer):
    return content.read(layer.digest, limit=1 << 20)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "uncompressed"])
def test_only_new_layers_change_their_form_unless_all_shall(
    content, lease, built, tar, compression
):
    plain = tar("b", b"2" * 4000)
    result = built(tar("a", b"1"), plain)
    changed = recompressed(content, lease, result, compression)
    assert changed.tree.layers[0] == result.tree.layers[0]
    assert changed.tree.diff_ids == result.tree.diff_ids
    raw = blob(content, changed.tree.layers[1])
    read = {
        "gzip": gzip.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "uncompressed": lambda data: data,
    }[compression]
    assert read(raw) == plain
    everything = recompressed(content, lease, result, compression, everything=True)
    is_same = everything.tree.layers[0] == result.tree.layers[0]
    assert is_same is (compression == "uncompressed")
    assert recompressed(content, lease, result, compression) == changed  # reproducible


def test_no_file_is_younger_than_the_epoch(content, lease, built, tar):
    result = built(tar("a", b"1"), tar("b", b"2"))
    changed = with_times_until(content, lease, result, 1_700_000_000 * 10**9)
    assert changed.tree.layers[0] == result.tree.layers[0]
    assert changed.config.diff_ids == changed.tree.diff_ids
    assert changed.tree.diff_ids[1] != result.tree.diff_ids[1]
    data = blob(content, changed.tree.layers[1])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        assert member.mtime == 1_700_000_000
        assert archive.extractfile(member).read() == b"2"
