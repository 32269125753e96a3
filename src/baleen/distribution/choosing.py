"""Which manifests of an index a pull takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.distribution.documents import is_document
from baleen.errors import NotFound

if TYPE_CHECKING:
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.manifest import Index
    from baleen.oci.platform import Platform

__all__ = ["choose"]

_ATTESTATION = "vnd.docker.reference.type"


def choose(index: Index, platform: Platform) -> Descriptor:
    """Return the entry of an index for a platform: the very one, else the first that runs there.

    An entry without a platform is taken where no other is for it.

    Raises:
        NotFound: `no matching manifest for linux/arm64 in the manifest list entries`.
    """
    entries = [
        entry
        for entry in index.manifests
        if is_document(entry.media_type) and not entry.annotation(_ATTESTATION)
    ]
    wanted = platform.normalised()
    for entry in entries:
        if entry.platform is not None and _same(entry.platform.normalised(), wanted):
            return entry
    for entry in entries:
        if entry.platform is not None and platform.runs(entry.platform):
            return entry
    for entry in entries:
        if entry.platform is None:
            return entry
    raise NotFound(f"no matching manifest for {platform} in the manifest list entries")


def _same(offered: Platform, wanted: Platform) -> bool:
    return (offered.os, offered.architecture, offered.variant) == (
        wanted.os,
        wanted.architecture,
        wanted.variant,
    )
