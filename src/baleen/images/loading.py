"""`docker load`: archives of `docker save` (manifest.json) and OCI layouts (index.json).

The archive is read once, as it comes: every file goes into the content store under a lease, small
documents stay in memory. What turns out not to belong to an image is collected afterwards. Nothing
in the archive is believed: blobs are verified against their names, layers against their diff ids
when unpacked.

What looks like a layer is unpacked while it is stored: which image it belongs to, and what lies
below it, stands only at the end of the archive. If it was no layer after all, that was in vain.

See: Docker image-spec v1.2, "Combined Image JSON + Filesystem Changeset Format";
OCI image-spec image-layout.md.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec

from baleen.archive.compression import decompress, detect
from baleen.archive.entry import EntryType
from baleen.archive.names import clean, shown
from baleen.archive.reader import TarReader
from baleen.errors import BaleenError, DataLoss, InvalidArgument
from baleen.images.feeding import LayerFeed
from baleen.images.image import read_variants
from baleen.images.unpack import gathered
from baleen.oci.descriptor import Descriptor, decode_document, encode_document
from baleen.oci.digest import Digest
from baleen.oci.image import CONFIG_LIMIT, parse_image_config
from baleen.oci.manifest import MANIFEST_LIMIT, Manifest, parse_index
from baleen.oci.media_types import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
)
from baleen.oci.reference import Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.archive.entry import Entry
    from baleen.content.store import ContentStore, Ingest, Lease
    from baleen.images.unpack import LoneLayer
    from baleen.images.unpacking import Unpacking
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["LoadedArchive", "LoneLayers", "load_archive"]

_DOCUMENTS = frozenset({"index.json", "manifest.json", "oci-layout", "repositories"})
_LAYER_BYTES = 2048
_FILE_LIMIT = 100_000
_IMAGE_LIMIT = 1_000
_LAYER_TYPES = {"": OCI_LAYER, "gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}
_NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")

Loaded = list[tuple[Descriptor, list[Reference]]]


class _DockerImage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    config: str
    repo_tags: list[str] | None = None
    layers: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    digest: Digest
    size: int
    compression: str


@contextmanager
def load_archive(
    content: ContentStore, snapshotter: Snapshotter, lease: Lease, chunks: Iterable[bytes]
) -> Iterator[LoadedArchive]:
    """Put the archive's blobs into the store; give its images with their names.

    Layers that nobody took by the end of the block are discarded.

    Raises:
        InvalidArgument: no image archive, or malformed (says where).
        DataLoss: a blob does not have the digest of its name.
    """
    with LoneLayers(snapshotter) as lone:
        contents = _Contents(content, lease, lone)
        reader = TarReader(decompress(chunks))
        for entry in reader:
            contents.add(entry, reader)
        reader.drain()
        if "index.json" in contents.documents:
            images = contents.oci_images()
        elif "manifest.json" in contents.documents:
            images = contents.docker_images()
        else:
            raise InvalidArgument("archive holds no image: neither manifest.json nor index.json")
        for target, _ in images:
            read_variants(content, target)
        yield LoadedArchive(images, lone)


@dataclass(frozen=True, slots=True)
class LoadedArchive:
    """The images of an archive, and the layers of it that are unpacked already."""

    images: Loaded
    lone: LoneLayers

    def hand_over(self, unpacking: Unpacking) -> list[Descriptor]:
        """Give an image those of its layers that were unpacked on the way; return them."""
        given = []
        for index in unpacking.missing:
            layer = self.lone.take(unpacking.layers[index].digest)
            if layer is not None:
                # One that is not what its image says is told so when it is unpacked again.
                with suppress(DataLoss):
                    unpacking.adopt(index, layer)
                    given.append(unpacking.layers[index])
        return given


class LoneLayers:
    """Layers unpacked while they are stored, by the digest of the blob."""

    def __init__(self, snapshotter: Snapshotter) -> None:
        self._snapshotter = snapshotter
        self._layers: dict[Digest, LoneLayer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        while self._layers:
            self._layers.popitem()[1].draft.discard()

    def take(self, digest: Digest) -> LoneLayer | None:
        """Return the layer of the blob, which is the caller's then."""
        return self._layers.pop(digest, None)

    def store(self, pieces: Iterable[bytes], ingest: Ingest) -> Digest:
        """Write a blob; unpack it as well if it looks like a layer."""
        source = iter(pieces)
        first = next(source, b"")
        if not (self._snapshotter.independent and _is_layer(first)):
            ingest.write(first)
            for piece in source:
                ingest.write(piece)
            return ingest.commit()
        # Of what is not compressed, the digest is the diff id.
        algorithm = "sha256" if detect(first) else ""
        with LayerFeed(self._snapshotter, algorithm=algorithm) as feed:
            failed = False
            for piece in itertools.chain((first,), source):
                try:
                    if not failed:
                        feed.write(piece)
                except BaleenError:
                    # Whoever says that it is a layer will hear the reason.
                    failed = True
                ingest.write(piece)
            digest = ingest.commit()
            with suppress(BaleenError):
                layer = feed.finish()
                if layer is not None and layer.diff_id is None:
                    layer.diff_id = digest
                if layer is not None and self._layers.setdefault(digest, layer) is not layer:
                    layer.draft.discard()
        return digest


