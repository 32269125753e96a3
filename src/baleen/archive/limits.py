"""How much an archive from outside may ask for.

Nothing here trusts a size that an archive claims: data is counted as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from baleen.errors import ResourceExhausted

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one archive; crossing one raises ResourceExhausted that names it.

    Attributes:
        max_bytes: of the uncompressed stream.
        max_ratio: of uncompressed to compressed bytes, looked at beyond `ratio_floor_bytes`: real
            layers stay below 20, gzip's bombs reach 1,030.
        ratio_floor_bytes: how much may come out of any input.
        max_entries: files, directories and links.
    """

    max_bytes: int = 256 << 30
    max_ratio: int = 200
    ratio_floor_bytes: int = 1 << 30
    max_entries: int = 20_000_000

    def check_stream(self, produced: int, consumed: int) -> None:
        """Raise if `produced` bytes out of `consumed` ones is too much."""
        if produced > self.max_bytes:
            raise ResourceExhausted(
                f"archive is larger than the limit of {self.max_bytes} bytes (max_bytes)"
            )
        if produced > self.ratio_floor_bytes and produced > consumed * self.max_ratio:
            raise ResourceExhausted(
                f"archive expands {produced // max(consumed, 1)} times, "
                f"more than the limit of {self.max_ratio} (max_ratio)"
            )

    def check_file(self, size: int) -> None:
        """Raise if one file of `size` bytes, holes included, is too much."""
        if size > self.max_bytes:
            raise ResourceExhausted(
                f"archive holds a file of {size} bytes, "
                f"more than the limit of {self.max_bytes} bytes (max_bytes)"
            )

    def check_entries(self, count: int) -> None:
        """Raise if `count` entries are too many."""
        if count > self.max_entries:
            raise ResourceExhausted(
                f"archive has more than the limit of {self.max_entries} entries (max_entries)"
            )


DEFAULT_LIMITS = Limits()
