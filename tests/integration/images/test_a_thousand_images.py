"""A thousand images: listed from memory, quickly, by a daemon that starts quickly and stays small.

The bounds are some times what it takes on two busy cores (see docs/images.md), so that they catch
another order of magnitude: reading documents, or looking at the disk, for each image.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from bed import Bed

from baleen.content import ContentStore
from baleen.images import ImageStore
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.digest import Digest
from baleen.oci.reference import parse_reference
from baleen.snapshots import OverlaySnapshotter
from baleen.state.database import Database

pytestmark = pytest.mark.integration
COUNT = 1000
OCI = "application/vnd.oci.image"


def fill(data_root: Path) -> None:
    """Make the images as a daemon would have: eight layers each, six of them common."""
    database = Database(data_root / "state.db")
    content = ContentStore(data_root / "content")
    content.start()
    snapshots = OverlaySnapshotter(data_root / "snapshots")
    snapshots.start()
    images = ImageStore(database, content, snapshots)
    images.start()
    with content.lease() as lease, database.transaction():
        common = [content.put(b"layer %d" % number, lease) for number in range(6)]
        for number in range(COUNT):
            own = [content.put(b"own %d of %d" % (n, number), lease) for n in range(2)]
            layers = [*common, *own]
            config = {
                "architecture": images.platform.architecture,
                "os": "linux",
                "created": f"2024-01-02T{number // 60:02}:{number % 60:02}:00Z",
                "config": {"Env": ["PATH=/bin"] * 4, "Labels": {"k": "v", "number": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": [str(digest) for digest in layers]},
                "history": [{"created_by": "RUN " + "x" * 150} for _ in range(12)],
            }
            target = _manifest(content, lease, config, layers)
            images.put(target, [parse_reference(f"repo{number % 50}/name{number}:1")])
    database.close()


def _manifest(content, lease, config, layers):
    raw = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {
            "mediaType": f"{OCI}.config.v1+json",
            "digest": str(content.put(raw, lease)),
            "size": len(raw),
        },
        "layers": [
            {"mediaType": f"{OCI}.layer.v1.tar", "digest": str(d), "size": content.size(d)}
            for d in layers
        ],
    }
    document = encode_document(manifest)
    digest = Digest(content.put(document, lease))
    return Descriptor(media_type=f"{OCI}.manifest.v1+json", digest=digest, size=len(document))


@pytest.fixture(scope="module")
def many():
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    bed = Bed(Path("/tmp") / f"b{os.urandom(3).hex()}")
    bed.data_root.mkdir(parents=True, mode=0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)  # nobody pulls the plug here
        fill(bed.data_root)
    try:
        bed.open()
        yield bed
    finally:
        bed.close()


def best_ms(call, times=5):
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return min(found)


@pytest.mark.parametrize(
    ("path", "bound_ms"),
    [
        ("/v1.51/images/json", 50),
        ("/v1.43/images/json", 50),
        ("/v1.51/images/json?shared-size=1", 100),
        ("/v1.51/images/json?manifests=1", 150),
        ('/v1.51/images/json?filters={"label":["number=7"]}', 50),
        ('/v1.51/images/json?filters={"reference":["repo7/*"]}', 100),
        ("/v1.51/images/repo7/name7:1/json", 30),
    ],
)
def test_lists_are_quick(many, path, bound_ms):
    path = path.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
    took = best_ms(lambda: many.api("GET", path))
    print(f"{took:.1f} ms  {path}")
    assert took < bound_ms
    answer = many.api("GET", path).json()
    if "filters" not in path and "name7" not in path:
        assert len(answer) >= COUNT


def test_the_daemon_is_small_and_starts_quickly(many):
    def pss_kb():
        text = Path(f"/proc/{many.pid}/smaps_rollup").read_text()
        return int(text.split("Pss:")[1].split()[0])

    many.stop()
    began = time.monotonic()
    many.start()
    full_start_s = time.monotonic() - began
    full = pss_kb()
    print(f"start {full_start_s:.2f} s, {full} kB")
    assert full_start_s < 10
    ids = [image["Id"] for image in many.api("GET", "/v1.51/images/json").json()]
    assert len(ids) >= COUNT
    filters = '{"dangling":["false"]}'.replace('"', "%22")
    began = time.monotonic()
    done = many.api("POST", f"/images/prune?filters={filters}", timeout_s=60).json()
    print(f"prune {time.monotonic() - began:.2f} s")
    assert len([d for d in done["ImagesDeleted"] if "Deleted" in d]) >= COUNT
    many.restart()
    empty = pss_kb()
    print(f"empty {empty} kB")
    assert full - empty < 10 * COUNT
