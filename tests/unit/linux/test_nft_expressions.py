"""linux.nft_expressions: each expression has the kernel's name and registers."""

import pytest

from baleen.linux import nft_expressions as nft
from baleen.linux.netlink import parse_attributes


def parse(expression):
    """(name, attributes) of each element in a list of expressions."""
    found = []
    while expression:
        length = int.from_bytes(expression[:2], "little")
        item = parse_attributes(expression[4:length])
        found.append((item[1].rstrip(b"\0").decode(), parse_attributes(item[2])))
        expression = expression[(length + 3) & ~3 :]
    return found


def number(value):
    return int.from_bytes(value, "big")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (nft.saddr(0), ["payload"]),
        (nft.daddr(0), ["payload"]),
        (nft.dport(0), ["payload"]),
        (nft.meta(nft.IIFNAME, 0), ["meta"]),
        (nft.equals(0, b"x"), ["cmp"]),
        (nft.not_equals(0, b"x"), ["cmp"]),
        (nft.bitwise(0, b"\xff"), ["bitwise"]),
        (nft.lookup("s", 0), ["lookup"]),
        (nft.daddr_is_local(0), ["fib", "cmp"]),
        (nft.ct_state(nft.CT_STATE_ESTABLISHED_OR_RELATED), ["ct", "bitwise", "cmp"]),
        (nft.ct_status(nft.CT_STATUS_DNAT), ["ct", "bitwise", "cmp"]),
        (nft.dnat(0, 1), ["nat"]),
        (nft.masquerade(), ["masq"]),
        (nft.immediate(0, b"x"), ["immediate"]),
        (nft.ACCEPT, ["immediate"]),
        (nft.DROP, ["immediate"]),
    ],
)
def test_expressions_are_made_of(expression, names):
    assert [name for name, _ in parse(expression)] == names


def test_registers_are_counted_from_the_kernels_first_32_bit_register():
    [(_, load)] = parse(nft.payload(1, 16, 4, 3))
    assert [number(load[kind]) for kind in (1, 2, 3, 4)] == [11, 1, 16, 4]


def test_a_map_lookup_loads_its_data_into_a_register():
    [(_, found)] = parse(nft.lookup("m", 0, 2))
    assert found[1] == b"m\0"
    assert (number(found[2]), number(found[3])) == (8, 10)
    assert 5 not in found


def test_an_inverted_lookup_has_the_flag():
    [(_, found)] = parse(nft.lookup("m", 0, invert=True))
    assert number(found[5]) == 1


def test_a_verdict_goes_into_the_verdict_register():
    [(_, drop)] = parse(nft.DROP)
    assert number(drop[1]) == 0
    assert number(parse_attributes(parse_attributes(drop[2])[2])[1]) == 0


def test_dnat_takes_address_and_port_from_registers():
    [(_, nat)] = parse(nft.dnat(0, 1))
    assert [number(nat[kind]) for kind in (1, 2, 3, 5)] == [1, 2, 8, 9]
