"""Images to and from another engine, as the API's operations; see `images.transfers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.images import OCIDescriptor
from baleen.api.transfers import ImageBlob, ImageOffer, ImageReceived, MissingBlob
from baleen.errors import InvalidArgument
from baleen.images.transfers import Blob
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from baleen.api.transfers import ImageReceiveBody
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore

__all__ = ["ImageTransfers"]


class ImageTransfers:
    """Both sides of `baleen image send`."""

    def __init__(self, images: ImageStore, tasks: Tasks) -> None:
        self._images = images
        self._tasks = tasks

    async def offer(self, ref: str, *, platform: str = "") -> ImageOffer:
        """Say what an image consists of (NotFound, DataLoss)."""
        found = await self._tasks.blocking(
            self._images.offer, ref, platform=Platform.parse(platform) if platform else None
        )
        return ImageOffer(
            target=OCIDescriptor(
                media_type=found.target.media_type,
                digest=str(found.target.digest),
                size=found.target.size,
            ),
            names=[str(name) for name in found.names],
            blobs=[ImageBlob(digest=str(blob.digest), size=blob.size) for blob in found.blobs],
        )

    async def read_blob(self, ref: str, digest: str, *, offset: int = 0) -> AsyncIterator[bytes]:
        """Return a blob of an image (NotFound)."""
        chunks = await self._tasks.blocking(self._images.read_blob, ref, Digest(digest), offset)
        return self._tasks.iterate(chunks)

    async def put_blob(
        self, digest: str, size: int, body: AsyncIterator[bytes], *, offset: int = 0
    ) -> None:
        """Store a blob that an image is going to have."""
        wanted = Digest(digest)

        def put(chunks: Iterator[bytes]) -> None:
            self._images.put_blob(wanted, size, chunks, offset=offset)

        await self._tasks.consume(put, body)

    async def receive(self, body: ImageReceiveBody) -> ImageReceived:
        """Name an image of which everything is here, or say what is not."""
        if not body.target.digest:
            raise InvalidArgument("the image's target is missing")
        target = Descriptor(
            media_type=body.target.media_type,
            digest=Digest(body.target.digest),
            size=body.target.size,
        )
        blobs = [Blob(Digest(blob.digest), blob.size) for blob in body.blobs]
        missing = await self._tasks.blocking(self._images.receive, target, body.names, blobs)
        return ImageReceived(
            missing=[
                MissingBlob(digest=str(blob.digest), received=blob.received) for blob in missing
            ]
        )
