r"""Detach keys: the key sequence by which a terminal's user leaves without ending the container.

See: cli-reference, `docker attach --detach-keys`. The grammar is dockerd's: a list separated by
commas of single characters, `ctrl-` with a letter or one of @ [ \ ] ^ _, or DEL.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["DEFAULT_DETACH_KEYS", "DetachMatcher", "parse_detach_keys"]

DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q"

_LONGEST_SEQUENCE = 64
_CONTROL = {
    f"ctrl-{character}": code for code, character in enumerate("@abcdefghijklmnopqrstuvwxyz[\\]^_")
}


def parse_detach_keys(text: str) -> bytes:
    """Return the bytes that the keys send; the empty text means the default sequence.

    Raises:
        InvalidArgument: a key that is none.
    """
    keys = (text or DEFAULT_DETACH_KEYS).split(",")
    if len(keys) > _LONGEST_SEQUENCE:
        raise InvalidArgument(f"invalid detach keys ({text}) provided: too many keys")
    codes = bytearray()
    for key in keys:
        if key in _CONTROL:
            codes.append(_CONTROL[key])
        elif key == "DEL":
            codes.append(127)
        elif len(key) == 1 and key.isascii():
            codes.append(ord(key))
        else:
            raise InvalidArgument(
                f"invalid detach keys ({text}) provided: Unknown character: '{key}'"
            )
    return bytes(codes)


class DetachMatcher:
    """Finds the sequence in a stream of input, also when it arrives in pieces.

    Input that may be the beginning of the sequence is held back until the next byte decides.
    """

    __slots__ = ("_held", "_keys")

    def __init__(self, keys: bytes) -> None:
        assert keys
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what goes to the process, and whether the sequence was completed behind it.

        What follows a completed sequence is dropped.
        """
        data = self._held + data
        found = data.find(self._keys)
        if found >= 0:
            self._held = b""
            return data[:found], True
        held = min(len(self._keys) - 1, len(data))
        while held and not self._keys.startswith(data[-held:]):
            held -= 1
        if not held:
            self._held = b""
            return data, False
        self._held = data[-held:]
        return data[:-held], False

    def flush(self) -> bytes:
        """Return what is held back, because the input has ended."""
        held, self._held = self._held, b""
        return held
