"""D-Bus values as bytes, by their signature.

In Python a boolean is a bool, numbers are int and float, strings, object paths and signatures are
str, an array of bytes is bytes, other arrays are lists, an array of dictionary entries is a dict,
structures are tuples, and a variant is a `Variant`.

What is read is held to the rules of the specification: lengths, nesting, zero padding, UTF-8
without NUL. Paths and signatures are strings here whose grammar is not looked at when read.

See: D-Bus Specification, Type System and Marshaling (Wire Format).
"""

from __future__ import annotations

import struct

from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

__all__ = ["MalformedError", "Reader", "Variant", "Writer", "split_signature"]

_MAX_ARRAY: Final = 1 << 26
_MAX_DEPTH: Final = 64
_MAX_SIGNATURE: Final = 255

# Format of the struct module and the alignment, which is the size.
_FIXED: Final = {
    "y": ("B", 1),
    "b": ("I", 4),
    "n": ("h", 2),
    "q": ("H", 2),
    "i": ("i", 4),
    "u": ("I", 4),
    "x": ("q", 8),
    "t": ("Q", 8),
    "d": ("d", 8),
}
_ALIGNMENT: Final = {code: size for code, (_, size) in _FIXED.items()} | {
    "s": 4,
    "o": 4,
    "g": 1,
    "v": 1,
    "a": 4,
    "(": 8,
    "{": 8,
}


class MalformedError(ValueError):
    """A signature or the bytes of a message break the rules."""


@record(frozen=True, slots=True)
class Variant:
    """A value that carries its own signature, of one complete type."""

    signature: str
    value: object


def split_signature(signature: str) -> list[str]:
    """The complete types that a signature consists of. Raises MalformedError."""
    if len(signature) > _MAX_SIGNATURE:
        raise MalformedError("a signature is longer than 255 bytes")
    parts = []
    position = 0
    while position < len(signature):
        end = _end_of_type(signature, position, 0)
        parts.append(signature[position:end])
        position = end
    return parts


def _end_of_type(signature: str, position: int, depth: int) -> int:
    """Where the complete type that begins at `position` ends."""
    code = signature[position : position + 1]
    if depth > _MAX_DEPTH:
        raise MalformedError("a signature is nested too deeply")
    if code in _FIXED or code in ("s", "o", "g", "v"):
        return position + 1
    if code == "a" and signature[position + 1 : position + 2] == "{":
        key = position + 2
        if signature[key : key + 1] not in _FIXED and signature[key : key + 1] not in (
            "s",
            "o",
            "g",
        ):
            raise MalformedError(f"the signature {signature!r} has a key that is no basic type")
        end = _end_of_type(signature, key + 1, depth + 1)
        if signature[end : end + 1] == "}":
            return end + 1
    elif code == "a":
        return _end_of_type(signature, position + 1, depth + 1)
    elif code == "(":
        end = position + 1
        while signature[end : end + 1] != ")":
            end = _end_of_type(signature, end, depth + 1)
        if end > position + 1:
            return end + 1
    raise MalformedError(f"the signature {signature!r} is malformed at {position}")


