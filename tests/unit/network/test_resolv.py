"""network.resolv: resolv.conf and hosts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.network.resolv import (
    HOSTS_HEAD,
    ResolvConf,
    direct,
    embedded,
    has_only_loopback_servers,
    hosts_text,
    parse_resolv_conf,
)

HOST = """\
# made by someone
nameserver 127.0.0.53
nameserver 192.0.2.53 # office
nameserver 2001:db8::53
nameserver not-an-address
search example.com corp.example
options edns0 ndots:2
"""


def hosts(**fields):
    given = {"hostname": "web", "domainname": "", "extra_hosts": (), "host_gateway": "172.17.0.1"}
    return hosts_text(["172.18.0.2"], head=HOSTS_HEAD, **(given | fields))


def test_the_hosts_file_is_read_as_libc_does():
    assert parse_resolv_conf(HOST) == ResolvConf(
        ("127.0.0.53", "192.0.2.53", "2001:db8::53"),
        ("example.com", "corp.example"),
        ("edns0", "ndots:2"),
    )


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    parse_resolv_conf(text).text()


def test_a_container_that_asks_itself_gets_only_servers_it_can_reach():
    assert direct(parse_resolv_conf(HOST)).servers == ("192.0.2.53",)


def test_without_a_reachable_server_public_ones_are_named():
    conf = parse_resolv_conf("nameserver 127.0.0.53\n")
    assert has_only_loopback_servers(conf)
    assert direct(conf).servers == ("8.8.8.8", "8.8.4.4")


def test_a_user_network_names_the_embedded_server_and_ndots_0():
    text = embedded(ResolvConf(("192.0.2.53",), ("example.com",), ("edns0",))).text()
    assert text.endswith("\nnameserver 127.0.0.11\nsearch example.com\noptions edns0 ndots:0\n")


def test_the_users_ndots_is_kept():
    assert embedded(ResolvConf(options=("ndots:5",))).options == ("ndots:5",)


def test_what_the_user_gave_replaces_the_hosts():
    conf = parse_resolv_conf(HOST).override(["1.1.1.1"], ["."], ["rotate"])
    assert conf == ResolvConf(("1.1.1.1",), (), ("rotate",))


def test_what_the_user_left_out_is_the_hosts():
    assert parse_resolv_conf(HOST).override([], [], []) == parse_resolv_conf(HOST)


def test_hosts_ends_with_the_container_itself():
    assert hosts().endswith("ff02::2\tip6-allrouters\n172.18.0.2\tweb\n")


def test_a_domain_name_makes_a_full_name_first():
    assert hosts(domainname="example.com").endswith("172.18.0.2\tweb.example.com web\n")


def test_extra_hosts_stand_before_the_container_and_know_the_gateway():
    text = hosts(extra_hosts=["db:10.0.0.5", "host.docker.internal:host-gateway", "six:[::5]"])
    assert "10.0.0.5\tdb\n172.17.0.1\thost.docker.internal\n::5\tsix\n172.18.0.2\tweb\n" in text


@pytest.mark.parametrize(
    "entry", ["", "db", "db:", ":1.2.3.4", "db:nowhere", "a b:1.2.3.4", "x\n:1.1.1.1"]
)
def test_a_malformed_extra_host_is_refused(entry):
    with pytest.raises(InvalidArgument, match="invalid extra host"):
        hosts(extra_hosts=[entry])
