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
from baleen.images.importing import put_image
from baleen.images.layering import NewLayer, new_layer
from baleen.oci.image import ExecutionConfig, HistoryEntry, ImageConfig, RootFs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.content.store import ContentStore, Lease
    from baleen.images.image import Image
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["CommitRequest", "commit_image"]


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
    base: Image | None,
    changes: Iterable[bytes],
    request: CommitRequest,
    host: Platform,
) -> tuple[Descriptor, NewLayer]:
    """Store the archive of changes as a layer on `base`; return the image and the layer.

    Raises:
        ResourceExhausted: no space.
    """
    layer = new_layer(content, snapshotter, lease, changes)
    created = format_rfc3339_nano(time.time_ns())
    step = HistoryEntry(
        created=created,
        created_by=request.command or None,
        author=request.author or None,
        comment=request.comment or None,
    )
    if base is None:
        config = ImageConfig(
            architecture=host.architecture,
            os=host.os,
            variant=host.variant,
            rootfs=RootFs(type="layers", diff_ids=[]),
        )
        below = []
    else:
        config, below = base.config, list(base.manifest.layers)
    config = msgspec.structs.replace(
        config,
        created=created,
        author=request.author or config.author,
        config=request.execution,
        rootfs=RootFs(type="layers", diff_ids=[*config.diff_ids, layer.diff_id]),
        history=[*(config.history or ()), step],
    )
    with ExitStack() as undo:
        undo.enter_context(layer)
        for descriptor in below:
            content.adopt(descriptor.digest, lease)
        target = put_image(content, lease, config, [*below, layer.descriptor])
        undo.pop_all()
    return target, layer