class Writer:
    """Collects bytes, in the byte order of little-endian machines."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        """Pad with zeros to a multiple of `size`."""
        self.data += bytes(-len(self.data) % size)

    def values(self, signature: str, values: Sequence[object]) -> None:
        """Append one value for each complete type. Raises MalformedError where they do not fit."""
        types = split_signature(signature)
        if len(types) != len(values):
            raise MalformedError(f"{len(values)} values are not as {signature!r} says")
        for kind, value in zip(types, values, strict=True):
            self._value(kind, value)

    def _value(self, kind: str, value: object) -> None:
        code = kind[0]
        self.align(_ALIGNMENT[code])
        if code in _FIXED:
            self._fixed(code, value)
        elif code in "sog":
            self._text(code, value)
        elif code == "v":
            if not isinstance(value, Variant) or len(split_signature(value.signature)) != 1:
                raise MalformedError(f"{value!r} is no variant of one complete type")
            self._text("g", value.signature)
            self._value(value.signature, value.value)
        elif code == "a":
            self._array(kind[1:], value)
        else:
            if not isinstance(value, tuple):
                raise MalformedError(f"{value!r} is not a tuple, as {kind!r} says")
            self.values(kind[1:-1], value)

    def _fixed(self, code: str, value: object) -> None:
        wanted = {"b": bool, "d": float}.get(code, int)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise MalformedError(f"{value!r} is not of type {code!r}")
        try:
            self.data += struct.pack("<" + _FIXED[code][0], value)
        except struct.error as error:
            raise MalformedError(f"{value!r} is out of the range of type {code!r}") from error

    def _text(self, code: str, value: object) -> None:
        if not isinstance(value, str) or "\0" in value:
            raise MalformedError(f"{value!r} is not of type {code!r}")
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise MalformedError(f"{value!r} is not UTF-8") from error
        if code == "g":
            if len(text) > _MAX_SIGNATURE:
                raise MalformedError("a signature is longer than 255 bytes")
            self.data.append(len(text))
        else:
            self.data += struct.pack("<I", len(text))
        self.data += text + b"\0"

    def _array(self, element: str, value: object) -> None:
        place = len(self.data)
        self.data += bytes(4)
        self.align(_ALIGNMENT[element[0]])
        start = len(self.data)
        if isinstance(value, bytes) and element == "y":
            self.data += value
        elif isinstance(value, dict) and element[0] == "{":
            for pair in value.items():
                self._value(element, pair)
        elif isinstance(value, list) and element[0] != "{":
            for item in value:
                self._value(element, item)
        else:
            raise MalformedError(f"{value!r} is not an array of {element!r}")
        length = len(self.data) - start
        if length > _MAX_ARRAY:
            raise MalformedError("an array is longer than 64 MiB")
        struct.pack_into("<I", self.data, place, length)


class Reader:
    """Reads values from the bytes of a message; `offset` counts from the message's beginning."""

    __slots__ = ("_data", "_order", "offset")

    def __init__(self, data: bytes, *, big_endian: bool = False) -> None:
        self._data = data
        self._order = ">" if big_endian else "<"
        self.offset = 0

    def align(self, size: int) -> None:
        """Skip the padding, which must be zeros."""
        if any(self._take(-self.offset % size)):
            raise MalformedError("padding is not zero")

    def values(self, signature: str) -> tuple[object, ...]:
        """One value for each complete type. Raises MalformedError."""
        return tuple(self._value(kind, 0) for kind in split_signature(signature))

    def _take(self, count: int) -> bytes:
        part = self._data[self.offset : self.offset + count]
        if len(part) != count:
            raise MalformedError("a message ends too early")
        self.offset += count
        return part

    def _value(self, kind: str, depth: int) -> object:
        code = kind[0]
        if depth > _MAX_DEPTH:
            raise MalformedError("values are nested too deeply")
        self.align(_ALIGNMENT[code])
        if code in _FIXED:
            return self._fixed(code)
        if code in "sog":
            return self._text(code)
        if code == "v":
            signature = self._text("g")
            if len(split_signature(signature)) != 1:
                raise MalformedError(f"a variant of {signature!r} is not of one complete type")
            return Variant(signature, self._value(signature, depth + 1))
        if code == "a":
            return self._array(kind[1:], depth)
        return tuple(self._value(part, depth + 1) for part in split_signature(kind[1:-1]))

    def _fixed(self, code: str) -> object:
        form, size = _FIXED[code]
        (value,) = struct.unpack(self._order + form, self._take(size))
        if code == "b":
            if value > 1:
                raise MalformedError(f"{value} is not a boolean")
            return bool(value)
        number: object = value
        return number

    def _length(self) -> int:
        (length,) = struct.unpack(self._order + "I", self._take(4))
        return int(length)

    def _text(self, code: str) -> str:
        length = self._take(1)[0] if code == "g" else self._length()
        text = self._take(length)
        if self._take(1) != b"\0" or b"\0" in text:
            raise MalformedError("a string does not end where it says")
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise MalformedError("a string is not UTF-8") from error

    def _array(self, element: str, depth: int) -> object:
        length = self._length()
        if length > _MAX_ARRAY:
            raise MalformedError("an array is longer than 64 MiB")
        self.align(_ALIGNMENT[element[0]])
        if element == "y":
            return self._take(length)
        end = self.offset + length
        if element[0] == "{":
            return dict(self._entries(element, end, depth))
        items = []
        while self.offset < end:
            items.append(self._value(element, depth + 1))
        self._check_end(end)
        return items

    def _entries(self, element: str, end: int, depth: int) -> Iterator[tuple[object, object]]:
        key, value = split_signature(element[1:-1])
        while self.offset < end:
            self.align(8)
            yield self._value(key, depth + 1), self._value(value, depth + 1)
        self._check_end(end)

    def _check_end(self, end: int) -> None:
        if self.offset != end:
            raise MalformedError("an array does not end where it says")
