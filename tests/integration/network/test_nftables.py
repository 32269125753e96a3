"""Our nf_tables encoder against the kernel, read back by the `nft` program."""

import os
import shutil
import subprocess

import pytest

from baleen.linux import nft_expressions as expressions
from baleen.linux.nftables import (
    IFNAME,
    INET_PROTO,
    INET_SERVICE,
    IPV4_ADDR,
    NF_INET_FORWARD,
    NF_INET_PRE_ROUTING,
    Hook,
    NftSocket,
    Table,
    ifname,
    ipv4,
    port,
    protocol,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft to read rules back"),
]

TABLE = Table("demo")


def listing():
    """The ruleset as nft prints it, white space folded."""
    text = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    return " ".join(text.stdout.split())


@pytest.fixture
def nft(lab):
    with NftSocket() as nft:
        yield nft


def test_sets_and_maps_are_printed_with_their_types(nft):
    nft.commit(
        TABLE.add(),
        TABLE.add_set("links", (IFNAME,)),
        TABLE.add_set("pairs", (IFNAME, IFNAME)),
        TABLE.add_set("nets", (IPV4_ADDR,), interval=True),
        TABLE.add_map("ports", (INET_PROTO, INET_SERVICE), (IPV4_ADDR, INET_SERVICE)),
        TABLE.add_keys("links", [(ifname("eth0"),)]),
        TABLE.add_keys("pairs", [(ifname("a"), ifname("b"))]),
        TABLE.add_subnet("nets", "10.0.0.0", "11.0.0.0"),
        TABLE.add_elements(
            "ports", [((protocol("tcp"), port(8080)), (ipv4("10.0.0.2"), port(80)))]
        ),
    )
    text = listing()
    assert 'type ifname elements = { "eth0" }' in text
    assert 'type ifname . ifname elements = { "a" . "b" }' in text
    assert "flags interval elements = { 10.0.0.0/8 }" in text
    assert "elements = { tcp . 8080 : 10.0.0.2 . 80 }" in text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            [expressions.daddr(0), expressions.equals(0, ipv4("10.0.0.1")), expressions.DROP],
            "ip daddr 10.0.0.1 drop",
        ),
        (
            [
                expressions.meta(expressions.IIFNAME, 0),
                expressions.not_equals(0, ifname("lo")),
                expressions.saddr(0),
                expressions.bitwise(0, ipv4("255.0.0.0")),
                expressions.equals(0, ipv4("127.0.0.0")),
                expressions.DROP,
            ],
            'iifname != "lo" ip saddr 127.0.0.0/8 drop',
        ),
        (
            [
                expressions.ct_state(expressions.CT_STATE_ESTABLISHED_OR_RELATED),
                expressions.ACCEPT,
            ],
            "ct state established,related accept",
        ),
        (
            [expressions.ct_status(expressions.CT_STATUS_DNAT), expressions.ACCEPT],
            "ct status dnat accept",
        ),
        (
            [
                expressions.meta(expressions.L4PROTO, 0),
                expressions.equals(0, protocol("udp")),
                expressions.dport(0),
                expressions.equals(0, port(53)),
                expressions.ACCEPT,
            ],
            "udp dport 53 accept",
        ),
    ],
)
def test_rules_are_printed_as_a_person_would_write_them(nft, rule, text):
    nft.commit(
        TABLE.add(),
        TABLE.add_chain("c", hook=Hook("filter", NF_INET_FORWARD, 0, drop=True)),
        TABLE.add_rule("c", *rule, comment="why"),
    )
    assert (
        "type filter hook forward priority filter; policy drop; " + text + ' comment "why"'
        in listing()
    )


def test_a_map_lookup_feeds_dnat(nft):
    nft.commit(
        TABLE.add(),
        TABLE.add_map("ports", (INET_PROTO, INET_SERVICE), (IPV4_ADDR, INET_SERVICE)),
        TABLE.add_chain("c", hook=Hook("nat", NF_INET_PRE_ROUTING, -100)),
        TABLE.add_rule(
            "c",
            expressions.daddr_is_local(0),
            expressions.meta(expressions.L4PROTO, 0),
            expressions.dport(1),
            expressions.lookup("ports", 0, 0),
            expressions.dnat(0, 1),
        ),
    )
    assert "fib daddr type local dnat ip to meta l4proto . th dport map @ports" in listing()


def test_a_batch_with_one_wrong_message_changes_nothing(nft):
    nft.commit(TABLE.add(), TABLE.add_set("s", (IPV4_ADDR,)))
    with pytest.raises(FileNotFoundError) as failure:
        nft.commit(
            TABLE.add_keys("s", [(ipv4("10.0.0.1"),)]),
            TABLE.delete_keys("s", [(ipv4("10.0.0.9"),)]),
        )
    assert "delete elements of s (nft table demo)" in failure.value.__notes__[0]
    assert "10.0.0.1" not in listing()


def test_another_value_under_a_key_is_an_error_and_the_same_is_not(nft):
    nft.commit(TABLE.add(), TABLE.add_map("m", (INET_SERVICE,), (IPV4_ADDR,)))
    nft.commit(TABLE.add_elements("m", [((port(1),), (ipv4("10.0.0.1"),))]))
    nft.commit(TABLE.add_elements("m", [((port(1),), (ipv4("10.0.0.1"),))]))
    with pytest.raises(FileExistsError):
        nft.commit(TABLE.add_elements("m", [((port(1),), (ipv4("10.0.0.2"),))]))


def test_a_table_that_exists_is_an_error_only_when_asked(nft):
    nft.commit(TABLE.add())
    nft.commit(TABLE.add())
    with pytest.raises(FileExistsError):
        nft.commit(TABLE.add(exclusive=True))


def test_a_table_goes_with_all_that_is_in_it(nft):
    nft.commit(TABLE.add(), TABLE.add_set("s", (IPV4_ADDR,)), TABLE.add_chain("c"))
    nft.commit(TABLE.add(), TABLE.delete())
    assert listing() == ""


def test_thousands_of_elements_fit_into_one_batch(nft):
    nft.commit(TABLE.add(), TABLE.add_set("s", (INET_SERVICE,)))
    nft.commit(
        *(
            TABLE.add_keys("s", [(port(number),) for number in range(start, start + 500)])
            for start in range(0, 20_000, 500)
        )
    )
    nft.commit(TABLE.delete_keys("s", [(port(19_999),)]))
    assert "19998" in listing()


def test_without_permission_the_whole_batch_is_refused(lab):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setuid(65534)
            with NftSocket() as nft:
                try:
                    nft.commit(TABLE.add())
                except PermissionError:
                    status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
