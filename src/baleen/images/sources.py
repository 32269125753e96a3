"""Where else a registry has a blob, as the names of images tell: a push then need not send it.

An image that is called `HOST/a/b:1` here was pulled from there or is about to be pushed there, so
its layers are likely in that repository. A registry that has them mounts them; one that does not
takes the upload instead, so a wrong guess costs nothing.

See: OCI distribution-spec, "Mounting a blob from another repository".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.errors import BaleenError

if TYPE_CHECKING:
    from baleen.images.catalog import Catalog
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.reference import Reference

__all__ = ["repositories_with"]

# Each is tried with one request.
_MOST = 3


def repositories_with(catalog: Catalog, blob: Digest, reference: Reference) -> list[str]:
    """Return repositories of the reference's registry, other than its own, that may have a blob."""
    with catalog.lock:
        rows = [
            row
            for row in catalog.names
            if row.reference is not None
            and row.reference.domain == reference.domain
            and row.reference.path != reference.path
        ]
    found: dict[str, None] = {}
    for row in sorted(rows, key=lambda row: -row.tagged_ns):
        assert row.reference is not None
        if row.reference.path not in found and _holds(catalog, row.target, blob):
            found[row.reference.path] = None
            if len(found) == _MOST:
                break
    return list(found)


def _holds(catalog: Catalog, target: Descriptor, blob: Digest) -> bool:
    try:
        variants = catalog.variants(target)
    except BaleenError:
        return False
    return any(
        blob == part.digest
        for variant in variants
        for part in (variant.manifest.config, *variant.manifest.layers)
    )
