"""The images that come with Baleen: `hello-world`, and `busybox` if the host has a static one.

They are built at the first start, without a network, and once only: an image that the user removed
does not come back. The same program gives the same digests: entries are sorted, times are fixed,
and the layer is not compressed, so that no compressor's version shows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from baleen.archive.entry import Entry, EntryType
from baleen.archive.writer import END, encode_header, padding
from baleen.errors import FailedPrecondition
from baleen.images.busybox import find_busybox, root_file_system
from baleen.images.hello import hello_program
from baleen.images.importing import put_image
from baleen.oci.descriptor import Descriptor
from baleen.oci.image import ExecutionConfig, HistoryEntry, ImageConfig, RootFs
from baleen.oci.media_types import OCI_LAYER
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from baleen.content.store import Lease
    from baleen.images.store import ImageStore
    from baleen.oci.digest import Digest
    from baleen.state.database import Database

__all__ = ["CREATED_NS", "PATH", "install_embedded_images", "put_embedded"]

log = logging.getLogger(__name__)

_SETTING = "embedded-images"
CREATED = "2026-01-01T00:00:00Z"
CREATED_NS = 1_767_225_600 * 1_000_000_000
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def install_embedded_images(
    store: ImageStore, database: Database, *, busybox: Path | None = None
) -> list[str]:
    """Add the images that were never added before; return the names of the new ones.

    `busybox` is a static busybox program, looked for on the host when None. A host without one
    gets a hint in the log, and is asked again at the next start.
    """
    raw = database.get("settings", _SETTING)
    known = set(msgspec.json.decode(raw, type=list[str])) if raw else set()
    added = []
    for name, build in (("hello-world", _hello_world), ("busybox", _busybox)):
        if name in known or store.exists(name):
            continue
        try:
            build(store, busybox)
        except FailedPrecondition as err:
            log.warning("the image %s is not available: %s", name, err)
            continue
        added.append(f"{name}:latest")
        known.add(name)
    if added:
        database.put("settings", _SETTING, msgspec.json.encode(sorted(known)))
    return added


def _hello_world(store: ImageStore, _: Path | None) -> None:
    program = hello_program(store.platform.architecture)
    entry = Entry(
        name=b"hello",
        type=EntryType.FILE,
        mode=0o755,
        size=len(program),
        mtime_ns=CREATED_NS,
    )
    config = ExecutionConfig(env=[PATH], cmd=["/hello"], working_dir="/")
    _install(store, "hello-world", [(entry, program)], config)


def _busybox(store: ImageStore, program: Path | None) -> None:
    program = program or find_busybox()
    if program is None:
        raise FailedPrecondition(
            "this host has no static busybox",
            hint="install the package busybox-static and restart, or pull the image",
        )
    entries = root_file_system(program.read_bytes(), CREATED_NS)
    _install(store, "busybox", entries, ExecutionConfig(env=[PATH], cmd=["sh"]))


def _install(
    store: ImageStore,
    name: str,
    entries: Iterable[tuple[Entry, bytes]],
    execution: ExecutionConfig,
) -> None:
    archive = b"".join(
        part for entry, data in entries for part in (encode_header(entry), data, padding(len(data)))
    )
    archive += END
    with store.changing() as lease:
        digest = store.content.put(archive, lease)
        layer = Descriptor(media_type=OCI_LAYER, digest=digest, size=len(archive))
        target = put_embedded(store, lease, name, layer, execution)
        store.put(target, [parse_reference(name).with_default_tag()])
    store.unpack(store.resolve(name))


def put_embedded(
    store: ImageStore,
    lease: Lease,
    name: str,
    layer: Descriptor,
    execution: ExecutionConfig,
    diff_id: Digest | None = None,
) -> Descriptor:
    """Store config and manifest of an image of one layer, made by us for this host.

    `diff_id` is that of a compressed layer; without it the layer is not compressed.
    """
    config = ImageConfig(
        created=CREATED,
        architecture=store.platform.architecture,
        variant=store.platform.variant,
        os=store.platform.os,
        config=execution,
        rootfs=RootFs(type="layers", diff_ids=[diff_id or layer.digest]),
        history=[
            HistoryEntry(
                created=CREATED, created_by=f"baleen embedded image {name}", comment="embedded"
            )
        ],
    )
    return put_image(store.content, lease, config, [layer])
