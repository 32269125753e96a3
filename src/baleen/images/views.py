"""What the API shows of an image: summaries, inspection, history; plain dicts in wire form.

See: Engine API v1.55, definitions ImageSummary, ImageInspect, ImageHistoryResponseItem,
ImageManifestSummary; the shapes of Docker 29 with its containerd image store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api.timestamps import format_rfc3339_nano, parse_rfc3339
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.image import Image, Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = [
    "created_ns",
    "descriptor_view",
    "history_view",
    "inspect_view",
    "manifest_summaries",
    "summary_view",
]


def created_ns(text: str) -> int:
    """Return nanoseconds since the epoch of a config's `created`, 0 when absent or malformed."""
    if not text:
        return 0
    try:
        return parse_rfc3339(text)
    except InvalidArgument:
        return 0


def descriptor_view(descriptor: Descriptor) -> dict[str, Any]:
    """Return the OCIDescriptor object."""
    builtins: dict[str, Any] = msgspec.to_builtins(descriptor, enc_hook=str)
    return builtins


def summary_view(image: Image, *, containers: int, shared_size: int) -> dict[str, Any]:
    """Return the ImageSummary object."""
    return {
        "Containers": containers,
        "Created": created_ns(image.created) // 1_000_000_000,
        "Id": str(image.id),
        "Labels": image.config.execution.labels or None,
        "ParentId": "",
        "Descriptor": descriptor_view(image.target),
        "RepoDigests": list(image.repo_digests),
        "RepoTags": list(image.repo_tags),
        "SharedSize": shared_size,
        "Size": image.size,
    }


def inspect_view(image: Image, *, tagged_ns: int) -> dict[str, Any]:
    """Return the ImageInspect object; what is empty and optional is left out."""
    config = image.config
    comments = [entry.comment for entry in config.history or () if entry.comment]
    view: dict[str, Any] = {
        "Id": str(image.id),
        "RepoTags": list(image.repo_tags),
        "RepoDigests": list(image.repo_digests),
        "Comment": comments[-1] if comments else "",
        "Created": image.created,
        "Author": config.author or "",
        "Config": _config_view(image),
        "Architecture": config.architecture,
        "Variant": config.variant or "",
        "Os": config.os,
        "OsVersion": config.os_version or "",
        "Size": image.size,
        "RootFS": {"Type": "layers", "Layers": [str(diff_id) for diff_id in config.diff_ids]},
        "Metadata": {"LastTagTime": format_rfc3339_nano(tagged_ns)} if tagged_ns else {},
        "Descriptor": descriptor_view(image.target),
    }
    for key in ("Comment", "Created", "Author", "Variant", "OsVersion"):
        if not view[key]:
            del view[key]
    if not view["RootFS"]["Layers"]:
        del view["RootFS"]["Layers"]
    return view


def _config_view(image: Image) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.to_builtins(image.config.execution)
    for key in ("ExposedPorts", "Volumes"):
        if key in view:
            view[key] = {name: {} for name in view[key] or ()}
    return {key: value for key, value in view.items() if value not in (None, "", [], {}, False)}


def history_view(image: Image, snapshotter: Snapshotter) -> list[dict[str, Any]]:
    """Return the ImageHistoryResponseItem objects, newest first."""
    layers = iter(image.chain_ids)
    items: list[dict[str, Any]] = []
    for entry in image.config.history or ():
        size = 0
        if not entry.empty_layer and (chain_id := next(layers, None)) is not None:
            info = snapshotter.layer(chain_id)
            size = info.size_bytes if info is not None else 0
        items.append(
            {
                "Comment": entry.comment or "",
                "Created": created_ns(entry.created or "") // 1_000_000_000,
                "CreatedBy": entry.created_by or "",
                "Id": "<missing>",
                "Size": size,
                "Tags": None,
            }
        )
    items.reverse()
    if items:
        items[0]["Id"] = str(image.id)
        items[0]["Tags"] = list(image.repo_tags) or None
    return items


def manifest_summaries(
    variants: Sequence[Variant],
    content: ContentStore,
    unpacked_size: Callable[[Variant], int],
) -> list[dict[str, Any]]:
    """Return the ImageManifestSummary objects of the variants that are here."""
    result = []
    for variant in variants:
        blobs = [variant.descriptor, variant.manifest.config, *variant.manifest.layers]
        sizes = [content.size(blob.digest) for blob in blobs]
        content_size = sum(size or 0 for size in sizes)
        unpacked = unpacked_size(variant)
        result.append(
            {
                "ID": str(variant.descriptor.digest),
                "Descriptor": descriptor_view(variant.descriptor),
                "Available": None not in sizes,
                "Size": {"Content": content_size, "Total": content_size + unpacked},
                "Kind": "image",
                "ImageData": {
                    "Platform": msgspec.to_builtins(variant.platform),
                    "Containers": [],
                    "Size": {"Unpacked": unpacked},
                },
            }
        )
    return result
