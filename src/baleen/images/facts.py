"""What lists, pruning and garbage collection need of an image, in two kilobytes of memory.

The documents themselves (manifest, config, history) are ten times that; they are read when one
image is looked at. An image never changes, but more of it may arrive: other platforms of an index
whose manifests or layers were not fetched. So facts that miss something hold only as long as no
blob is added to the content store.

See: Engine API, definition ImageManifestSummary; BuildKit's attestation-storage.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.api.timestamps import parse_rfc3339
from baleen.errors import BaleenError, InvalidArgument
from baleen.images.image import is_attestation, read_variant, walk_manifests
from baleen.oci.manifest import MANIFEST_LIMIT, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from baleen.content.store import ContentStore
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.manifest import Manifest
    from baleen.oci.platform import Platform

__all__ = [
    "ATTESTATION",
    "IMAGE",
    "UNKNOWN",
    "Facts",
    "ManifestFacts",
    "created_ns",
    "read_facts",
]

ATTESTATION = "attestation"
IMAGE = "image"
UNKNOWN = "unknown"
_REFERENCE_DIGEST = "vnd.docker.reference.digest"


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """One manifest of a target, here or not.

    Attributes:
        descriptor: as its index has it.
        kind: `image`, `attestation` or `unknown`.
        attested: digest of the manifest that an attestation is about, or "".
        platform: what the index or the config says; None when neither is here.
        blobs: config and layers; empty when the manifest is not here.
        chain_ids: of an image whose config is here, bottom first.
        content_bytes: what is here of manifest, config and layers.
        is_readable: manifest and config of an image are here and well-formed.
        is_available: and so are all blobs.
    """

    descriptor: Descriptor
    kind: str
    attested: str
    platform: Platform | None
    blobs: tuple[Digest, ...]
    chain_ids: tuple[Digest, ...]
    content_bytes: int
    is_readable: bool
    is_available: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """One target.

    Attributes:
        target: manifest or index.
        manifests: those that it leads to, in its order.
        others: what is on the way to them: indexes, and children that are no manifests.
        chosen: number of the manifest that stands for the image in lists, -1: none is readable.
        created_ns: of the chosen one, nanoseconds since the epoch; 0 when it does not say.
        labels: of the chosen one.
        content_bytes: what the content store holds of it, each blob counted once.
        problem: why nothing is readable, or "".
        generation: of the content store when something was missing; -1 when nothing was.
    """

    target: Descriptor
    manifests: tuple[ManifestFacts, ...]
    others: tuple[Digest, ...]
    chosen: int
    created_ns: int
    labels: Mapping[str, str] | None
    content_bytes: int
    problem: str
    generation: int

    @property
    def chain_ids(self) -> set[Digest]:
        """The layers of every platform that is here."""
        return {chain_id for manifest in self.manifests for chain_id in manifest.chain_ids}

    def blobs(self) -> Iterator[Digest]:
        """Return every blob that the target leads to, itself included."""
        yield self.target.digest
        yield from self.others
        for manifest in self.manifests:
            yield manifest.descriptor.digest
            yield from manifest.blobs


def created_ns(text: str) -> int:
    """Return nanoseconds since the epoch of a config's `created`, 0 when absent or malformed."""
    if not text:
        return 0
    try:
        return parse_rfc3339(text)
    except InvalidArgument:
        return 0


def read_facts(
    content: ContentStore,
    target: Descriptor,
    runs: Callable[[Platform], bool],
    same: Callable[[Digest], Digest],
) -> Facts:
    """Read what is here of a target; never fails on content.

    Args:
        content: where.
        target: what.
        runs: says whether this host runs a platform: that manifest is chosen before the first.
        same: gives one object for equal digests, for the memory's sake.
    """
    generation = content.generation
    others: list[Digest] = []
    problems: list[str] = []
    variants: list[tuple[int, Variant]] = []
    sizes: dict[Digest, int | None] = {}
    manifests: list[ManifestFacts] = []
    try:
        for descriptor, _ in walk_manifests(content, target, others=others):
            facts, variant = _read_manifest(content, descriptor, same, sizes, problems)
            if variant is not None:
                variants.append((len(manifests), variant))
            manifests.append(facts)
    except BaleenError as err:
        problems.append(err.message)
    chosen, execution, created = -1, None, ""
    if variants:
        fitting = [pair for pair in variants if runs(pair[1].platform)]
        chosen, variant = (fitting or variants)[0]
        execution, created = variant.config.execution, variant.config.created or ""
    sizes.update((digest, content.size(digest)) for digest in others)
    complete = chosen >= 0 and all(facts.is_available for facts in manifests)
    return Facts(
        target=target,
        manifests=tuple(manifests),
        others=tuple(same(digest) for digest in others),
        chosen=chosen,
        created_ns=created_ns(created),
        labels=execution.labels if execution is not None else None,
        content_bytes=sum(size or 0 for size in sizes.values()),
        problem="" if variants else "; ".join(problems) or "it has no image manifest",
        generation=-1 if complete else generation,
    )


def _read_manifest(
    content: ContentStore,
    descriptor: Descriptor,
    same: Callable[[Digest], Digest],
    sizes: dict[Digest, int | None],
    problems: list[str],
) -> tuple[ManifestFacts, Variant | None]:
    manifest: Manifest | None = None
    variant: Variant | None = None
    attested = descriptor.annotation(_REFERENCE_DIGEST)
    is_about = is_attestation(descriptor)
    try:
        raw = content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        manifest = parse_manifest(raw, descriptor.media_type)
        if not is_about:
            variant = read_variant(content, descriptor, manifest)
    except BaleenError as err:
        problems.append(err.message)
    blobs = () if manifest is None else (manifest.config.digest, *_layers(manifest))
    mine = {digest: content.size(digest) for digest in (descriptor.digest, *blobs)}
    sizes.update(mine)
    kind = IMAGE if variant is not None or _may_be_image(descriptor, manifest) else UNKNOWN
    platform = variant.platform if variant is not None else descriptor.platform
    return ManifestFacts(
        descriptor=descriptor,
        kind=ATTESTATION if is_about else kind,
        attested=attested if is_about else "",
        platform=platform,
        blobs=tuple(same(digest) for digest in blobs),
        chain_ids=() if variant is None else tuple(same(chain) for chain in variant.chain_ids),
        content_bytes=sum(size or 0 for size in mine.values()),
        is_readable=variant is not None,
        is_available=manifest is not None and None not in mine.values(),
    ), variant


def _layers(manifest: Manifest) -> Iterator[Digest]:
    return (layer.digest for layer in manifest.layers)


def _may_be_image(descriptor: Descriptor, manifest: Manifest | None) -> bool:
    """Say whether a manifest that cannot be read is one of a platform that is not here."""
    return manifest is None and descriptor.platform is not None
