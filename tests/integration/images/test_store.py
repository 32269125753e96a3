"""The image store on the real overlay snapshotter: embedded images, big images, full disks."""

import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import time
from hashlib import sha256
from pathlib import Path

import pytest

from baleen.content import ContentStore
from baleen.errors import DataLoss, ResourceExhausted
from baleen.images import ImageStore
from baleen.images.busybox import find_busybox
from baleen.images.embedded import install_embedded_images
from baleen.images.hello import TEXT
from baleen.snapshots import OverlaySnapshotter
from baleen.state.database import Database

pytestmark = pytest.mark.integration


class Place:
    """A data root with everything that the store needs."""

    def __init__(self, root):
        self.root = root
        self.database = Database(root / "state.db")
        self.content = ContentStore(root / "content")
        self.content.start()
        self.snapshotter = OverlaySnapshotter(root / "snapshots", sync_delay_s=None)
        self.snapshotter.start()
        self.store = ImageStore(self.database, self.content, self.snapshotter)
        self.store.start()


@pytest.fixture
def place(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: owners and overlay are real")
    before = len(os.listdir("/proc/self/fd"))
    place = Place(tmp_path)
    yield place
    place.database.close()
    assert len(os.listdir("/proc/self/fd")) == before


def archive(*layers, name="app:1"):
    files = {}
    for number, layer in enumerate(layers):
        files[f"{number}/layer.tar"] = layer
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{sha256(layer).hexdigest()}" for layer in layers],
        },
    }
    rows = [{"Config": "c.json", "RepoTags": [name], "Layers": list(files)}]
    files["c.json"] = json.dumps(config).encode()
    files["manifest.json"] = json.dumps(rows).encode()
    return tar(files)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def busybox():
    if find_busybox() is None:
        pytest.skip("this host has no static busybox")


def test_the_embedded_images_are_quick_and_run(place, busybox):
    started = time.perf_counter()
    assert install_embedded_images(place.store, place.database) == [
        "hello-world:latest",
        "busybox:latest",
    ]
    assert time.perf_counter() - started < 1.0
    hello = place.snapshotter.prepare("h", place.store.resolve("hello-world").chain_id)
    result = subprocess.run(["chroot", hello.lower[0], "/hello"], capture_output=True, check=True)
    assert result.stdout.decode() == TEXT
    mounts = place.snapshotter.prepare("b", place.store.resolve("busybox").chain_id)
    root = Path(mounts.lower[0])
    result = subprocess.run(
        ["chroot", root, "/bin/sh", "-c", "id -un && /usr/bin/env ls /etc && ls -ld /home"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines()[:2] == ["root", "group"]
    assert "nobody   nobody" in result.stdout
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((root / "root").stat().st_mode) == 0o700


def test_the_embedded_images_have_the_same_ids_every_time(place, busybox, tmp_path):
    install_embedded_images(place.store, place.database)
    (tmp_path / "second").mkdir()
    second = Place(tmp_path / "second")
    install_embedded_images(second.store, second.database)
    for name in ("busybox", "hello-world"):
        assert place.store.resolve(name).id == second.store.resolve(name).id
    second.database.close()


def test_other_users_get_no_further_than_the_first_level(place, busybox):
    install_embedded_images(place.store, place.database)
    for name in ("content", "snapshots"):
        path = place.root / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "ls", path], capture_output=True
        )
        assert result.returncode != 0


def test_container_layers_hold_an_image_until_they_go(place, busybox):
    install_embedded_images(place.store, place.database)
    image = place.store.resolve("busybox")
    place.snapshotter.prepare("c1", image.chain_id)
    place.store.remove("busybox", in_use=lambda i: [])
    assert place.snapshotter.layer(image.chain_id) is not None
    place.snapshotter.remove("c1")
    place.store.collect_garbage()
    assert place.snapshotter.layer(image.chain_id) is None


def test_a_big_image_does_not_grow_the_process(place, tmp_path):
    """Load, save and unpack 300 MB in a fresh process and look at its peak."""
    program = """
import io, json, os, resource, sys, hashlib
sys.path.insert(0, sys.argv[1])
from test_store import Place
from pathlib import Path
from baleen.archive.entry import Entry, EntryType
from baleen.archive.writer import encode_header, padding, END
SIZE = 300 << 20
BLOCK = os.urandom(1 << 20)
def layer():
    yield encode_header(Entry(name=b"big", type=EntryType.FILE, size=SIZE))
    for _ in range(SIZE >> 20):
        yield BLOCK
    yield END
hasher = hashlib.sha256()
length = 0
for piece in layer():
    hasher.update(piece)
    length += len(piece)
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs":
    {"type": "layers", "diff_ids": ["sha256:" + hasher.hexdigest()]}}).encode()
rows = json.dumps([{"Config": "c", "RepoTags": ["big:1"], "Layers": ["l"]}]).encode()
def archive():
    for name, size, data in ((b"l", length, layer()), (b"c", len(config), [config]),
                             (b"manifest.json", len(rows), [rows])):
        yield encode_header(Entry(name=name, type=EntryType.FILE, size=size))
        yield from data
        yield padding(size)
    yield END
place = Place(Path(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
list(place.store.load(archive()))
total = sum(len(piece) for piece in place.store.save(["big:1"]))
assert total > SIZE
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    (tmp_path / "other").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent), tmp_path / "other"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 40


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts a small file system")
    target = tmp_path / "small"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", target], check=True)
    yield target
    subprocess.run(["umount", "-l", target], check=True)


@pytest.mark.parametrize("size", [20, 8, 5])
def test_a_full_disk_is_named_and_everything_is_freed(small_disk, size):
    """20 MB fail while the blob is stored, 8 MB while it is unpacked; 5 MB fit."""
    place = Place(small_disk)
    free = os.statvfs(small_disk).f_bavail
    data = archive(tar({"big": os.urandom(size << 20)}))
    if size == 5:
        list(place.store.load([data]))
        place.store.remove("app:1", in_use=lambda i: [])
    else:
        with pytest.raises(ResourceExhausted, match="no space left on device"):
            list(place.store.load([data]))
    assert place.store.summaries() == []
    assert os.statvfs(small_disk).f_bavail >= free - 64
    place.database.close()


def test_twenty_broken_layers_leave_nothing(place):
    good = tar({"f": b"1"})
    bad = good[:600] + b"\1" * 600
    before = sorted(str(p) for p in place.root.rglob("*") if "state.db" not in p.name)
    for _ in range(20):
        with pytest.raises(DataLoss, match="truncated"):
            list(place.store.load([archive(good, bad)]))
    assert sorted(str(p) for p in place.root.rglob("*") if "state.db" not in p.name) == before
