"""Looking images up: by name, digest, id and id prefix, and the manifest for a platform.

The facts of all images are kept, and the documents of those that were used last: an image never
changes, though more of its platforms may arrive.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from baleen.errors import InvalidArgument, NotFound
from baleen.images.facts import read_facts
from baleen.images.image import Image, Variant, read_variants
from baleen.oci.reference import Reference, is_identifier, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.facts import Facts
    from baleen.images.names import Name, NameTable
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["Catalog", "Entry"]

log = logging.getLogger(__name__)

_ID_PREFIX = re.compile(r"(?:sha256:)?([a-f0-9]{4,64})")
# Images whose documents are kept, some twenty kilobytes each.
_DOCUMENTS = 64


class Entry(NamedTuple):
    """One image as lists know it: what it is, and its names (familiar, sorted)."""

    facts: Facts
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]


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
        self._variants: OrderedDict[Digest, list[Variant]] = OrderedDict()
        self._facts: dict[Digest, Facts] = {}
        self._digests: dict[Digest, Digest] = {}
        self._waiting_lock = threading.Lock()
        self._waiting: dict[Digest, frozenset[Digest]] = {}
        content.on_added = self._arrived

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
                exact = self.names.get(reference)
                if exact is not None:
                    return exact.target, exact
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
            repo_tags, repo_digests = self.names.shown(target.digest)
        return Image(
            id=target.digest,
            target=target,
            manifest_descriptor=chosen.descriptor,
            manifest=chosen.manifest,
            config=chosen.config,
            chain_ids=chosen.chain_ids,
            repo_tags=repo_tags,
            repo_digests=repo_digests,
            size=self.size(self.facts(target), None),
            created=chosen.config.created or "",
        )

    def entries(self) -> list[Entry]:
        """Return every image that can be read; a damaged one is left out and logged."""
        with self.lock:
            found = [
                (target, *self.names.shown(digest))
                for digest, target in self.names.targets().items()
            ]
        entries = []
        for target, repo_tags, repo_digests in found:
            facts = self.facts(target)
            if facts.chosen < 0:
                log.warning(
                    "image left out of the list: image %s can not be used: %s",
                    target.digest,
                    facts.problem,
                )
            else:
                entries.append(Entry(facts, repo_tags, repo_digests))
        return entries

    def facts(self, target: Descriptor) -> Facts:
        """Return what is known of a target, damaged or not."""
        known = self._facts.get(target.digest)
        if known is None:
            generation = self._content.generation
            known = read_facts(self._content, target, self.platform.runs, self._same)
            # What has no name yet may turn out to be no image after all.
            if self.names.has(target.digest):
                self._facts[target.digest] = known
                with self._waiting_lock:
                    for digest in known.missing:
                        others = self._waiting.get(digest, frozenset())
                        self._waiting[digest] = others | {target.digest}
                if known.missing and generation != self._content.generation:
                    self._facts.pop(target.digest, None)  # it may have come while we looked
        return known

    def _arrived(self, digest: Digest) -> None:
        """Forget the facts of images that missed a blob.

        Called with the content store's lock held: takes no lock under which that one is taken.
        """
        with self._waiting_lock:
            waiting = self._waiting.pop(digest, frozenset())
        for image_id in waiting:
            self._facts.pop(image_id, None)
            self._variants.pop(image_id, None)

    def _same(self, digest: Digest) -> Digest:
        return self._digests.setdefault(digest, digest)

    def variants(self, target: Descriptor) -> list[Variant]:
        """Return the manifests of a target that are here (DataLoss: none is)."""
        facts = self.facts(target)
        with self.lock:
            known = self._variants.get(target.digest)
            if known is not None and len(known) == sum(m.is_readable for m in facts.manifests):
                self._variants.move_to_end(target.digest)
                return known
        known = read_variants(self._content, target)
        with self.lock:
            if self.names.has(target.digest):
                self._variants[target.digest] = known
                if len(self._variants) > _DOCUMENTS:
                    self._variants.popitem(last=False)
        return known

    def runnable(self, target: Descriptor) -> list[Variant]:
        """Return the variants to unpack: those that run here, or the first one."""
        variants = self.variants(target)
        return [v for v in variants if self.platform.runs(v.platform)] or variants[:1]

    def forget(self, image_id: Digest) -> None:
        """Read the documents anew at the next use."""
        with self.lock:
            self._variants.pop(image_id, None)
            self._facts.pop(image_id, None)
            self._digests.clear()  # equal digests of other images stay shared among themselves

    def _choose(self, variants: Sequence[Variant], platform: Platform | None) -> Variant | None:
        wanted = platform or self.platform
        for variant in variants:
            if wanted.runs(variant.platform):
                return variant
        return variants[0] if platform is None else None

    def size(self, facts: Facts, layers: Mapping[Digest, int] | None) -> int:
        """Return the bytes of an image: its blobs that are here, and its layers.

        `layers`: what `layer_sizes` gave, for a caller who asks for many images.
        """
        chain_ids = facts.chain_ids
        if layers is None:
            return facts.content_bytes + self.unpacked_size(chain_ids)
        return facts.content_bytes + sum(layers.get(chain_id, 0) for chain_id in chain_ids)

    def layer_sizes(self) -> dict[Digest, int]:
        """Return the bytes of every unpacked layer."""
        return {info.chain_id: info.size_bytes for info in self._snapshotter.layers()}

    def unpacked_size(self, chain_ids: Iterable[Digest]) -> int:
        """Return the bytes of those layers that are unpacked."""
        layers = [self._snapshotter.layer(chain_id) for chain_id in chain_ids]
        return sum(info.size_bytes for info in layers if info is not None)

    def new_name(self, repo: str, tag: str) -> Reference:
        """Parse a name that is to be given to an image; tag `latest` when empty.

        Raises:
            InvalidArgument: malformed, with a digest, or `sha256:x`, which reads as one.
        """
        reference = parse_reference(repo)
        if reference.familiar_name == "sha256":
            raise InvalidArgument(
                "refusing to create an ambiguous tag using digest algorithm as name"
            )
        if reference.digest is not None:
            raise InvalidArgument("refusing to create a tag with a digest reference")
        return reference.with_tag(tag) if tag else reference.with_default_tag()