def _is_layer(head: bytes) -> bool:
    """Whether a blob that begins with `head` may be a layer of more than some kilobytes."""
    return len(head) >= _LAYER_BYTES and (
        detect(head) in ("gzip", "zstd") or head[257:262] == b"ustar"
    )


class _Contents:
    """What was in the archive, by cleaned path."""

    def __init__(self, content: ContentStore, lease: Lease, lone: LoneLayers) -> None:
        self._content = content
        self._lone = lone
        self._lease = lease
        self.documents: dict[str, bytes] = {}
        self._files: dict[str, _File] = {}
        self._links: dict[str, str] = {}

    def add(self, entry: Entry, reader: TarReader) -> None:
        """Take one entry; directories say nothing here."""
        if entry.type is EntryType.DIRECTORY:
            return
        parts = clean(entry.name)
        path = _text(b"/".join(parts))
        if entry.type in (EntryType.SYMLINK, EntryType.HARDLINK):
            # Old `docker save` links equal layers to each other.
            base = b"" if entry.type is EntryType.HARDLINK else b"/".join(parts[:-1])
            self._links[path] = _text(b"/".join(clean(base + b"/" + entry.linkname)))
            return
        if entry.type is not EntryType.FILE or entry.segments is not None:
            raise InvalidArgument(f"image archive holds a special file {shown(entry.name)}")
        if path in _DOCUMENTS:
            self.documents[path] = reader.read(MANIFEST_LIMIT)
            return
        if len(self._files) >= _FILE_LIMIT:
            raise InvalidArgument(f"image archive has more than {_FILE_LIMIT} files")
        self._files[path] = self._ingest(parts, entry, reader)

    def _ingest(self, parts: tuple[bytes, ...], entry: Entry, reader: TarReader) -> _File:
        expected = None
        if len(parts) == 3 and parts[0] == b"blobs":
            try:
                expected = Digest(f"{_text(parts[1])}:{_text(parts[2])}")
            except InvalidArgument as err:
                raise InvalidArgument(f"bad blob name {shown(entry.name)}: {err.message}") from err
        head = b""
        if expected is not None and self._content.adopt(expected, self._lease):
            with self._content.open(expected) as blob:
                head = blob.read(6)
            if self._content.size(expected) == entry.size:
                return _File(expected, entry.size, detect(head))
        with self._content.ingest(self._lease, expected=expected) as ingest:
            pieces = gathered(reader.data())
            head = next(pieces, b"")
            digest = self._lone.store(itertools.chain((head,), pieces), ingest)
            return _File(digest, entry.size, detect(head))

    def _file(self, path: str, what: str) -> _File:
        clean_path = _text(b"/".join(clean(path.encode())))
        for _ in range(8):
            found = self._files.get(clean_path)
            if found is not None:
                return found
            if clean_path not in self._links:
                break
            clean_path = self._links[clean_path]
        raise InvalidArgument(f'image archive has no {what} "{path}"')

    # -- OCI layout

    def oci_images(self) -> Loaded:
        """Return the images that index.json names."""
        index = parse_index(self.documents["index.json"], OCI_INDEX)
        images: dict[Digest, tuple[Descriptor, list[Reference]]] = {}
        for descriptor in index.manifests:
            if descriptor.media_type not in INDEX_TYPES | MANIFEST_TYPES:
                continue
            if self._content.size(descriptor.digest) != descriptor.size:
                raise InvalidArgument(
                    f"image archive lacks the manifest {descriptor.digest}, or its size is wrong"
                )
            target = msgspec.structs.replace(descriptor, annotations=None, data=None)
            _, references = images.setdefault(descriptor.digest, (target, []))
            reference = _annotated_name(descriptor)
            if reference is not None and reference not in references:
                references.append(reference)
        return _checked_count(list(images.values()))

    # -- docker save

    def docker_images(self) -> Loaded:
        """Return the images that manifest.json names, each as an OCI manifest that we make."""
        rows = decode_document(self.documents["manifest.json"], list[_DockerImage], "manifest.json")
        return _checked_count([self._docker_image(row) for row in rows])

    def _docker_image(self, row: _DockerImage) -> tuple[Descriptor, list[Reference]]:
        references = [_tagged(tag) for tag in row.repo_tags or ()]
        config_file = self._file(row.config, "image config")
        config = parse_image_config(self._content.read(config_file.digest, limit=CONFIG_LIMIT))
        layers = [self._file(path, "layer") for path in row.layers or ()]
        if len(layers) != len(config.diff_ids):
            raise InvalidArgument(
                f"image has {len(layers)} layers in manifest.json, "
                f"but {len(config.diff_ids)} in its config"
            )
        for layer in layers:
            if layer.compression not in _LAYER_TYPES:
                raise InvalidArgument(
                    f"layer {layer.digest} is compressed by {layer.compression}, "
                    "which an image can not hold"
                )
        manifest = Manifest(
            schema_version=2,
            media_type=OCI_MANIFEST,
            config=Descriptor(
                media_type=OCI_CONFIG, digest=config_file.digest, size=config_file.size
            ),
            layers=[
                Descriptor(
                    media_type=_LAYER_TYPES[layer.compression],
                    digest=layer.digest,
                    size=layer.size,
                )
                for layer in layers
            ],
        )
        raw = encode_document(manifest)
        digest = self._content.put(raw, self._lease)
        return Descriptor(media_type=OCI_MANIFEST, digest=digest, size=len(raw)), references


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _checked_count(loaded: Loaded) -> Loaded:
    if not loaded:
        raise InvalidArgument("archive holds no image")
    if len(loaded) > _IMAGE_LIMIT:
        raise InvalidArgument(f"archive holds more than {_IMAGE_LIMIT} images")
    return loaded


def _tagged(text: str) -> Reference:
    reference = parse_reference(text)
    if reference.tag is None or reference.digest is not None:
        raise InvalidArgument(f'invalid tag "{text[:200]}" in manifest.json')
    return reference


def _annotated_name(descriptor: Descriptor) -> Reference | None:
    """Return the name in the annotations; a bare tag, as other tools write it, names nothing."""
    for key in _NAME_ANNOTATIONS:
        text = descriptor.annotation(key)
        if "/" in text or ":" in text or (text and key == _NAME_ANNOTATIONS[0]):
            try:
                reference = parse_reference(text).with_default_tag()
            except BaleenError:
                continue
            if reference.digest is None:
                return reference
    return None
