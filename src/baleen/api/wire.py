"""How JSON of the Engine API becomes a typed value, and a typed value Docker's JSON.

Reading follows Go's decoder, because every client was written against it: unknown fields are
ignored, the last of two equal keys wins, and `null` means "as if it were not there" (the zero
value inside a list or a map). So lists, maps, strings and numbers are never None after
`decode`; a field that is declared `X | None` is one where Docker tells "absent" from "zero".
Field names are matched exactly. A number must be an integer that fits its Go type.

Writing follows Go's encoder: `omit_empty` names the fields that dockerd leaves out when they are
zero (its `omitempty`), `null_empty` those that dockerd shows as `null` while they are empty (Go's
nil slices and maps, which clients and people's `--format` templates have learnt to expect).

Input is bounded: `MAX_BODY_BYTES`, nesting by the decoder's own limit; both end as
`InvalidArgument`.

See: Engine API v1.55; encoding/json (Go); moby `daemon/server/httputils/httputils.go`.
"""

from __future__ import annotations

import contextlib
import re
import types
import typing
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar, Union

import msgspec

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MAX_BODY_BYTES",
    "Empty",
    "Int",
    "StrSlice",
    "UInt",
    "UInt16",
    "UInt32",
    "Wire",
    "decode",
    "encode",
    "pascal",
    "to_wire",
]

MAX_BODY_BYTES = 4 << 20
"""Largest JSON document that is decoded; real create requests are a few kilobytes."""

Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Go's int64 (and int, on the platforms there are)."""
UInt = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Go's uint64, less its upper half, which no field of the API can use."""
UInt16 = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]

StrSlice = Annotated[list[str], "StrSlice"]
"""A list of strings for which one bare string may stand (moby `strslice`)."""

T = TypeVar("T")


def pascal(**exceptions: str) -> Callable[[str], str]:
    """Return the renaming `cpu_shares` -> `CpuShares`, with exceptions spelled out."""

    def rename(name: str) -> str:
        return exceptions.get(name) or "".join(
            part[:1].upper() + part[1:] for part in name.split("_")
        )

    return rename


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename=pascal()):
    """Base of all wire types; see the module for what the two class variables say."""

    omit_empty: ClassVar[frozenset[str]] = frozenset()
    null_empty: ClassVar[frozenset[str]] = frozenset()


class Empty(Wire, frozen=True):
    """Go's `struct{}`: the value of sets such as ExposedPorts and Volumes; always `{}`."""


def decode(kind: type[T], raw: bytes) -> T:
    """Return the `kind` that the JSON text `raw` holds; raises InvalidArgument with the path."""
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidArgument(f"invalid JSON: the document is larger than {MAX_BODY_BYTES} bytes")
    if not raw.strip(b" \t\r\n"):
        raise InvalidArgument("invalid JSON: got EOF while reading request body")
    try:
        if b"null" not in raw and _OTHER_CASE.search(raw) is None:
            with contextlib.suppress(msgspec.ValidationError):
                return _decoder(kind).decode(raw)
        return msgspec.convert(_zeroed(msgspec.json.decode(raw), _shape(kind)), kind)
    except msgspec.MsgspecError as err:
        raise InvalidArgument(f"invalid JSON: {err}") from err
    except RecursionError as err:
        raise InvalidArgument("invalid JSON: exceeded max depth") from err
    except UnicodeDecodeError as err:
        raise InvalidArgument("invalid JSON: the text is not UTF-8") from err


_decoders: dict[type, msgspec.json.Decoder[object]] = {}


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = typing.cast(
            "msgspec.json.Decoder[object]", msgspec.json.Decoder(kind)
        )
    return typing.cast("msgspec.json.Decoder[T]", found)


# Names of fields begin with a capital; one that does not may be meant for one (or be a label).
_OTHER_CASE = re.compile(rb'"[a-z][A-Za-z]*"\s*:')


# --- null and the case of names, as Go treats them --------------------------------------------
#
# Go takes a null for the zero value, and a field's name in any case. A shape is what a type looks
# like to these rules (and to the one for StrSlice). It is worked out once for each type; only
# documents that the plain decoder cannot take pay for it.


class _Shape:
    __slots__ = ("fields", "folded", "item", "nullable", "text", "value", "zero")

    def __init__(self, zero: Callable[[], object]) -> None:
        self.zero = zero  # what null becomes inside a list or a map
        self.nullable = False
        self.text = False  # one string may stand for the list
        self.fields: dict[str, _Shape] | None = None
        self.folded: dict[str, str] = {}  # from lower case to the fields' own names
        self.item: _Shape | None = None
        self.value: _Shape | None = None


