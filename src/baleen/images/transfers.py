"""Images from one store to another, blob by blob: what `baleen image send` is made of.

    sender: `offer` says what an image consists of      receiver: `receive` says which it lacks
    sender: `read_blob`                            ──►  receiver: `put_blob`, for each of those
                                                        `receive` again: verified, unpacked, named

Nothing has a name before all of it is there. What was put and not named yet is kept for a day, as
what a broken pull has brought: the next try sends the rest only. A blob that the receiver had, and
lost to garbage collection since it said so, is asked for again by the last step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import Conflict, DataLoss, InvalidArgument, NotFound
from baleen.images.image import reachable
from baleen.images.unpacking import unpack_missing
from baleen.oci.media_types import INDEX_TYPES, MANIFEST_TYPES
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.images.catalog import Catalog
    from baleen.images.facts import Facts
    from baleen.images.store import EventSink, ImageStore
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["Blob", "MissingBlob", "Offer", "Transfers"]

# How long a blob waits for another sender of the same one.
_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of an image; `size` in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """A blob that is not here, but for its first `received` bytes, unverified."""

    digest: Digest
    received: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to send: a target, the names to give it, and its blobs, documents first."""

    target: Descriptor
    names: list[Reference]
    blobs: list[Blob]


class Transfers:
    """Operations of one store; they block, and may be called from any thread."""

    def __init__(
        self, store: ImageStore, catalog: Catalog, content: ContentStore, emit: EventSink
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._content = content
        self._emit = emit

    # -- the sender's side

    def offer(self, ref: str, *, platform: Platform | None = None) -> Offer:
        """Say what an image consists of: all platforms that are here as a whole, or one of them.

        The target is sent as it is, so that the image has the same id there. An image that is
        named by its id has no names to send.

        Raises:
            NotFound: no such image, or not for that platform.
            DataLoss: a blob of it is missing; named.
        """
        target, name = self._catalog.find(ref)
        facts = self._catalog.facts(target)
        manifests = [manifest for manifest in facts.manifests if manifest.is_available]
        if platform is not None:
            wanted = self._catalog.image(target, platform, asked=ref).manifest_descriptor.digest
            manifests = [m for m in manifests if wanted in (m.descriptor.digest, m.attested)]
        if not any(m.is_readable for m in manifests):
            raise DataLoss(
                f"image {target.digest} can not be sent: {self._what_is_missing(facts)}",
                hint="pull or load the image again",
            )
        digests = dict.fromkeys([target.digest, *facts.others])
        digests |= dict.fromkeys(m.descriptor.digest for m in manifests)
        digests |= dict.fromkeys(digest for m in manifests for digest in m.blobs)
        sizes = ((digest, self._content.size(digest)) for digest in digests)
        return Offer(
            target,
            _names(ref, name.reference if name is not None else None),
            [Blob(digest, size) for digest, size in sizes if size is not None],
        )

    def _what_is_missing(self, facts: Facts) -> str:
        absent = (d for d in facts.blobs() if not self._content.has(d))
        return facts.problem or f"content {next(absent, '')} is not in the store"

    def read_blob(self, ref: str, digest: Digest, offset: int = 0) -> Iterator[bytes]:
        """Return a blob of an image from the byte `offset` on, verified as a whole at its end.

        Look-up errors are raised at the call.

        Raises:
            NotFound: no such image, or it has no such blob.
            DataLoss: behind the last piece: the blob does not have its digest any more.
        """
        target, _ = self._catalog.find(ref)
        if digest not in self._catalog.facts(target).blobs() or not self._content.has(digest):
            raise NotFound(f"image {target.digest} has no content {digest} here")
        return self._reading(digest, offset)

    def _reading(self, digest: Digest, offset: int) -> Iterator[bytes]:
        with self._content.lease() as lease:
            self._content.adopt(digest, lease)
            for piece in self._content.chunks(digest):
                if offset < len(piece):
                    yield piece[offset:] if offset else piece
                offset = max(0, offset - len(piece))

    # -- the receiver's side

    def put_blob(
        self, digest: Digest, size: int, chunks: Iterable[bytes], *, offset: int = 0
    ) -> None:
        """Store a blob that an image is going to have; `chunks` begin at its byte `offset`.

        What came before a failure is kept, and `receive` tells how much that is.

        Raises:
            Conflict: there are not `offset` bytes of it here.
            InvalidArgument: digest or size are not the promised ones; nothing is kept then.
            Unavailable: another sender of this blob is under way, and takes long.
        """
        with (
            self._store.changing() as lease,
            self._content.ingest(
                lease, expected=digest, expected_size=size, resume=True, wait_s=_WAIT_S
            ) as ingest,
        ):
            if ingest.is_complete:
                for _ in chunks:
                    pass
                return
            if offset == 0:
                ingest.restart()
            elif offset != ingest.size:
                raise Conflict(f"there are {ingest.size} bytes of content {digest}, not {offset}")
            try:
                for piece in chunks:
                    ingest.write(piece)
                ingest.commit()
            except DataLoss as err:
                raise InvalidArgument(err.message) from err

    def receive(
        self, target: Descriptor, names: Sequence[str], blobs: Sequence[Blob]
    ) -> list[MissingBlob]:
        """Give an image its names, if all of `blobs` are here; else say which are not.

        Unpacks what runs here. What is missing of the other platforms stays so.

        Raises:
            InvalidArgument: it is no image, names another digest, or `blobs` are not all of it.
            DataLoss: a document or a layer is not what the image says.
        """
        if target.media_type not in INDEX_TYPES | MANIFEST_TYPES:
            raise InvalidArgument(f'an image has no media type "{target.media_type[:100]}"')
        references = [self._reference(name, target) for name in names]
        with self._store.changing() as lease:
            missing = self._missing(blobs, lease)
            if missing:
                return missing
            for digest in reachable(self._content, target):
                self._content.adopt(digest, lease)
            if self._content.size(target.digest) != target.size:
                raise InvalidArgument(f"manifest {target.digest} is not here in that size")
            for variant in self._catalog.runnable(target):
                for layer in variant.manifest.layers:
                    if self._content.size(layer.digest) != layer.size:
                        raise InvalidArgument(
                            f"layer {layer.digest} is not here in the size that "
                            f"{variant.descriptor.digest} says"
                        )
                with self._store.unpacking(variant) as unpacking:
                    for _ in unpack_missing(unpacking):
                        pass
            self._store.put(target, references)
        for reference in references:
            self._emit("load", str(target.digest), {"name": reference.familiar})
        return []

    def _missing(self, blobs: Sequence[Blob], lease: Lease) -> list[MissingBlob]:
        return [
            MissingBlob(blob.digest, min(self._content.partial_size(blob.digest), blob.size))
            for blob in blobs
            if not self._content.adopt(blob.digest, lease, size=blob.size)
        ]

    @staticmethod
    def _reference(name: str, target: Descriptor) -> Reference:
        reference = parse_reference(name).with_default_tag()
        if reference.digest not in (None, target.digest):
            raise InvalidArgument(f"{name} is not {target.digest}")
        return reference


def _names(ref: str, found: Reference | None) -> list[Reference]:
    if found is not None:
        return [found]
    with suppress(InvalidArgument):
        # An id, or a prefix of one, is no name with a digest.
        reference = parse_reference(ref)
        if reference.digest is not None:
            return [reference.with_digest(reference.digest)]
    return []
