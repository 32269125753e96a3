"""runtime.resolver: what is answered, without sockets (those: tests/integration/network)."""

import json
import struct

import pytest

from baleen.runtime.dns_message import SERVFAIL, encode_name, rcode
from baleen.runtime.dns_names import Names
from baleen.runtime.resolver import Resolver


@pytest.fixture
def resolver(tmp_path):
    (tmp_path / "n.json").write_text(
        json.dumps(
            {
                "network": "shop",
                "names": {"web": ["10.0.0.2"], "many": [f"10.0.1.{n}" for n in range(60)]},
                "reverse": {"10.0.0.2": "web", "10.0.0.3": "x" * 64},
            }
        )
    )
    (tmp_path / "view.json").write_text(json.dumps({"files": [str(tmp_path / "n.json")]}))
    resolver = Resolver.__new__(Resolver)
    resolver._names = Names(str(tmp_path / "view.json"))
    resolver._forwarder = None
    return resolver


def ask(resolver, name, kind=1, *, qclass=1, tcp=False):
    answers = []
    message = (
        struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0)
        + encode_name(name)
        + struct.pack("!HH", kind, qclass)
    )
    resolver.serve(message, answers.append, tcp=tcp)
    [answer] = answers
    return answer


def test_a_container_is_found_by_name_in_any_case(resolver):
    assert ask(resolver, "WEB").endswith(b"\0\4\n\0\0\2")


def test_a_container_has_no_ipv6_address_but_exists(resolver):
    answer = ask(resolver, "web", 28)
    assert (rcode(answer), struct.unpack_from("!H", answer, 6)) == (0, (0,))


def test_an_address_is_found_backwards(resolver):
    assert ask(resolver, "2.0.0.10.in-addr.arpa", 12).endswith(b"\3web\4shop\0")


def test_a_name_too_long_for_dns_exists_without_a_pointer(resolver):
    answer = ask(resolver, "3.0.0.10.in-addr.arpa", 12)
    assert (rcode(answer), struct.unpack_from("!H", answer, 6)) == (0, (0,))


def test_without_forwarding_other_names_do_not_leave(resolver):
    for name, kind in (("example.com", 1), ("9.0.0.10.in-addr.arpa", 12), ("nothing", 16)):
        assert rcode(ask(resolver, name, kind)) == SERVFAIL


def test_another_class_is_not_ours(resolver):
    assert rcode(ask(resolver, "web", qclass=3)) == SERVFAIL


def test_many_addresses_are_truncated_over_udp_and_complete_over_tcp(resolver):
    assert ask(resolver, "many")[2] & 0x02
    assert struct.unpack_from("!H", ask(resolver, "many", tcp=True), 6) == (60,)


def test_addresses_come_in_changing_order(resolver):
    assert len({ask(resolver, "many", tcp=True) for _ in range(5)}) > 1


def test_junk_gets_no_answer(resolver):
    answers = []
    resolver.serve(b"\0" * 5, answers.append, tcp=False)
    assert answers == []


def test_a_malformed_query_gets_a_format_error(resolver):
    answers = []
    resolver.serve(struct.pack("!HHHHHH", 9, 0, 0, 0, 0, 0), answers.append, tcp=False)
    assert [rcode(item) for item in answers] == [1]
