"""`docker commit`: what a container changed becomes one more layer on its image.

See: Engine API, /commit.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from baleen.api.timestamps import format_rfc3339_nano
from baleen.archive.prefetch import ahead
from baleen.images.importing import put_image
from baleen.images.layering import NewLayer, new_layer
from baleen.oci.image import ExecutionConfig, HistoryEntry, RootFs
from baleen.oci.media_types import OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.content.store import ContentStore, Lease
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["CommitRequest", "as_oci", "commit_image"]

_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff."


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a new image is to say of itself.

    Attributes:
        execution: the container's parameters, changes applied.
        command: what the container ran, for the history.
        author: who made it, or "".
        comment: why, or "".
    """

    execution: ExecutionConfig
    command: str = ""
    author: str = ""
    comment: str = ""


def commit_image(
    content: ContentStore,
    snapshotter: Snapshotter,
    lease: Lease,
    base: Variant,
    changes: Iterable[bytes],
    request: CommitRequest,
) -> tuple[Descriptor, NewLayer]:
    """Store the archive of changes as a layer on `base`; return the image and the layer.

    Raises:
        ResourceExhausted: no space.
    """
    with ahead(iter(changes)) as pieces:
        layer = new_layer(content, snapshotter, lease, pieces)
    created = format_rfc3339_nano(time.time_ns())
    step = HistoryEntry(
        created=created,
        created_by=request.command or None,
        author=request.author or None,
        comment=request.comment or None,
    )
    below = [as_oci(descriptor) for descriptor in base.manifest.layers]
    config = msgspec.structs.replace(
        base.config,
        created=created,
        author=request.author or base.config.author,
        config=request.execution,
        rootfs=RootFs(type="layers", diff_ids=[*base.config.diff_ids, layer.diff_id]),
        history=[*(base.config.history or ()), step],
    )
    with ExitStack() as undo:
        undo.enter_context(layer)
        for descriptor in below:
            content.adopt(descriptor.digest, lease)
        target = put_image(content, lease, config, [*below, layer.descriptor])
        undo.pop_all()
    return target, layer


def as_oci(layer: Descriptor) -> Descriptor:
    """Return the descriptor for an OCI manifest: it must not mix the two kinds of media types."""
    if not layer.media_type.startswith(_DOCKER_LAYER):
        return layer
    kept = {"gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}
    media_type = kept.get(layer.media_type.rpartition(".")[2], OCI_LAYER)
    return msgspec.structs.replace(layer, media_type=media_type)
