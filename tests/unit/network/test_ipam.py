"""network.ipam: parsing of addresses, choice of subnets, and that no address is given out twice."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from baleen.errors import InvalidArgument, PermissionDenied, ResourceExhausted
from baleen.network.ipam import (
    DEFAULT_ADDRESS_POOLS,
    AddressPool,
    choose_subnet,
    mac_of,
    parse_address,
    parse_mac,
    parse_pool,
    parse_subnet,
)
from baleen.network.network import PoolSpec

BAD_ADDRESSES = [
    "",
    "010.0.0.1",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "1_0.0.0.1",
    " 10.0.0.1",
    "10.0.0.1\n",
    "\u0661.0.0.1",
    "0x0a.0.0.1",
    "167772161",
    "::1",
    "+1.2.3.4",
]


def pool(**fields):
    return AddressPool(parse_pool(PoolSpec(**fields)))


@pytest.mark.parametrize("text", BAD_ADDRESSES)
def test_only_a_dotted_quad_in_canonical_form_is_an_address(text):
    with pytest.raises(InvalidArgument):
        parse_address(text)


@given(st.integers(0, 2**32 - 1))
def test_every_canonical_address_is_accepted(value):
    assert int(parse_address(str(IPv4Address(value)))) == value


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "x/8"])
def test_a_subnet_needs_a_prefix_length(text):
    with pytest.raises(InvalidArgument, match="invalid CIDR block notation"):
        parse_subnet(text)


def test_a_subnet_with_bits_behind_the_prefix_is_told_the_right_one():
    with pytest.raises(
        InvalidArgument, match=r"invalid subnet 10.1.2.3/16: it should be 10.1.0.0/16"
    ):
        parse_subnet("10.1.2.3/16")


def test_a_mac_becomes_canonical():
    assert parse_mac("02-42-AC-11-00-02") == "02:42:ac:11:00:02"


@pytest.mark.parametrize(
    "text", ["", "02:42:ac:11:00", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:42-ac:11:00:02"]
)
def test_what_is_no_unicast_mac_is_refused(text):
    with pytest.raises(InvalidArgument, match="invalid MAC address"):
        parse_mac(text)


def test_the_mac_follows_from_the_address():
    assert mac_of("172.17.0.2") == "02:42:ac:11:00:02"


def test_the_gateway_is_the_first_address_that_is_not_auxiliary():
    spec = parse_pool(PoolSpec(subnet="10.0.0.0/24", auxiliary_addresses={"a": "10.0.0.1"}))
    assert spec.gateway == "10.0.0.2"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ip_range": "10.1.0.0/25"}, "doesn't contain ip-range"),
        ({"ip_range": "10.0.0.1/25"}, "it should be 10.0.0.0/25"),
        ({"gateway": "10.1.0.1"}, "doesn't contain this address"),
        ({"gateway": "010.0.0.1"}, "invalid gateway 010.0.0.1: invalid address"),
        ({"auxiliary_addresses": {"a": "10.1.0.1"}}, "invalid auxiliary address 10.1.0.1"),
    ],
)
def test_parts_outside_of_the_subnet_are_refused(fields, message):
    with pytest.raises(InvalidArgument, match=message):
        parse_pool(PoolSpec(subnet="10.0.0.0/24", **fields))


def test_the_first_default_subnet_is_dockers():
    assert choose_subnet(DEFAULT_ADDRESS_POOLS, []) == IPv4Network("172.17.0.0/16")


def test_subnets_that_the_host_uses_are_left_out():
    used = [
        IPv4Network("172.17.0.0/16"),
        IPv4Network("172.18.5.0/24"),
        IPv4Network("172.16.0.0/24"),
    ]
    assert choose_subnet(DEFAULT_ADDRESS_POOLS, used) == IPv4Network("172.19.0.0/16")


def test_behind_the_172_blocks_come_small_ones_of_192_168():
    assert choose_subnet(DEFAULT_ADDRESS_POOLS, [IPv4Network("172.16.0.0/12")]) == IPv4Network(
        "192.168.0.0/20"
    )


def test_when_every_subnet_is_used_the_error_says_so():
    with pytest.raises(ResourceExhausted, match="fully subnetted"):
        choose_subnet(DEFAULT_ADDRESS_POOLS, [IPv4Network("0.0.0.0/0")])


def test_a_released_address_rests_until_the_others_were_used():
    addresses = pool(subnet="10.0.0.0/29")
    first = addresses.allocate()
    addresses.release(first)
    assert first == "10.0.0.2"
    assert [addresses.allocate() for _ in range(5)] == [
        "10.0.0.3",
        "10.0.0.4",
        "10.0.0.5",
        "10.0.0.6",
        "10.0.0.2",
    ]


def test_a_full_pool_says_which_one():
    addresses = pool(subnet="10.0.0.0/30")
    addresses.allocate()
    with pytest.raises(ResourceExhausted, match=r"10\.0\.0\.0/30"):
        addresses.allocate()


def test_addresses_come_from_the_range_and_static_ones_from_the_subnet():
    addresses = pool(subnet="10.0.0.0/24", ip_range="10.0.0.128/30", gateway="10.0.0.1")
    assert addresses.allocate() == "10.0.0.128"
    assert addresses.take("10.0.0.77") == "10.0.0.77"
    assert addresses.available == 3


@pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.255", "10.0.1.1", "10.0.0.01"])
def test_a_static_address_must_be_a_hosts(address):
    with pytest.raises(InvalidArgument):
        pool(subnet="10.0.0.0/24").take(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.9", "10.0.0.5"])
def test_gateway_auxiliary_and_given_addresses_are_in_use(address):
    addresses = pool(subnet="10.0.0.0/24", auxiliary_addresses={"a": "10.0.0.9"})
    addresses.take("10.0.0.5")
    with pytest.raises(PermissionDenied, match="Address already in use"):
        addresses.take(address)


def test_the_largest_subnet_allocates_at_once():
    assert pool(subnet="0.0.0.0/1").allocate() == "0.0.0.2"


class Pool(RuleBasedStateMachine):
    """Whatever is done in whatever order, live addresses are distinct and usable."""

    live = Bundle("live")

    def __init__(self):
        super().__init__()
        self.pool = pool(
            subnet="10.9.0.0/28", ip_range="10.9.0.0/29", auxiliary_addresses={"a": "10.9.0.4"}
        )
        self.given = set()

    @rule(target=live)
    def allocate(self):
        try:
            address = self.pool.allocate()
        except ResourceExhausted:
            assert {f"10.9.0.{n}" for n in (2, 3, 5, 6, 7)} <= self.given
            return multiple()
        assert address not in self.given
        assert address in {f"10.9.0.{n}" for n in (2, 3, 5, 6, 7)}
        self.given.add(address)
        return address

    @rule(target=live, number=st.integers(0, 17))
    def take(self, number):
        address = f"10.9.0.{number}"
        try:
            self.pool.take(address)
        except InvalidArgument:
            assert number in (0, 15, 16, 17)
            return multiple()
        except PermissionDenied:
            assert number in (1, 4) or address in self.given
            return multiple()
        assert address not in self.given
        self.given.add(address)
        return address

    @rule(address=live)
    def release(self, address):
        self.pool.release(address)
        self.given.discard(address)

    @invariant()
    def counts_agree(self):
        assert self.pool.in_use == len(self.given) + 4
        usable = {f"10.9.0.{n}" for n in (2, 3, 5, 6, 7)}
        assert self.pool.available == len(usable - self.given)


TestPool = Pool.TestCase
