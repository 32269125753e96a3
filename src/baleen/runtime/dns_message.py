"""DNS messages: read queries, compare answers, write answers of our own. Bytes in, bytes out.

Only what a small server needs: one question per message, A and PTR answers, EDNS sizes. All
counts, lengths and compression pointers are checked against the message; a name's pointers must
lead strictly backwards, so a loop cannot exist.

See: RFC 1035 §4 (messages), RFC 6891 (EDNS), RFC 9619 (exactly one question)
"""

from __future__ import annotations

import struct

from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = [
    "CLASS_IN",
    "FORMERR",
    "NOERROR",
    "NOTIMP",
    "NXDOMAIN",
    "REFUSED",
    "SERVFAIL",
    "TYPE_A",
    "TYPE_PTR",
    "MessageError",
    "Query",
    "address_record",
    "answer",
    "encode_name",
    "error_answer",
    "is_answer_to",
    "parse_query",
    "pointer_record",
    "rcode",
    "with_id",
]

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5

CLASS_IN: Final = 1
TYPE_A: Final = 1
TYPE_PTR: Final = 12
TYPE_OPT: Final = 41

MAX_NAME: Final = 255  # octets on the wire, RFC 1035 §2.3.4
MAX_LABEL: Final = 63
MIN_UDP_SIZE: Final = 512
MAX_UDP_SIZE: Final = 4096
_OUR_UDP_SIZE: Final = 1232  # what passes everywhere without fragments (DNS flag day 2020)
_TTL_S: Final = 600

_QR: Final = 0x8000
_OPCODE: Final = 0x7800
_AA: Final = 0x0400
_TC: Final = 0x0200
_RD: Final = 0x0100
_RA: Final = 0x0080
_RCODE: Final = 0x000F
_POINTER: Final = 0xC0

_HEADER = struct.Struct("!HHHHHH")  # id, flags, then the counts of the four sections
_QUESTION_TAIL = struct.Struct("!HH")  # type, class
_RECORD_TAIL = struct.Struct("!HHIH")  # type, class, ttl, length of data


class MessageError(ValueError):
    """The bytes are no message of the expected form.

    `answer` is the response that RFC 1035 asks for, or b"" when the sender deserves none.
    """

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        super().__init__(reason)
        self.answer = answer


@record(frozen=True, slots=True)
class Query:
    """A parsed query.

    Attributes:
        name: the labels joined by dots, lower case, without the final dot; None when a label
            has a dot or a non-ASCII byte in it, as no name of ours has.
        question: the question section's bytes, repeated in answers.
        udp_size: the largest answer that the sender takes in a datagram.
        edns: it has an OPT record, so the answer must have one.
    """

    id: int
    flags: int
    name: str | None
    type: int
    qclass: int
    question: bytes
    udp_size: int
    edns: bool


def parse_query(data: bytes) -> Query:
    """Parse a query.

    Raises:
        MessageError: malformed, not a query, of another kind, or without exactly one question.
    """
    if len(data) < _HEADER.size:
        raise MessageError("shorter than a header")
    number, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    if flags & _QR:
        raise MessageError("not a query")
    if flags & _OPCODE:
        raise MessageError("opcode not known", _header_only(number, flags, NOTIMP))
    try:
        if questions != 1:
            raise MessageError(f"{questions} questions")
        labels, offset = _parse_name(data, _HEADER.size)
        if offset + _QUESTION_TAIL.size > len(data):
            raise MessageError("question cut short")
        kind, qclass = _QUESTION_TAIL.unpack_from(data, offset)
        offset += _QUESTION_TAIL.size
        question = data[_HEADER.size : offset]
        udp_size, edns = _find_edns(data, offset, answers + authorities + additionals)
    except MessageError as err:
        raise MessageError(str(err), _header_only(number, flags, FORMERR)) from err
    return Query(number, flags, _text(labels), kind, qclass, question, udp_size, edns)


