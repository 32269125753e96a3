"""What images take of the disk: alone, together, and shared with each other.

An image takes its blobs (compressed, as they came) and its unpacked layers. Both are kept once for
all images that have them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog
    from baleen.oci.digest import Digest

__all__ = ["freed_bytes", "image_bytes", "shared_bytes"]


def shared_bytes(
    catalog: Catalog, content: ContentStore, layers: Mapping[Digest, int]
) -> dict[Digest, int]:
    """Return for each image the bytes that would stay if it were removed, as others have them.

    `layers`: bytes of each unpacked layer.
    """
    everything = [entry.facts for entry in catalog.entries()]
    blob_users = Counter(blob for facts in everything for blob in set(facts.blobs()))
    layer_users = Counter(chain for facts in everything for chain in facts.chain_ids)
    blob_sizes = {blob: content.size(blob) or 0 for blob, users in blob_users.items() if users > 1}
    return {
        facts.target.digest: sum(blob_sizes.get(blob, 0) for blob in set(facts.blobs()))
        + sum(layers.get(chain, 0) for chain in facts.chain_ids if layer_users[chain] > 1)
        for facts in everything
    }


def image_bytes(catalog: Catalog, content: ContentStore, image_ids: Collection[str]) -> int:
    """Return the bytes that those images take together."""
    with catalog.lock:
        targets = [t for digest, t in catalog.names.targets().items() if digest in image_ids]
    layers = catalog.layer_sizes()
    found = [catalog.facts(target) for target in targets]
    blobs = {blob for facts in found for blob in facts.blobs()}
    chains = {chain for facts in found for chain in facts.chain_ids}
    return sum(content.size(blob) or 0 for blob in blobs) + sum(
        layers.get(chain, 0) for chain in chains
    )


def freed_bytes(catalog: Catalog, content: ContentStore, image_ids: Collection[str]) -> int:
    """Return the bytes that removing those images together would free."""
    with catalog.lock:
        everything = set(catalog.names.targets())
    kept = {digest for digest in everything if digest not in image_ids}
    return image_bytes(catalog, content, everything) - image_bytes(catalog, content, kept)
