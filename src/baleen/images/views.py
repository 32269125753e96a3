"""What the API shows of an image: summaries, inspection, history; plain dicts in wire form.

See: Engine API v1.55, definitions ImageSummary, ImageInspect, ImageHistoryResponseItem,
ImageManifestSummary; the shapes of Docker 29 with its containerd image store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from baleen.api.timestamps import format_rfc3339_nano
from baleen.images.facts import ATTESTATION, created_ns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.images.catalog import Entry
    from baleen.images.facts import ManifestFacts
    from baleen.images.image import Image
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = [
    "descriptor_view",
    "history_view",
    "inspect_view",
    "manifest_summary",
    "summary_view",
]


def descriptor_view(descriptor: Descriptor) -> dict[str, Any]:
    """Return the OCIDescriptor object."""
    view: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if descriptor.urls or descriptor.data or descriptor.artifact_type:
        return cast("dict[str, Any]", msgspec.to_builtins(descriptor, enc_hook=str))
    if descriptor.annotations:
        view["annotations"] = descriptor.annotations
    if descriptor.platform is not None:
        view["platform"] = msgspec.to_builtins(descriptor.platform)
    return view


def summary_view(entry: Entry, *, containers: int, size: int, shared_size: int) -> dict[str, Any]:
    """Return the ImageSummary object."""
    facts = entry.facts
    return {
        "Containers": containers,
        "Created": facts.created_ns // 1_000_000_000,
        "Id": str(facts.target.digest),
        "Labels": facts.labels or None,
        "ParentId": "",
        "Descriptor": descriptor_view(facts.target),
        "RepoDigests": list(entry.repo_digests),
        "RepoTags": list(entry.repo_tags),
        "SharedSize": shared_size,
        "Size": size,
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
    layers = zip(image.chain_ids, image.manifest.layers, strict=False)
    items: list[dict[str, Any]] = []
    for entry in image.config.history or ():
        size = 0
        if not entry.empty_layer and (layer := next(layers, None)) is not None:
            chain_id, blob = layer
            info = snapshotter.layer(chain_id)
            # What nobody has unpacked yet, as after a build, is as large as its archive.
            size = info.size_bytes if info is not None else blob.size
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


def manifest_summary(
    facts: ManifestFacts, layers: Mapping[Digest, int], containers: Sequence[str]
) -> dict[str, Any]:
    """Return the ImageManifestSummary object.

    Args:
        facts: of a manifest that is here or not.
        layers: bytes of each unpacked layer.
        containers: ids of those made from it.
    """
    unpacked = sum(layers.get(chain_id, 0) for chain_id in facts.chain_ids)
    view: dict[str, Any] = {
        "ID": str(facts.descriptor.digest),
        "Descriptor": descriptor_view(facts.descriptor),
        "Available": facts.is_available,
        "Size": {"Content": facts.content_bytes, "Total": facts.content_bytes + unpacked},
        "Kind": facts.kind,
    }
    if facts.kind == "image":
        view["ImageData"] = {
            "Platform": msgspec.to_builtins(facts.platform),
            "Containers": list(containers),
            "Size": {"Unpacked": unpacked},
        }
    elif facts.kind == ATTESTATION:
        view["AttestationData"] = {"For": facts.attested}
    return view
