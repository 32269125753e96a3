"""Detach keys in what the user types."""

from __future__ import annotations

__all__ = ["DEFAULT_KEYS", "EscapeFilter"]

DEFAULT_KEYS = "ctrl-p,ctrl-q"


class EscapeFilter:
    """Passes input through until the key sequence was typed.

    A begun sequence is held back: it is either completed, and then never sent, or sent with the
    byte that broke it.
    """

    __slots__ = ("_keys", "_matched", "detached")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0
        self.detached = False

    def feed(self, data: bytes) -> bytes:
        """What of `data` (and of bytes held back) is to be sent; `detached` tells the end."""
        if not self._keys:
            return data
        out = bytearray()
        for byte in data:
            if byte == self._keys[self._matched]:
                self._matched += 1
                if self._matched == len(self._keys):
                    self.detached = True
                    return bytes(out)
                continue
            out += self._keys[: self._matched]
            self._matched = 0
            if byte == self._keys[0]:
                self._matched = 1
            else:
                out.append(byte)
        return bytes(out)
