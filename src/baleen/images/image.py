"""An image: what its documents say, read from the content store.

See: OCI image-spec manifest.md, image-index.md, config.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import BaleenError, DataLoss, NotFound
from baleen.oci.image import CONFIG_LIMIT, ImageConfig, chain_ids, parse_image_config
from baleen.oci.manifest import MANIFEST_LIMIT, Manifest, parse_index, parse_manifest
from baleen.oci.media_types import INDEX_TYPES, MANIFEST_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.content.store import ContentStore
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform

__all__ = [
    "Image",
    "ImageUser",
    "Variant",
    "is_attestation",
    "reachable",
    "read_variant",
    "read_variants",
    "walk_manifests",
]

_INDEX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Image:
    """One image that can be run here: a target and the manifest chosen from it.

    Attributes:
        id: digest of the target (manifest or index); what the API calls the image's Id.
        target: descriptor of the target.
        manifest_descriptor: descriptor of the manifest for the platform (equal to `target` for a
            single-platform image); the API's ImageManifestDescriptor.
        manifest: the manifest.
        config: the parsed image config; `config.execution` holds Env, Cmd, Entrypoint, ...
        chain_ids: chain ids of the layers, bottom first; empty for an image without layers.
        repo_tags: familiar names, `busybox:latest`, sorted.
        repo_digests: `busybox@sha256:...`, sorted.
        size: bytes: blobs of the manifest plus unpacked layers.
        created: RFC 3339 text from the config, or "".
    """

    id: Digest
    target: Descriptor
    manifest_descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
    chain_ids: tuple[Digest, ...]
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    created: str

    @property
    def chain_id(self) -> Digest | None:
        """Chain id of the top layer: the parent for `Snapshotter.prepare`."""
        return self.chain_ids[-1] if self.chain_ids else None


@dataclass(frozen=True, slots=True)
class ImageUser:
    """A container that uses an image."""

    container_id: str
    running: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """One manifest of a target with its config, both present and well-formed."""

    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
    chain_ids: tuple[Digest, ...]

    @property
    def platform(self) -> Platform:
        """What the index says, or the config where there is none.

        By the index the manifest was chosen and pulled; configs that contradict it are in use
        (programs that were built for another processor under the config of their base image).
        """
        said = self.descriptor.platform
        return said if said is not None and said.architecture else self.config.platform


def read_variants(content: ContentStore, target: Descriptor) -> list[Variant]:
    """Return the images that the target offers and whose documents are here, in its order.

    Manifests of an index that were never fetched are left out, as are attestations and artifacts
    that are no images.

    Raises:
        DataLoss: the target itself, or all it leads to, is missing or damaged; named.
    """
    variants: list[Variant] = []
    first: BaleenError | None = None
    for descriptor, depth in walk_manifests(content, target):
        if depth and is_attestation(descriptor):
            continue
        try:
            variants.append(read_variant(content, descriptor))
        except BaleenError as err:
            # Of an index, other platforms may simply not be here.
            if depth == 0:
                raise _damaged(target, err) from err
            first = first or err
    if not variants:
        reason = first or NotFound("it has no image manifest")
        raise _damaged(target, reason) from reason
    return variants


def _damaged(target: Descriptor, err: BaleenError) -> DataLoss:
    return DataLoss(
        f"image {target.digest} can not be used: {err.message}",
        hint="remove the image and pull or load it again",
    )


def walk_manifests(
    content: ContentStore,
    descriptor: Descriptor,
    depth: int = 0,
    *,
    others: list[Digest] | None = None,
) -> Iterator[tuple[Descriptor, int]]:
    """Return the manifests that a target leads to, here or not, and how many indexes deep.

    What else there is on the way, indexes and children that are no manifests, is added to `others`.
    An inner index that is missing or damaged ends its branch.

    Raises:
        DataLoss: the target is an index that is missing or damaged.
    """
    if descriptor.media_type not in INDEX_TYPES:
        yield descriptor, depth
        return
    if others is not None:
        others.append(descriptor.digest)
    if depth == _INDEX_DEPTH:
        return
    try:
        index = parse_index(
            content.read(descriptor.digest, limit=MANIFEST_LIMIT), descriptor.media_type
        )
    except BaleenError as err:
        if depth == 0:
            raise _damaged(descriptor, err) from err
        return
    for child in index.manifests:
        if child.media_type in INDEX_TYPES or child.media_type in MANIFEST_TYPES:
            yield from walk_manifests(content, child, depth + 1, others=others)
        elif others is not None:
            others.append(child.digest)


def is_attestation(descriptor: Descriptor) -> bool:
    """Say whether a child of an index is BuildKit's attestation about another child.

    See: BuildKit, docs/attestations/attestation-storage.md.
    """
    return descriptor.annotation("vnd.docker.reference.type") == "attestation-manifest"


def read_variant(
    content: ContentStore, descriptor: Descriptor, manifest: Manifest | None = None
) -> Variant:
    """Return the image of one manifest, which is read unless it is given.

    Raises:
        BaleenError: manifest or config is missing, damaged or not an image's.
    """
    if manifest is None:
        raw = content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        manifest = parse_manifest(raw, descriptor.media_type)
    config = parse_image_config(content.read(manifest.config.digest, limit=CONFIG_LIMIT))
    if len(config.diff_ids) != len(manifest.layers):
        raise DataLoss(
            f"manifest {descriptor.digest} has {len(manifest.layers)} layers, "
            f"its config {len(config.diff_ids)}"
        )
    return Variant(descriptor, manifest, config, chain_ids(config.diff_ids))


def reachable(content: ContentStore, target: Descriptor) -> Iterator[Digest]:
    """Return the digest of every blob that the target leads to, itself included.

    A document that is missing or damaged ends its branch.
    """
    pending = [(target, 0)]
    seen: set[Digest] = set()
    while pending:
        descriptor, depth = pending.pop()
        if descriptor.digest in seen or depth > _INDEX_DEPTH:
            continue
        seen.add(descriptor.digest)
        yield descriptor.digest
        try:
            pending.extend((child, depth + 1) for child in _children(content, descriptor))
        except BaleenError:
            continue


def _children(content: ContentStore, descriptor: Descriptor) -> list[Descriptor]:
    if descriptor.media_type in INDEX_TYPES:
        raw = content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        return parse_index(raw, descriptor.media_type).manifests
    if descriptor.media_type in MANIFEST_TYPES:
        raw = content.read(descriptor.digest, limit=MANIFEST_LIMIT)
        manifest = parse_manifest(raw, descriptor.media_type)
        return [manifest.config, *manifest.layers]
    return []
