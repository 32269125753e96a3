"""Images from one engine to another on the wire: Baleen's own, beside Docker's operations.

See: docs/images.md, "From one host to another".
"""

from __future__ import annotations

from msgspec import field

from baleen.api.images import OCIDescriptor
from baleen.api.wire import UInt, Wire

__all__ = ["ImageBlob", "ImageOffer", "ImageReceiveBody", "ImageReceived", "MissingBlob"]


class ImageBlob(Wire, frozen=True):
    """A blob of an image; size in bytes."""

    digest: str = ""
    size: UInt = 0


class ImageOffer(Wire, frozen=True):
    """What an image consists of, and is called: the answer of the sender."""

    target: OCIDescriptor = OCIDescriptor()
    names: list[str] = field(default_factory=list)
    blobs: list[ImageBlob] = field(default_factory=list)


class ImageReceiveBody(ImageOffer, frozen=True):
    """The same, told to the receiver."""


class MissingBlob(Wire, frozen=True):
    """A blob that the receiver has not, but for its first `received` bytes."""

    digest: str = ""
    received: UInt = 0


class ImageReceived(Wire, frozen=True):
    """What is missing; when that is nothing, the image is there and has its names."""

    missing: list[MissingBlob] = field(default_factory=list)
