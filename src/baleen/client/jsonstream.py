"""JSON as engines stream it: one object after another, usually one per line.

Progress, events and stats come this way. Memory is bounded by the longest single object.
"""

from __future__ import annotations

import json

from baleen.errors import DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.client.models import JsonObject, JsonValue

__all__ = ["MAX_OBJECT_BYTES", "decode_json", "encode_json", "iter_objects"]

MAX_OBJECT_BYTES = 16 * 1024 * 1024


def decode_json(data: bytes) -> JsonValue:
    """The value in `data`.

    Raises:
        DataLoss: not JSON, or nested too deep to be an answer.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as err:
        raise DataLoss(f"the engine's answer is not valid JSON: {err}") from err


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def encode_json(value: JsonValue) -> bytes:
    """`value` as compact JSON in UTF-8.

    Text that was not UTF-8 on the command line has U+FFFD in the place of each foreign byte, as
    with Docker: JSON cannot carry it.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def iter_objects(pieces: Iterable[bytes]) -> Iterator[JsonObject]:
    """The objects in a byte stream: one per line, or back to back on one line.

    Raises:
        DataLoss: something that is not an object, or one above 16 MiB.
    """
    rest = b""
    for piece in pieces:
        rest += piece
        if b"\n" not in piece:
            if len(rest) > MAX_OBJECT_BYTES:
                raise DataLoss("endless JSON object in the engine's answer")
            if rest.rstrip()[-1:] != b"}":
                continue
            # Some engines send no newline; a complete object is parsed as soon as it is there.
            try:
                value = json.loads(rest)
            except (ValueError, RecursionError):
                continue
            rest = b""
            yield _as_object(value)
            continue
        lines = rest.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line.strip():
                yield from _line_objects(line)
    if rest.strip():
        yield from _line_objects(rest)


def _line_objects(line: bytes) -> Iterator[JsonObject]:
    text = line.decode("utf-8", "replace").strip()
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    position = 0
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as err:
            raise DataLoss(f"the engine's answer is not valid JSON: {err}") from err
        yield _as_object(value)
        while position < len(text) and text[position].isspace():
            position += 1


def _as_object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise DataLoss("expected a JSON object from the engine")
    return value
