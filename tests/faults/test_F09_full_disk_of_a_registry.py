"""F09: the disk of a registry is full: a clear answer, nothing half made, what was there stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from registry_bed import OCI_MANIFEST, digest_of, manifest, opened

SIZE = 24 << 20


@contextmanager
def small_disk(place):
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("needs to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def fill(registry):
    """Push blobs until one is refused; return what was acknowledged, and the refusal."""
    pushed = {}
    for number in range(100):
        data = bytes([number]) * (1 << 20)
        digest = digest_of(data)
        answer = await registry.request("POST", f"/v2/r/blobs/uploads/?digest={digest}", data)
        if answer.status != 201:
            return pushed, answer
        pushed[digest] = data
    raise AssertionError


async def test_blobs(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        async with opened(disk / "data") as registry:
            _, raw = await registry.push_image("r", "v1")
            pushed, refusal = await fill(registry)
            assert (refusal.status, refusal.code) == (507, "UNKNOWN")
            assert "no space left" in refusal.json["errors"][0]["message"]
            assert list((disk / "data/uploads").iterdir()) == []
            for digest, data in pushed.items():
                assert (await registry.get(f"/v2/r/blobs/{digest}")).body == data
            assert (await registry.get("/v2/r/manifests/v1")).body == raw
        # A restart on the full disk serves too; space given back is used.
        async with opened(disk / "data", grace_s=0.0) as registry:
            assert (await registry.get("/v2/r/manifests/v1")).body == raw
            for digest in list(pushed)[:5]:
                answer = await registry.request("DELETE", f"/v2/r/blobs/{digest}")
                assert answer.status == 202
            from baleen.registry.garbage import collect

            assert (await collect(registry.contents, upload_age_s=None)).blobs == 5
            await registry.push_image("r", "v2", "more")


async def test_manifests(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        async with opened(disk / "data") as registry:
            await registry.push_blob("r", b"{}")
            await fill(registry)
            kept = {}
            answer = None
            for number in range(60):
                document = manifest(annotations={"n": str(number) + "x" * (1 << 20)})
                raw = json.dumps(document).encode()
                path = f"/v2/r/manifests/t{number}"
                kind = {"content-type": OCI_MANIFEST}
                answer = await registry.request("PUT", path, raw, kind)
                if answer.status != 201:
                    break
                kept[path] = raw
            assert answer is not None
            assert (answer.status, answer.code) in {(507, "UNKNOWN"), (503, "UNAVAILABLE")}
            assert (await registry.get(path)).status == 404
            for path, raw in kept.items():
                assert (await registry.get(path)).body == raw
