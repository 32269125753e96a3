"""D-Bus messages: method calls to write, and what comes back.

See: D-Bus Specification, Message Format.
"""

from __future__ import annotations

import struct

from baleen.linux.dbus.wire import MalformedError, Reader, Variant, Writer
from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = [
    "ERROR",
    "HEAD_BYTES",
    "METHOD_CALL",
    "METHOD_RETURN",
    "SIGNAL",
    "Message",
    "method_call",
    "parse_message",
    "size_of",
]

METHOD_CALL: Final = 1
METHOD_RETURN: Final = 2
ERROR: Final = 3
SIGNAL: Final = 4
HEAD_BYTES: Final = 16

_VERSION: Final = 1
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SENDER, _SIGNATURE = range(
    1, 9
)
# The specification allows 128 MiB; nothing that we ask for comes near this.
_MAX_BYTES: Final = 16 << 20


@record(frozen=True, slots=True)
class Message:
    """A message that has arrived.

    Attributes:
        kind: METHOD_CALL, METHOD_RETURN, ERROR or SIGNAL; others are to be ignored.
        serial: the sender's number for it.
        reply_serial: what it is the answer to, 0 for none.
        path, interface, member: of a call or a signal.
        error_name: of an error.
        signature: types of the body.
    """

    kind: int
    serial: int
    reply_serial: int
    path: str
    interface: str
    member: str
    error_name: str
    signature: str
    _data: bytes
    _body: int

    def body(self) -> tuple[object, ...]:
        """The values. Raises MalformedError."""
        reader = Reader(self._data, big_endian=self._data[:1] == b"B")
        reader.offset = self._body
        values = reader.values(self.signature)
        if reader.offset != len(self._data):
            raise MalformedError("a message is longer than its body")
        return values


def method_call(
    serial: int,
    destination: str,
    path: str,
    interface: str,
    member: str,
    signature: str,
    values: Sequence[object],
) -> bytes:
    """The bytes of a call. Raises MalformedError for values that are not as `signature` says."""
    body = Writer()
    body.values(signature, values)
    fields = [
        (_PATH, Variant("o", path)),
        (_DESTINATION, Variant("s", destination)),
        (_INTERFACE, Variant("s", interface)),
        (_MEMBER, Variant("s", member)),
    ]
    if signature:
        fields.append((_SIGNATURE, Variant("g", signature)))
    message = Writer()
    message.data += b"l"
    message.values("yyyuua(yv)", (METHOD_CALL, 0, _VERSION, len(body.data), serial, fields))
    message.align(8)
    return bytes(message.data + body.data)


def size_of(head: bytes) -> int:
    """How long the message is that begins with these HEAD_BYTES. Raises MalformedError."""
    order = {b"l": "<", b"B": ">"}.get(head[:1])
    if order is None or head[3] != _VERSION:
        raise MalformedError("this is not a message of D-Bus version 1")
    body, _, fields = struct.unpack_from(order + "III", head, 4)
    # Fields end at a multiple of 8, as the 16 bytes before them do.
    size: int = HEAD_BYTES + fields + -fields % 8 + body
    if size > _MAX_BYTES:
        raise MalformedError(f"a message of {size} bytes is too long")
    return size


def parse_message(data: bytes) -> Message:
    """Read one whole message. Raises MalformedError."""
    reader = Reader(data, big_endian=data[:1] == b"B")
    head = reader.values("yyyyuua(yv)")
    reader.align(8)
    _, kind, _, _, _, serial, entries = head
    texts: dict[int, str] = {}
    reply_serial = 0
    assert isinstance(entries, list)
    for code, variant in entries:
        value = variant.value
        if code == _REPLY_SERIAL and isinstance(value, int):
            reply_serial = value
        elif isinstance(value, str):
            texts[code] = value
    assert isinstance(kind, int)
    assert isinstance(serial, int)
    return Message(
        kind,
        serial,
        reply_serial,
        texts.get(_PATH, ""),
        texts.get(_INTERFACE, ""),
        texts.get(_MEMBER, ""),
        texts.get(_ERROR_NAME, ""),
        texts.get(_SIGNATURE, ""),
        data,
        reader.offset,
    )
