"""Netlink: framing, attributes, batches and errors, for all families.

A message is a header (length, type, flags, sequence, port) and a body of fixed structures and
*attributes* (length, type, value; padded to 4 bytes; may nest). Several messages go to the kernel
in one send; it works on them in order before the send returns and goes on after one that failed.
So a batch asks for an acknowledgement of its last message only: every answer that precedes it is
an error of an earlier one.

`Message` is data: the families' modules build them (`rtnetlink.new_veth(...)`), a socket runs
them. A failed one raises OSError whose notes name the step and the kernel's explanation (extack).

See: netlink(7), linux/netlink.h, Documentation/userspace-api/netlink/intro.rst
"""

from __future__ import annotations

import os
import socket
import struct

from baleen.linux.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

__all__ = [
    "NLM_F_ACK",
    "NLM_F_APPEND",
    "NLM_F_CREATE",
    "NLM_F_DUMP",
    "NLM_F_EXCL",
    "NLM_F_REPLACE",
    "Message",
    "NetlinkSocket",
    "attribute",
    "nested",
    "parse_attributes",
    "string",
    "u8",
    "u16",
    "u32",
]

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_DUMP = 0x300
NLM_F_ACK_TLVS = 0x200

SO_SNDBUFFORCE = 32  # not in Python's socket module
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF
NLMSGERR_ATTR_MSG = 1

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_ERROR_BODY = 4 + _HEADER.size  # errno, then the header of the message that failed
_DEFAULT_SEND_BUFFER = 128 << 10
_RECEIVE_BYTES = 256 << 10


@record(frozen=True, slots=True)
class Message:
    """One request: its type, flags besides NLM_F_REQUEST, its body, and what it does, in words."""

    type: int
    flags: int
    body: bytes
    what: str


def attribute(kind: int, value: bytes) -> bytes:
    """Encode one attribute, padded."""
    length = 4 + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Encode an attribute whose value is attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def u8(kind: int, value: int) -> bytes:
    """Encode an 8-bit attribute."""
    return attribute(kind, bytes((value,)))


def u16(kind: int, value: int) -> bytes:
    """Encode a 16-bit attribute in host byte order."""
    return attribute(kind, struct.pack("=H", value))


def u32(kind: int, value: int) -> bytes:
    """Encode a 32-bit attribute in host byte order."""
    return attribute(kind, struct.pack("=I", value))


def string(kind: int, value: str) -> bytes:
    """Encode a NUL-terminated string attribute."""
    return attribute(kind, value.encode() + b"\0")


def parse_attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Decode the attributes from `offset` to the end; the last of equal type wins.

    Comes from the kernel, so a malformed rest is not an attack; it is left out.
    """
    found = {}
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def split_messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (type, flags, sequence, body) of every message in a received datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            break
        yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


class NetlinkSocket:
    """A netlink socket of one family, bound to the network namespace in which it was made.

    It stays in that namespace wherever its thread goes later. Calls block until the kernel has
    done the work, which for netlink means inside `send`.
    """

    def __init__(self, family: int) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family
        )
        self._sequence = 0
        self._send_buffer = _DEFAULT_SEND_BUFFER
        for option in (NETLINK_EXT_ACK, NETLINK_CAP_ACK):
            self._socket.setsockopt(SOL_NETLINK, option, 1)

    def fileno(self) -> int:
        """Return the descriptor; it stays the socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, *messages: Message) -> None:
        """Do `messages` in order in one system call; all are tried even when one fails.

        Raises:
            OSError: of the first that failed; further ones are its notes.
        """
        first = self._send([*messages[:-1], _acknowledged(messages[-1])])
        self.raise_errors(messages, first, self._collect_errors(first, first + len(messages) - 1))

    def get(self, message: Message) -> list[tuple[int, bytes]]:
        """Return (type, body) of each answer to a get or dump request.

        Raises:
            OSError: the kernel refused (ENODEV, ENOENT for an object that is not there).
            InterruptedError: the table changed under the dump; the caller may ask again.
        """
        if message.flags & NLM_F_DUMP != NLM_F_DUMP:
            message = _acknowledged(message)
        sequence = self._send([message])
        answers: list[tuple[int, bytes]] = []
        while True:
            for kind, flags, number, body in split_messages(self._receive()):
                if number != sequence:
                    continue  # what an earlier, failed call has left behind
                if flags & NLM_F_DUMP_INTR:
                    raise InterruptedError(f"{message.what}: changed while being read")
                if kind == NLMSG_DONE:
                    return answers
                if kind == NLMSG_ERROR:
                    error = _parse_error(flags, body)
                    if error[0]:
                        self.raise_errors([message], sequence, {sequence: error})
                    return answers
                answers.append((kind, body))

    def _send(self, messages: Sequence[Message]) -> int:
        """Send all in one datagram; returns the sequence number of the first."""
        first = self._sequence + 1
        self._sequence += len(messages)
        parts: list[bytes] = []
        for number, message in enumerate(messages, first):
            length = _HEADER.size + len(message.body)
            flags = message.flags | NLM_F_REQUEST
            header = _HEADER.pack(length, message.type, flags, number, 0)
            parts += (header, message.body, bytes(-length % 4))
        data = b"".join(parts)
        if len(data) > self._send_buffer:
            # The whole datagram must fit into the send buffer; FORCE is not bound by wmem_max.
            self._send_buffer = 2 * len(data)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, self._send_buffer)
        self._socket.send(data)
        return first

    def _receive(self) -> bytes:
        return self._socket.recv(_RECEIVE_BYTES)

    def _collect_errors(self, first: int, last: int) -> dict[int, tuple[int, str]]:
        """Read until the answer to message `last`; (errno, explanation) by sequence number."""
        errors = {}
        while True:
            for kind, flags, sequence, body in split_messages(self._receive()):
                if sequence < first or kind != NLMSG_ERROR:
                    continue
                error = _parse_error(flags, body)
                if error[0]:
                    errors[sequence] = error
                if sequence == last or (self._ends_batch(sequence, first) and error[0]):
                    return errors

    def _ends_batch(self, sequence: int, first: int) -> bool:
        """Whether an error of that message is the only answer; see nftables' batches."""
        return False

    @staticmethod
    def raise_errors(
        messages: Sequence[Message], first: int, errors: dict[int, tuple[int, str]]
    ) -> None:
        """Raise the first of `errors`, if any, with all of them as notes."""
        failure: OSError | None = None
        for sequence, (number, explanation) in sorted(errors.items()):
            what = messages[sequence - first].what
            if failure is None:
                failure = OSError(number, os.strerror(number))
            reason = explanation or os.strerror(number)
            failure.add_note(f"netlink, {what}: {reason}")
        if failure is not None:
            raise failure


def _acknowledged(message: Message) -> Message:
    return replace(message, flags=message.flags | NLM_F_ACK)


def _parse_error(flags: int, body: bytes) -> tuple[int, str]:
    """(errno, kernel's explanation) of an NLMSG_ERROR; errno 0 is an acknowledgement."""
    number = -_ERROR.unpack_from(body)[0]
    if not number or not flags & NLM_F_ACK_TLVS:
        return number, ""
    text = parse_attributes(body, _ERROR_BODY).get(NLMSGERR_ATTR_MSG, b"")
    return number, text.rstrip(b"\0").decode(errors="replace")
