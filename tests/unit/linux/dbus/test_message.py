import struct

import pytest

from baleen.linux.dbus.message import (
    ERROR,
    HEAD_BYTES,
    METHOD_CALL,
    SIGNAL,
    method_call,
    parse_message,
    size_of,
)
from baleen.linux.dbus.wire import MalformedError, Variant, Writer

BUS = "org.freedesktop.DBus"
# What libdbus sends to a bus first.
HELLO = (
    b"l\1\0\1\0\0\0\0\1\0\0\0n\0\0\0\1\1o\0\25\0\0\0/org/freedesktop/DBus\0\0\0"
    b"\6\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0\2\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0"
    b"\3\1s\0\5\0\0\0Hello\0\0\0"
)


def message(kind, fields, signature="", *values, order="l"):
    """A message of the other side, little-endian."""
    body = Writer()
    body.values(signature, values)
    if signature:
        fields = [*fields, (8, Variant("g", signature))]
    whole = Writer()
    whole.data += order.encode()
    whole.values("yyyuua(yv)", (kind, 0, 1, len(body.data), 9, fields))
    whole.align(8)
    return bytes(whole.data + body.data)


def test_hello_is_as_libdbus_writes_it():
    assert method_call(1, BUS, "/org/freedesktop/DBus", BUS, "Hello", "", ()) == HELLO


def test_a_call_is_read_as_it_was_written():
    data = method_call(7, "a.b", "/c", "d.e", "F", "su", ("x", 5))
    assert size_of(data[:HEAD_BYTES]) == len(data)
    read = parse_message(data)
    assert (read.kind, read.serial, read.path) == (METHOD_CALL, 7, "/c")
    assert (read.interface, read.member, read.signature) == ("d.e", "F", "su")
    assert read.body() == ("x", 5)


def test_an_error_has_a_name_and_the_serial_of_its_call():
    fields = [(4, Variant("s", "x.NoSuchUnit")), (5, Variant("u", 3))]
    read = parse_message(message(ERROR, fields, "s", "Unit a not loaded."))
    assert (read.kind, read.reply_serial, read.error_name) == (ERROR, 3, "x.NoSuchUnit")
    assert read.body() == ("Unit a not loaded.",)


def test_big_endian_messages_are_read():
    fields = bytes.fromhex("03 01 73 00 00000001 46 00")  # MEMBER "F"
    head = b"B" + struct.pack(">BBBIII", SIGNAL, 0, 1, 4, 2, len(fields))
    data = head + fields + bytes(-len(fields) % 8) + b"\0\0\0\0"
    assert size_of(data[:HEAD_BYTES]) == len(data)
    assert parse_message(data).member == "F"


def test_unknown_fields_and_kinds_are_read_over():
    read = parse_message(
        message(77, [(200, Variant("v", Variant("y", 1))), (7, Variant("s", "x"))])
    )
    assert (read.kind, read.member) == (77, "")


def test_a_body_that_is_not_as_its_signature_says_is_refused():
    data = message(SIGNAL, [], "s", "abc") + b"more"
    with pytest.raises(MalformedError):
        parse_message(data).body()


@pytest.mark.parametrize(
    "head",
    [
        b"x\1\0\1" + bytes(12),  # byte order
        b"l\1\0\2" + bytes(12),  # version
        b"l\1\0\1" + struct.pack("<III", 1 << 30, 1, 0),
        b"l\1\0\1" + struct.pack("<III", 0, 1, 0xFFFFFFFF),
    ],
)
def test_heads_of_what_is_no_message_are_refused(head):
    with pytest.raises(MalformedError):
        size_of(head)