def _parse_name(data: bytes, offset: int) -> tuple[list[bytes], int]:
    """Labels of the name at `offset`, and the offset behind it."""
    labels: list[bytes] = []
    end = 0  # behind the name where it was met; set by the first pointer
    limit = offset  # pointers must lead before this
    size = 1
    while True:
        if offset >= len(data):
            raise MessageError("name cut short")
        length = data[offset]
        if length & _POINTER == _POINTER:
            if offset + 1 >= len(data):
                raise MessageError("pointer cut short")
            target = (length & 0x3F) << 8 | data[offset + 1]
            if target >= limit or target < _HEADER.size:
                raise MessageError("pointer does not lead backwards")
            end = end or offset + 2
            offset = limit = target
        elif length > MAX_LABEL:
            raise MessageError("label type not known")
        elif length == 0:
            return labels, end or offset + 1
        else:
            size += length + 1
            label = data[offset + 1 : offset + 1 + length]
            if len(label) < length or size > MAX_NAME:
                raise MessageError("name too long")
            labels.append(label)
            offset += length + 1


def _find_edns(data: bytes, offset: int, records: int) -> tuple[int, bool]:
    """(size, present): walk over the records behind the question and look for OPT."""
    size, present = MIN_UDP_SIZE, False
    for _ in range(records):
        _, offset = _parse_name(data, offset)
        if offset + _RECORD_TAIL.size > len(data):
            raise MessageError("record cut short")
        kind, rclass, _ttl, length = _RECORD_TAIL.unpack_from(data, offset)
        offset += _RECORD_TAIL.size + length
        if offset > len(data):
            raise MessageError("record data cut short")
        if kind == TYPE_OPT:
            size, present = min(max(rclass, MIN_UDP_SIZE), MAX_UDP_SIZE), True
    return size, present


def _text(labels: Sequence[bytes]) -> str | None:
    if any(b"." in label or not label.isascii() for label in labels):
        return None
    return b".".join(labels).decode("ascii").lower()


def encode_name(name: str) -> bytes:
    """Encode a dotted name without compression.

    Raises:
        ValueError: empty or too long label, or name too long, or not ASCII.
    """
    encoded = b""
    for label in name.split("."):
        raw = label.encode("ascii")
        if not 0 < len(raw) <= MAX_LABEL:
            raise ValueError(f"not a domain name: {name!r}")
        encoded += bytes((len(raw),)) + raw
    if len(encoded) + 1 > MAX_NAME:
        raise ValueError(f"domain name too long: {name!r}")
    return encoded + b"\0"


def address_record(address: bytes) -> bytes:
    """An A record for the name in the question; `address` has 4 bytes."""
    return _record(TYPE_A, address)


def pointer_record(name: str) -> bytes:
    """A PTR record for the name in the question."""
    return _record(TYPE_PTR, encode_name(name))


def _record(kind: int, data: bytes) -> bytes:
    # The owner is a pointer to the question's name, which always follows the header.
    return b"\xc0\x0c" + _RECORD_TAIL.pack(kind, CLASS_IN, _TTL_S, len(data)) + data


def answer(query: Query, records: Sequence[bytes], *, limit: int) -> bytes:
    """An answer of our own with `records`; when longer than `limit`, truncated (TC, no record)."""
    flags = _QR | _AA | _RA | (query.flags & _RD)
    message = _build(query, flags, records)
    return message if len(message) <= limit else _build(query, flags | _TC, ())


def error_answer(query: Query, code: int) -> bytes:
    """An answer without records and with the response code `code`."""
    return _build(query, _QR | _RA | (query.flags & _RD) | code, ())


def _build(query: Query, flags: int, records: Sequence[bytes]) -> bytes:
    header = _HEADER.pack(query.id, flags, 1, len(records), 0, 1 if query.edns else 0)
    opt = b"\0" + _RECORD_TAIL.pack(TYPE_OPT, _OUR_UDP_SIZE, 0, 0) if query.edns else b""
    return header + query.question + b"".join(records) + opt


def _header_only(number: int, flags: int, code: int) -> bytes:
    return _HEADER.pack(number, _QR | (flags & (_OPCODE | _RD)) | code, 0, 0, 0, 0)


def with_id(message: bytes, number: int) -> bytes:
    """The same message under another id."""
    return number.to_bytes(2, "big") + message[2:]


def is_answer_to(data: bytes, number: int, question: bytes) -> bool:
    """Whether `data` answers the message `number` with this very question.

    The question is compared without regard to case, as some servers do not keep it.
    """
    if len(data) < _HEADER.size + len(question):
        return False
    got, flags, questions, *_ = _HEADER.unpack_from(data)
    return (
        got == number
        and bool(flags & _QR)
        and questions == 1
        and data[_HEADER.size : _HEADER.size + len(question)].lower() == question.lower()
    )


def rcode(message: bytes) -> int:
    """The response code of an answer (its low four bits)."""
    return message[3] & _RCODE
