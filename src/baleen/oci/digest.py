"""Digests: content addressed by its hash, `sha256:<64 hex>`.

See: OCI image-spec descriptor.md, "Digests".
"""

from __future__ import annotations

import hashlib
import re
from typing import Protocol, Self

from baleen.errors import InvalidArgument

__all__ = ["Digest", "Hasher"]

# Registered algorithms and the length of their lower-case hexadecimal text.
_ENCODED_LENGTHS = {"sha256": 64, "sha512": 128}
_LOWER_HEX = re.compile(r"[a-f0-9]{64,128}")


class Hasher(Protocol):
    """What is used of hashlib's objects."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add `data`."""

    def hexdigest(self) -> str:
        """Return the hash of what was added."""
        ...


class Digest(str):
    """A valid digest of a registered algorithm; it is its own text.

    Raises:
        InvalidArgument: in Docker's words (`invalid checksum digest format`, ...).
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check `text` against the grammar of its algorithm."""
        algorithm, colon, encoded = text.partition(":")
        if not colon or not algorithm:
            raise InvalidArgument("invalid checksum digest format")
        length = _ENCODED_LENGTHS.get(algorithm)
        if length is None:
            raise InvalidArgument("unsupported digest algorithm")
        if len(encoded) != length:
            raise InvalidArgument("invalid checksum digest length")
        if _LOWER_HEX.fullmatch(encoded) is None:
            raise InvalidArgument("invalid checksum digest format")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the SHA-256 digest of `data`."""
        return cls(f"sha256:{hashlib.sha256(data).hexdigest()}")

    @classmethod
    def from_hasher(cls, algorithm: str, hasher: Hasher) -> Self:
        """Return the digest that `hasher`, an object of `algorithm`, has arrived at."""
        return cls(f"{algorithm}:{hasher.hexdigest()}")

    @property
    def algorithm(self) -> str:
        """`sha256` or `sha512`."""
        return self.partition(":")[0]

    @property
    def encoded(self) -> str:
        """The hexadecimal part."""
        return self.partition(":")[2]

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, as shown to people."""
        return self.encoded[:12]

    def hasher(self) -> Hasher:
        """Return a fresh hash object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def matches(self, data: bytes) -> bool:
        """Say whether `data` has this digest."""
        hasher = self.hasher()
        hasher.update(data)
        return hasher.hexdigest() == self.encoded
