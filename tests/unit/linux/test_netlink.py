"""linux.netlink: framing and attributes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.linux.netlink import (
    NLM_F_DUMP,
    Message,
    NetlinkSocket,
    attribute,
    nested,
    parse_attributes,
    split_messages,
    string,
    u8,
    u16,
    u32,
)

RTM_NEWLINK = 16
RTM_GETLINK = 18


def test_an_attribute_is_padded_to_four_bytes_but_says_its_own_length():
    assert attribute(7, b"abc") == struct.pack("=HH", 7, 7) + b"abc\0"


def test_a_string_ends_with_nul():
    assert parse_attributes(string(3, "eth0")) == {3: b"eth0\0"}


def test_numbers_are_in_host_byte_order():
    found = parse_attributes(u8(1, 5) + u16(2, 500) + u32(3, 70000))
    assert found == {1: b"\5", 2: struct.pack("=H", 500), 3: struct.pack("=I", 70000)}


def test_a_nested_attribute_is_found_under_its_type_without_the_flag():
    assert parse_attributes(parse_attributes(nested(9, u8(1, 2)))[9]) == {1: b"\2"}


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8))
def test_attributes_come_back_as_they_were_written(values):
    data = b"".join(attribute(kind, value) for kind, value in values.items())
    assert parse_attributes(data) == values


@given(st.binary(max_size=64))
def test_any_bytes_are_parsed_without_an_exception(data):
    parse_attributes(data)
    list(split_messages(data))


def test_a_dump_returns_the_loopback_link():
    with NetlinkSocket(0) as route:
        answers = route.get(Message(RTM_GETLINK, NLM_F_DUMP, bytes(16), "list links"))
    assert any(b"lo\0" in body for _, body in answers)


def test_a_refused_message_is_an_oserror_that_names_the_step():
    wrong = Message(RTM_GETLINK, 0, struct.pack("=BxHiII", 0, 0, 2**31 - 1, 0, 0), "get link 2^31")
    with NetlinkSocket(0) as route, pytest.raises(OSError, match="No such device") as failure:
        route.get(wrong)
    assert failure.value.__notes__[0].startswith("netlink, get link 2^31: ")


def test_a_socket_works_after_a_failed_batch():
    wrong = Message(RTM_NEWLINK, 0, struct.pack("=BxHiII", 0, 0, 2**31 - 1, 0, 0), "set link")
    with NetlinkSocket(0) as route:
        with pytest.raises(OSError, match=r"No such device|not permitted"):
            route.run(wrong, wrong)
        assert route.get(Message(RTM_GETLINK, NLM_F_DUMP, bytes(16), "list links"))
