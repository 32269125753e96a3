from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from baleen.build.exporters.built import Built
from baleen.build.trees import Tree
from baleen.content.store import ContentStore
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.image import HistoryEntry, ImageConfig, RootFs
from baleen.oci.media_types import OCI_LAYER
from baleen.oci.platform import Platform

AMD64 = Platform(os="linux", architecture="amd64")


@pytest.fixture
def content(tmp_path):
    store = ContentStore(tmp_path / "content")
    store.start()
    return store


@pytest.fixture
def lease(content):
    with content.lease() as held:
        yield held


def archive(name: str, data: bytes, mtime: int = 2_000_000_000) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.size, info.mtime = len(data), mtime
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def built(content, lease):
    """Make a result of plain layers, the first of which is the base's."""

    def make(*layers: bytes, platform: Platform = AMD64) -> Built:
        descriptors, diff_ids = [], []
        for raw in layers:
            digest = content.put(raw, lease)
            descriptors.append(Descriptor(media_type=OCI_LAYER, digest=digest, size=len(raw)))
            diff_ids.append(Digest(f"sha256:{hashlib.sha256(raw).hexdigest()}"))
        config = ImageConfig(
            architecture=platform.architecture,
            os="linux",
            rootfs=RootFs(type="layers", diff_ids=diff_ids),
            history=[HistoryEntry(created_by=f"step {n}") for n in range(len(layers))],
        )
        tree = Tree(tuple(descriptors), tuple(diff_ids))
        return Built(platform=platform, config=config, tree=tree, base_layers=1)

    return make


@pytest.fixture
def tar():
    return archive
