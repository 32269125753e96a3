"""`docker import`: the archive of a root file system becomes an image of one layer.

See: Engine API, /images/create with `fromSrc`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from baleen.api.timestamps import format_rfc3339_nano
from baleen.images.changes import apply_changes
from baleen.images.layering import NewLayer, new_layer
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.image import ExecutionConfig, HistoryEntry, ImageConfig, RootFs
from baleen.oci.manifest import Manifest
from baleen.oci.media_types import OCI_CONFIG, OCI_MANIFEST
from baleen.oci.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.oci.platform import Platform
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["import_archive", "put_image"]


def import_archive(
    content: ContentStore,
    snapshotter: Snapshotter,
    lease: Lease,
    chunks: Iterable[bytes],
    *,
    origin: str,
    message: str,
    changes: Sequence[str],
    platform: str,
    host: Platform,
) -> tuple[Descriptor, NewLayer]:
    """Store the archive as a layer; return the descriptor of a manifest for it, and the layer.

    gzip and zstd archives are kept as they are, others become gzip.

    Raises:
        InvalidArgument: the archive, `changes` or `platform` are malformed.
    """
    wanted = parse_platform(platform, default=host) if platform else host
    execution = apply_changes(ExecutionConfig(), changes)
    layer = new_layer(content, snapshotter, lease, chunks)
    created = format_rfc3339_nano(time.time_ns())
    config = ImageConfig(
        created=created,
        architecture=wanted.architecture,
        os=wanted.os,
        variant=wanted.variant,
        config=execution,
        rootfs=RootFs(type="layers", diff_ids=[layer.diff_id]),
        history=[HistoryEntry(created=created, comment=message or f"Imported from {origin}")],
    )
    with ExitStack() as undo:
        undo.enter_context(layer)
        target = put_image(content, lease, config, [layer.descriptor])
        undo.pop_all()
    return target, layer


def put_image(
    content: ContentStore, lease: Lease, config: ImageConfig, layers: Sequence[Descriptor]
) -> Descriptor:
    """Store a config and its manifest; return the manifest's descriptor."""
    raw_config = encode_document(config)
    manifest = Manifest(
        schema_version=2,
        media_type=OCI_MANIFEST,
        config=Descriptor(
            media_type=OCI_CONFIG, digest=content.put(raw_config, lease), size=len(raw_config)
        ),
        layers=list(layers),
    )
    raw = encode_document(manifest)
    return Descriptor(media_type=OCI_MANIFEST, digest=content.put(raw, lease), size=len(raw))
