"""linux.nftables: how keys, values and batches are encoded."""

from baleen.linux.netlink import parse_attributes
from baleen.linux.nftables import (
    IFNAME,
    INET_PROTO,
    INET_SERVICE,
    IPV4_ADDR,
    NF_INET_FORWARD,
    Hook,
    Table,
    ifname,
    ipv4,
    port,
    protocol,
)

TABLE = Table("demo")
NFGENMSG = 4


def fields(message):
    return parse_attributes(message.body, NFGENMSG)


def first_element(message):
    return parse_attributes(parse_attributes(fields(message)[3])[1])


def test_values_have_the_length_of_their_type():
    assert len(ifname("eth0")) == IFNAME.length
    assert (ipv4("10.0.0.1"), port(80), protocol("udp")) == (b"\n\0\0\1", b"\0P", b"\x11")


def test_the_fields_of_a_concatenation_fill_whole_registers():
    added = fields(TABLE.add_map("m", (INET_PROTO, INET_SERVICE), (IPV4_ADDR, INET_SERVICE)))
    assert int.from_bytes(added[5], "big") == 8
    assert int.from_bytes(added[7], "big") == 8
    assert int.from_bytes(added[4], "big") == 12 << 6 | 13


def test_a_single_field_is_not_padded():
    assert int.from_bytes(fields(TABLE.add_set("s", (INET_SERVICE,)))[5], "big") == 2


def test_only_host_order_keys_tell_nft_their_byte_order():
    assert 13 in fields(TABLE.add_set("s", (IFNAME,)))
    assert 13 not in fields(TABLE.add_set("s", (IPV4_ADDR,)))


def test_an_element_of_a_map_has_key_and_data():
    message = TABLE.add_elements(
        "m", [((protocol("tcp"), port(80)), (ipv4("10.0.0.2"), port(8080)))]
    )
    element = first_element(message)
    assert parse_attributes(element[1])[1] == b"\6\0\0\0\0P\0\0"
    assert parse_attributes(element[2])[1] == b"\n\0\0\2\x1f\x90\0\0"


def test_a_deleted_key_has_no_data():
    assert 2 not in first_element(TABLE.delete_keys("m", [(ipv4("10.0.0.2"),)]))


def test_a_subnet_ends_with_a_marked_element_unless_it_reaches_the_last_address():
    bounded = fields(TABLE.add_subnet("s", "10.0.0.0", "10.1.0.0"))[3]
    open_ended = fields(TABLE.add_subnet("s", "255.255.255.0", ""))[3]
    assert len(bounded) > len(open_ended)
    assert parse_attributes(parse_attributes(bounded)[1])[3] == b"\0\0\0\1"


def test_a_base_chain_has_hook_priority_and_policy():
    chain = fields(TABLE.add_chain("c", hook=Hook("filter", NF_INET_FORWARD, -300, drop=True)))
    hook = parse_attributes(chain[4])
    assert int.from_bytes(hook[2], "big", signed=True) == -300
    assert int.from_bytes(chain[5], "big") == 0
    assert chain[7] == b"filter\0"


def test_a_chain_without_hook_is_only_a_name():
    assert set(fields(TABLE.add_chain("c"))) == {1, 3}


def test_a_comment_travels_with_the_rule():
    assert fields(TABLE.add_rule("c", comment="why"))[7] == b"\0\4why\0"
