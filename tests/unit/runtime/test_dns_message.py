"""runtime.dns_message: the codec."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.runtime.dns_message import (
    FORMERR,
    NOTIMP,
    SERVFAIL,
    TYPE_A,
    TYPE_PTR,
    MessageError,
    address_record,
    answer,
    encode_name,
    error_answer,
    is_answer_to,
    parse_query,
    pointer_record,
    rcode,
    with_id,
)

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)
OPT = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0)


def message(name="web", kind=TYPE_A, *, flags=0x0100, counts=(1, 0, 0, 0), rest=b""):
    return (
        struct.pack("!HHHHHH", 0x1234, flags, *counts)
        + encode_name(name)
        + struct.pack("!HH", kind, 1)
        + rest
    )


def refusal_of(data):
    """The answer to a malformed message; b"" for a good one."""
    try:
        parse_query(data)
    except MessageError as err:
        return err.answer
    return b""


@given(NAME, st.integers(0, 65535))
def test_a_query_is_read_as_it_was_written(name, kind):
    query = parse_query(message(name, kind))
    assert (query.id, query.name, query.type, query.qclass) == (0x1234, name, kind, 1)
    assert (query.udp_size, query.edns) == (512, False)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_query_or_a_message_error(data):
    assert len(refusal_of(data)) in (0, 12)


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_good_header_are_a_query_or_a_format_error(data):
    header = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 1)
    refusal = refusal_of(header + data)
    assert not refusal or rcode(refusal) == FORMERR


def test_names_are_compared_in_lower_case():
    assert parse_query(message("WeB.Shop")).name == "web.shop"


def test_a_pointer_to_itself_is_an_error():
    data = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
    with pytest.raises(MessageError, match="backwards"):
        parse_query(data)


def test_a_pointer_forwards_is_an_error():
    data = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\xc0\x10\0\1\0\1\0"
    with pytest.raises(MessageError, match="backwards"):
        parse_query(data)


def test_a_pointer_backwards_is_followed():
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 0)
    assert parse_query(message(counts=(1, 1, 0, 0), rest=record)).name == "web"


def test_a_name_longer_than_255_octets_is_an_error():
    name = b"".join(b"\x3f" + b"a" * 63 for _ in range(4)) + b"\0"
    data = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + name + b"\0\1\0\1"
    with pytest.raises(MessageError, match="too long"):
        parse_query(data)


def test_a_label_with_a_dot_or_foreign_byte_is_no_name_of_ours():
    for label in (b"a.b", b"\xff"):
        data = message()[:12] + bytes((len(label),)) + label + b"\0\0\1\0\1"
        assert parse_query(data).name is None


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (2, 0, 0, 0), (1, 65535, 0, 0)])
def test_counts_that_do_not_fit_are_a_format_error(counts):
    with pytest.raises(MessageError) as failure:
        parse_query(message(counts=counts))
    assert rcode(failure.value.answer) == FORMERR


def test_an_answer_gets_no_answer():
    with pytest.raises(MessageError) as failure:
        parse_query(message(flags=0x8000))
    assert failure.value.answer == b""


def test_another_opcode_is_not_implemented():
    with pytest.raises(MessageError) as failure:
        parse_query(message(flags=0x2800))
    assert rcode(failure.value.answer) == NOTIMP


def test_edns_tells_the_size_of_answers():
    query = parse_query(message(counts=(1, 0, 0, 1), rest=OPT))
    assert (query.udp_size, query.edns) == (4096, True)


def test_an_answer_repeats_the_question_and_points_to_its_name():
    query = parse_query(message("web"))
    data = answer(query, [address_record(b"\n\0\0\2")], limit=512)
    assert data[:12] == struct.pack("!HHHHHH", 0x1234, 0x8580, 1, 1, 0, 0)
    assert data[12:] == query.question + b"\xc0\x0c\0\1\0\1\0\0\2\x58\0\4\n\0\0\2"


def test_an_edns_query_gets_an_edns_answer():
    query = parse_query(message(counts=(1, 0, 0, 1), rest=OPT))
    assert struct.unpack_from("!H", answer(query, [], limit=512), 10) == (1,)


def test_an_answer_that_does_not_fit_is_truncated():
    query = parse_query(message())
    data = answer(query, [address_record(bytes(4))] * 60, limit=512)
    assert struct.unpack_from("!HHHH", data) == (0x1234, 0x8780, 1, 0)


def test_a_pointer_record_holds_the_name():
    query = parse_query(message("2.0.0.10.in-addr.arpa", TYPE_PTR))
    assert answer(query, [pointer_record("web.shop")], limit=512).endswith(b"\3web\4shop\0")


def test_an_error_has_its_code():
    assert rcode(error_answer(parse_query(message()), SERVFAIL)) == SERVFAIL


def test_only_the_same_question_under_the_same_id_is_an_answer():
    query = parse_query(message("WEB"))
    good = with_id(answer(query, [], limit=512), 7)
    assert is_answer_to(good, 7, query.question)
    assert is_answer_to(good, 7, query.question.lower())
    assert not is_answer_to(good, 8, query.question)
    assert not is_answer_to(with_id(message("WEB"), 7), 7, query.question)
    assert not is_answer_to(good, 7, parse_query(message("other")).question)


@given(st.binary(max_size=60))
def test_any_bytes_are_compared_without_an_exception(data):
    is_answer_to(data, 7, b"\3web\0\0\1\0\1")


@pytest.mark.parametrize("name", ["", "a..b", "a" * 64, ".".join(["a" * 60] * 5), "\u00e4"])
def test_a_name_that_cannot_be_encoded_is_a_value_error(name):
    with pytest.raises(ValueError):  # noqa: PT011  # several words, one class
        encode_name(name)
