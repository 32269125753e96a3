"""`baleen image tree` and `baleen image diff`: what layers do, and how two images differ.

The documents are Baleen's own; their fields are described in docs/images.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from baleen.images.file_tree import Node, apply_blob, file_nodes, path_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.file_tree import Change
    from baleen.images.image import Image
    from baleen.oci.descriptor import Descriptor

__all__ = ["diff_document", "tree_document"]

_LARGEST = 10
_KINDS = ("added", "changed", "rewritten", "removed")


def tree_document(content: ContentStore, image: Image, *, everything: bool) -> dict[str, Any]:
    """Return what each layer of an image added, changed, removed and wasted, base first.

    Of the paths only those of most bytes are listed unless `everything` is asked for.
    """
    root = Node({}, None, 0)
    layers: list[dict[str, Any]] = []
    steps = _steps(image)
    for number, descriptor in enumerate(image.manifest.layers):
        found = apply_blob(content, descriptor.digest, root)
        layers.append(
            {
                "Digest": str(descriptor.digest),
                "DiffID": str(image.config.diff_ids[number]),
                "MediaType": descriptor.media_type,
                "CompressedSize": descriptor.size,
                "Size": found.size,
                "Wasted": found.wasted,
                "CreatedBy": steps[number],
                **{kind.capitalize(): found.count(kind) for kind in _KINDS},
                "Paths": _paths(found.changes, everything=everything),
            }
        )
    size = sum(layer["Size"] for layer in layers)
    visible = root.total()
    return {
        "Version": 1,
        "Id": str(image.id),
        "Names": list(image.repo_tags),
        "Platform": str(image.config.platform),
        "CompressedSize": sum(layer["CompressedSize"] for layer in layers),
        "Size": size,
        "Wasted": sum(layer["Wasted"] for layer in layers),
        "Visible": visible,
        "Layers": layers,
    }


def _steps(image: Image) -> list[str]:
    """Return the history's step for each layer, "" where there is none."""
    steps = [e.created_by or "" for e in image.config.history or () if not e.empty_layer]
    count = len(image.manifest.layers)
    return (steps + [""] * count)[:count]


def _paths(changes: Sequence[Change], *, everything: bool) -> list[dict[str, Any]]:
    if everything:
        chosen = sorted(changes, key=lambda change: change.path)
    else:
        heaviest = sorted(changes, key=lambda change: (-(change.size + change.hidden), change.path))
        chosen = heaviest[:_LARGEST]
    return [{"Path": c.path, "Kind": c.kind, "Size": c.size, "Hidden": c.hidden} for c in chosen]


def diff_document(content: ContentStore, one: Image, other: Image) -> dict[str, Any]:
    """Return how `other` differs from `one`: layers, files, and what the configs say."""
    common = 0
    for ours, theirs in zip(one.config.diff_ids, other.config.diff_ids, strict=False):
        if ours != theirs:
            break
        common += 1
    base = Node({}, None, 0)
    for descriptor in one.manifest.layers[:common]:
        apply_blob(content, descriptor.digest, base)
    before, after = base, base.copy()
    for descriptor in one.manifest.layers[common:]:
        apply_blob(content, descriptor.digest, before)
    for descriptor in other.manifest.layers[common:]:
        apply_blob(content, descriptor.digest, after)
    paths = list(_differences(before, after))
    return {
        "Version": 1,
        "From": _side(one, common),
        "To": _side(other, common),
        "CommonLayers": common,
        "Added": sum(path["Kind"] == "added" for path in paths),
        "Changed": sum(path["Kind"] == "changed" for path in paths),
        "Removed": sum(path["Kind"] == "removed" for path in paths),
        "SizeChange": after.total() - before.total(),
        "Paths": paths,
        "Config": _config_differences(one, other),
    }


def _side(image: Image, common: int) -> dict[str, Any]:
    def layer(descriptor: Descriptor) -> dict[str, Any]:
        return {"Digest": str(descriptor.digest), "CompressedSize": descriptor.size}

    return {
        "Id": str(image.id),
        "Names": list(image.repo_tags),
        "Platform": str(image.config.platform),
        "OwnLayers": [layer(descriptor) for descriptor in image.manifest.layers[common:]],
    }


def _differences(before: Node, after: Node) -> Iterator[dict[str, Any]]:
    """Return the paths that are in one tree only, or not the same in both; sorted."""
    old, new = dict(file_nodes(before)), dict(file_nodes(after))
    for path in sorted(old.keys() | new.keys()):
        ours, theirs = old.get(path), new.get(path)
        if ours is None or theirs is None:
            kind = "added" if ours is None else "removed"
        elif ours.facts != theirs.facts and None not in (ours.facts, theirs.facts):
            kind = "changed"
        else:
            continue
        yield {
            "Path": path_text(path),
            "Kind": kind,
            "SizeBefore": ours.size if ours is not None else 0,
            "SizeAfter": theirs.size if theirs is not None else 0,
        }


def _config_differences(one: Image, other: Image) -> list[dict[str, Any]]:
    ours = msgspec.to_builtins(one.config.execution)
    theirs = msgspec.to_builtins(other.config.execution)
    ours["Platform"], theirs["Platform"] = str(one.config.platform), str(other.config.platform)
    return [
        {"Field": name, "Before": ours.get(name), "After": theirs.get(name)}
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
