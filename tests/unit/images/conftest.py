"""A store on plain directories, without root, and archives of images built from bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import tarfile
import threading
from dataclasses import dataclass

import pytest

from baleen.content import ContentStore
from baleen.errors import Conflict
from baleen.images import ImageStore
from baleen.oci.platform import Platform
from baleen.snapshots import LayerInfo
from baleen.state.database import Database


class PlainDraft:
    def __init__(self, owner, path):
        self.owner, self.path = owner, path

    def commit(self, chain_id, parent, size):
        assert parent is None or parent in self.owner.committed
        place = self.owner.root / chain_id.encoded
        with self.owner.lock:
            if chain_id not in self.owner.committed:
                self.path.rename(place)
                self.owner.committed[chain_id] = LayerInfo(chain_id, parent, place, size)
            return self.owner.committed[chain_id]

    def discard(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.discard()


class PlainSnapshotter:
    """Layers as directories, without overlay: enough for the store, which only unpacks."""

    independent = True
    driver = "plain"

    def __init__(self, root):
        self.root = root
        self.committed = {}
        self.used = set()
        self.lock = threading.Lock()

    def layer(self, chain_id):
        return self.committed.get(chain_id)

    def layers(self):
        return iter(list(self.committed.values()))

    def lower(self, parent):
        found = []
        while parent is not None:
            found.append(self.committed[parent].path)
            parent = self.committed[parent].parent
        return found

    def draft(self, parent=None):
        path = self.root / secrets.token_hex(8)
        path.mkdir(parents=True)
        return PlainDraft(self, path)

    def remove_layer(self, chain_id):
        with self.lock:
            if chain_id in self.used or any(i.parent == chain_id for i in self.committed.values()):
                raise Conflict("in use")
            info = self.committed.pop(chain_id, None)
            if info is not None:
                shutil.rmtree(info.path)


@dataclass
class World:
    """Everything around a store, to look at from outside."""

    root: object
    database: Database
    content: ContentStore
    snapshotter: PlainSnapshotter
    events: list
    store: ImageStore

    def blobs(self):
        return set(self.content.digests())

    def left_over(self):
        """What lies on disk beside the database: empty when nothing is stored."""
        found = [p for p in (self.root / "content").rglob("*") if p.is_file()]
        return [p.name for p in found if p.name != "oci-layout"] + list(self.snapshotter.committed)

    def restart(self):
        self.store = ImageStore(
            self.database, self.content, self.snapshotter, platform=self.store.platform
        )
        self.store.start()
        return self.store


@pytest.fixture
def world(tmp_path):
    database = Database(tmp_path / "state.db")
    content = ContentStore(tmp_path / "content")
    content.start()
    snapshotter = PlainSnapshotter(tmp_path / "layers")
    events = []
    store = ImageStore(
        database,
        content,
        snapshotter,
        platform=Platform(os="linux", architecture="amd64"),
        on_event=lambda *event: events.append(event),
    )
    store.start()
    yield World(tmp_path, database, content, snapshotter, events, store)
    database.close()


@pytest.fixture
def store(world):
    return world.store


def layer_tar(files):
    """Return a layer with the given files, owned by whoever runs the test."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid = len(data), os.getuid(), os.getgid()
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_config(layers, **changes):
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], "Env": ["A=b"], "Labels": {"k": "v"}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [{"created_by": f"step {n}"} for n, _ in enumerate(layers)],
        **changes,
    }


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            raw = data if isinstance(data, bytes) else json.dumps(data).encode()
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def docker_archive(*images):
    """Return what `docker save` of old wrote: images are (tags, layers, changes of the config)."""
    files, rows = {}, []
    for tags, layers, *changes in images:
        raw = json.dumps(image_config(layers, **(changes[0] if changes else {}))).encode()
        name = digest_of(raw)[7:] + ".json"
        paths = []
        for layer in layers:
            paths.append(f"{digest_of(layer)[7:]}/layer.tar")
            files[paths[-1]] = layer
        files[name] = raw
        rows.append({"Config": name, "RepoTags": tags, "Layers": paths})
    return tar_of({**files, "manifest.json": rows})


def oci_archive(entries, *, extra=None):
    """Return an OCI layout: entries are (annotations, [(platform, layers)])."""
    blobs = {}

    def put(document, media_type, **more):
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        blobs[f"blobs/sha256/{digest_of(raw)[7:]}"] = raw
        return {"mediaType": media_type, "digest": digest_of(raw), "size": len(raw), **more}

    vendor = "application/vnd.oci.image"
    manifests = []
    for notes, variants in entries:
        children = []
        for architecture, layers in variants:
            config = put(
                image_config(layers, architecture=architecture), f"{vendor}.config.v1+json"
            )
            manifest = {
                "schemaVersion": 2,
                "mediaType": f"{vendor}.manifest.v1+json",
                "config": config,
                "layers": [put(layer, f"{vendor}.layer.v1.tar") for layer in layers],
            }
            children.append(
                put(
                    manifest,
                    f"{vendor}.manifest.v1+json",
                    platform={"architecture": architecture, "os": "linux"},
                )
            )
        if len(children) == 1:
            target = children[0]
        else:
            index = {"schemaVersion": 2, "manifests": children}
            target = put(index, f"{vendor}.index.v1+json")
        manifests.append({**target, "annotations": notes})
    return tar_of(
        {
            **blobs,
            "index.json": {"schemaVersion": 2, "manifests": manifests},
            "oci-layout": {"imageLayoutVersion": "1.0.0"},
            **(extra or {}),
        }
    )


@pytest.fixture
def build():
    """The builders of this file, for tests that need more than `loaded`."""

    class Build:
        layer = staticmethod(layer_tar)
        config = staticmethod(image_config)
        tar = staticmethod(tar_of)
        docker = staticmethod(docker_archive)
        oci = staticmethod(oci_archive)
        digest = staticmethod(digest_of)

    return Build


@pytest.fixture
def loaded(world):
    """Load an image of one layer under the given names; gives its id."""

    def load(*tags, files=None, **changes):
        layer = layer_tar(files or {"f": b"content"})
        archive = docker_archive((list(tags) or None, [layer], changes))
        list(world.store.load([archive]))
        if tags:
            return world.store.resolve(tags[0]).id
        dangling = [s["Id"] for s in world.store.summaries() if not s["RepoTags"]]
        return dangling[-1]

    return load


@pytest.fixture
def link_layer():
    """A layer that is one hard link, to a file that it has not."""

    def make(name, target):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.LNKTYPE, target
            archive.addfile(info)
        return buffer.getvalue()

    return make
