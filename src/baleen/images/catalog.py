"""Looking images up: by name, digest, id and id prefix, and the manifest for a platform.

Documents are read once and kept: an image never changes.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING

from baleen.errors import BaleenError, InvalidArgument, NotFound
from baleen.images.image import Image, Variant, read_variants
from baleen.oci.reference import Reference, is_identifier, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.names import Name, NameTable
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["Catalog"]

log = logging.getLogger(__name__)

_ID_PREFIX = re.compile(r"(?:sha256:)?([a-f0-9]{4,64})")


class Catalog:
    """The names and the documents of all images.

    Attributes:
        names: the table of names; change it only with `lock` held.
        lock: guards the names; re-entrant.
        platform: what this host runs.
    """

    def __init__(
        self,
        names: NameTable,
        content: ContentStore,
        snapshotter: Snapshotter,
        platform: Platform,
    ) -> None:
        self.names = names
        self.lock = threading.RLock()
        self.platform = platform
        self._content = content
        self._snapshotter = snapshotter
        self._variants: dict[Digest, list[Variant]] = {}

    def find(self, ref: str) -> tuple[Descriptor, Name | None]:
        """Return the target that `ref` means, and the row if `ref` is a name with a tag.

        A name wins over an id prefix.

        Raises:
            NotFound: `No such image: x:latest`, or an ambiguous prefix.
            InvalidArgument: `invalid reference format`.
        """
        with self.lock:
            match = _ID_PREFIX.fullmatch(ref)
            if match is not None and (ref.startswith("sha256:") or is_identifier(ref)):
                return self._by_prefix(ref, match[1]), None
            reference = parse_reference(ref)
            if reference.digest is not None:
                for name in self.names.of(reference.digest):
                    if name.reference is not None and name.reference.name == reference.name:
                        return name.target, None
                raise NotFound(f"No such image: {reference.familiar}")
            tagged = reference.with_default_tag()
            found = self.names.get(tagged)
            if found is not None:
                return found.target, found
            if match is not None:
                return self._by_prefix(tagged.familiar, match[1]), None
            raise NotFound(f"No such image: {tagged.familiar}")

    def _by_prefix(self, shown: str, prefix: str) -> Descriptor:
        targets = self.names.targets()
        found = [digest for digest in targets if digest.encoded.startswith(prefix)]
        if not found:
            raise NotFound(f"No such image: {shown}")
        if len(found) > 1:
            raise NotFound(f"ambiguous reference: {len(found)} images begin with {prefix}")
        return targets[found[0]]

    def find_all(self, ref: str) -> list[tuple[Descriptor, Reference | None]]:
        """Return what `ref` means to `save`: a name without a tag stands for all its tags."""
        with self.lock:
            if _ID_PREFIX.fullmatch(ref) is None:
                reference = parse_reference(ref)
                if reference.tag is None and reference.digest is None:
                    rows: list[tuple[Descriptor, Reference | None]] = [
                        (row.target, row.reference)
                        for row in self.names
                        if row.reference is not None and row.reference.name == reference.name
                    ]
                    if rows:
                        return rows
            target, name = self.find(ref)
            return [(target, name.reference if name is not None else None)]

    def image(self, target: Descriptor, platform: Platform | None, *, asked: str) -> Image:
        """Return the image of a target; without `platform`, the one that runs here or the first.

        Raises:
            NotFound: the platform is not offered.
            DataLoss: a document is missing or damaged (named).
        """
        variants = self.variants(target)
        chosen = self._choose(variants, platform)
        if chosen is None:
            raise NotFound(
                f"image with reference {asked} was found but does not provide "
                f"the specified platform ({platform})"
            )
        with self.lock:
            names = [name.reference for name in self.names.of(target.digest)]
        references = [reference for reference in names if reference is not None]
        return Image(
            id=target.digest,
            target=target,
            manifest_descriptor=chosen.descriptor,
            manifest=chosen.manifest,
            config=chosen.config,
            chain_ids=chosen.chain_ids,
            repo_tags=tuple(sorted(reference.familiar for reference in references)),
            repo_digests=tuple(
                sorted({f"{reference.familiar_name}@{target.digest}" for reference in references})
            ),
            size=sum(self._size(variant) for variant in variants),
            created=chosen.config.created or "",
        )

    def images(self) -> Iterator[Image]:
        """Return every image that can be read; a damaged one is left out and logged."""
        with self.lock:
            targets = list(self.names.targets().values())
        for target in targets:
            try:
                yield self.image(target, None, asked=str(target.digest))
            except BaleenError as err:
                log.warning("image left out of the list: %s", err)

    def variants(self, target: Descriptor) -> list[Variant]:
        """Return the manifests of a target that are here (DataLoss: none is)."""
        known = self._variants.get(target.digest)
        if known is None:
            known = read_variants(self._content, target)
            # What has no name yet may turn out to be no image after all.
            if self.names.of(target.digest):
                self._variants[target.digest] = known
        return known

    def runnable(self, target: Descriptor) -> list[Variant]:
        """Return the variants to unpack: those that run here, or the first one."""
        variants = self.variants(target)
        return [v for v in variants if self.platform.runs(v.platform)] or variants[:1]

    def forget(self, image_id: Digest) -> None:
        """Read the documents anew at the next use."""
        self._variants.pop(image_id, None)

    def _choose(self, variants: Sequence[Variant], platform: Platform | None) -> Variant | None:
        wanted = platform or self.platform
        for variant in variants:
            if wanted.runs(variant.platform):
                return variant
        return variants[0] if platform is None else None

    def _size(self, variant: Variant) -> int:
        blobs = [variant.descriptor, variant.manifest.config, *variant.manifest.layers]
        return sum(blob.size for blob in blobs) + self.unpacked_size(variant.chain_ids)

    def unpacked_size(self, chain_ids: Sequence[Digest]) -> int:
        """Return the bytes of those layers that are unpacked."""
        layers = [self._snapshotter.layer(chain_id) for chain_id in chain_ids]
        return sum(info.size_bytes for info in layers if info is not None)

    def new_name(self, repo: str, tag: str) -> Reference:
        """Parse a name that is to be given to an image; tag `latest` when empty.

        Raises:
            InvalidArgument: malformed, or with a digest.
        """
        reference = parse_reference(repo)
        if reference.digest is not None:
            raise InvalidArgument("refusing to create a tag with a digest reference")
        return reference.with_tag(tag) if tag else reference.with_default_tag()