_shapes: dict[object, _Shape] = {}


def _shape(kind: object) -> _Shape:
    found = _shapes.get(kind)
    if found is None:
        found = _shapes[kind] = _Shape(str)
        _fill(found, kind)
    return found


def _fill(shape: _Shape, kind: object) -> None:
    origin = typing.get_origin(kind)
    if origin is Annotated:
        _fill(shape, typing.get_args(kind)[0])
        shape.text = "StrSlice" in typing.get_args(kind)[1:]
    elif origin is Union or origin is types.UnionType:
        members = typing.get_args(kind)
        concrete = [member for member in members if member is not type(None)]
        _fill(shape, concrete[0])
        shape.nullable = len(concrete) < len(members)
    elif origin is list:
        shape.zero, shape.item = list, _shape(typing.get_args(kind)[0])
    elif origin is dict:
        shape.zero, shape.value = dict, _shape(typing.get_args(kind)[1])
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        shape.zero = dict
        shape.fields = {
            wire: _shape(hints[name])
            for name, wire in zip(
                kind.__struct_fields__, kind.__struct_encode_fields__, strict=True
            )
        }
        shape.folded = {wire.lower(): wire for wire in shape.fields}
    elif isinstance(kind, type) and kind in (bool, int, float):
        shape.zero = kind


def _zeroed(value: object, shape: _Shape) -> object:
    """Return `value` with every null dropped or made zero, as its type asks; may modify it."""
    if isinstance(value, dict):
        if shape.fields is not None:
            result = {}
            for key, item in value.items():
                name: str = key if key in shape.fields else shape.folded.get(key.lower(), "")
                field = shape.fields.get(name)
                if field is None or (item is None and not field.nullable):
                    continue
                result[name] = None if item is None else _zeroed(item, field)
            return result
        if shape.value is not None:
            return {key: _zeroed_item(item, shape.value) for key, item in value.items()}
    elif isinstance(value, list) and shape.item is not None:
        return [_zeroed_item(item, shape.item) for item in value]
    elif isinstance(value, str) and shape.text:
        return [value]
    return value


def _zeroed_item(item: object, shape: _Shape) -> object:
    if item is None:
        return None if shape.nullable else shape.zero()
    return _zeroed(item, shape)


# --- writing -----------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(value: object) -> bytes:
    """Return the JSON that dockerd would write for `value` (wire types, lists, maps, scalars)."""
    plain = to_wire(value)
    try:
        return _encoder.encode(plain)
    except UnicodeEncodeError:
        return _encoder.encode(_readable(msgspec.to_builtins(plain)))


def _readable(value: object) -> object:
    """Replace what is no text: file names are bytes, and Go's encoder writes U+FFFD for them."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


def to_wire(value: object) -> object:
    """Return `value` with each wire type in it turned into a dict of its wire names."""
    if isinstance(value, Wire):
        result: dict[str, object] = {}
        for name, wire, rule in _plan(type(value)):
            item = getattr(value, name)
            if rule and (item is None or (not item and rule != _OMIT_NONE)):
                if rule == _NULL:
                    result[wire] = None
            else:
                result[wire] = item if isinstance(item, _SCALARS) else to_wire(item)
        return result
    if isinstance(value, dict):
        return {
            key: item if isinstance(item, _SCALARS) else to_wire(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [item if isinstance(item, _SCALARS) else to_wire(item) for item in value]
    return value


_SCALARS = (str, int, float, type(None), bytes)
_PLAIN, _OMIT_ZERO, _OMIT_NONE, _NULL = range(4)
_plans: dict[type, list[tuple[str, str, int]]] = {}


def _plan(kind: type[Wire]) -> list[tuple[str, str, int]]:
    """Return (attribute, wire name, rule) for each field; a pointer is omitted only as None."""
    found = _plans.get(kind)
    if found is None:
        found = _plans[kind] = []
        for field in msgspec.structs.fields(kind):
            rule = _PLAIN
            if field.name in kind.null_empty:
                rule = _NULL
            elif field.name in kind.omit_empty:
                rule = _OMIT_NONE if field.default is None else _OMIT_ZERO
            found.append((field.name, field.encode_name, rule))
    return found
