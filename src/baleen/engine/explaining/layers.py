"""The layers of the union mount, top-most first, as overlayfs looks files up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.explanation import ExplainedLayer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.images import Image
    from baleen.snapshots import Mounts
    from baleen.snapshots.snapshotter import LayerInfo

__all__ = ["explain_layers"]


def explain_layers(
    roots: Mounts | None, layers: Iterable[LayerInfo], image: Image | None
) -> list[ExplainedLayer]:
    """Return the writable directory and the image's, with what the image says about each.

    Args:
        roots: the union mount; None when nothing of it is there, then the image alone decides.
        layers: all unpacked layers.
        image: None when it has been removed since the container was made.
    """
    of_image = _of_image(image)
    by_path = {str(layer.path): layer for layer in layers}
    if roots is None:
        return [*reversed(of_image.values())]
    result = []
    if roots.upper is not None:
        result.append(ExplainedLayer(role="writable", directory=roots.upper))
    mapped = roots.user_namespace >= 0
    for directory in roots.lower:
        layer = by_path.get(directory)
        if layer is None:
            result.append(ExplainedLayer(role="base", directory=directory, mapped=mapped))
            continue
        known = of_image.get(str(layer.chain_id), ExplainedLayer(role="image"))
        result.append(
            ExplainedLayer(
                role="image",
                directory=directory,
                digest=known.digest,
                size=known.size,
                diff_id=known.diff_id,
                chain_id=str(layer.chain_id),
                unpacked_size=layer.size_bytes,
                created_by=known.created_by,
                mapped=mapped,
            )
        )
    return result


def _of_image(image: Image | None) -> dict[str, ExplainedLayer]:
    """Return what the image's documents say, by chain id, base layer first."""
    if image is None:
        return {}
    steps = [
        entry.created_by or "" for entry in image.config.history or () if not entry.empty_layer
    ]
    chains, blobs = image.chain_ids, image.manifest.layers
    if len(steps) != len(chains):
        steps = [""] * len(chains)
    return {
        str(chain): ExplainedLayer(
            role="image",
            digest=str(blob.digest),
            size=blob.size,
            diff_id=str(diff_id),
            chain_id=str(chain),
            created_by=step,
        )
        for chain, blob, diff_id, step in zip(
            chains, blobs, image.config.diff_ids, steps, strict=True
        )
    }
