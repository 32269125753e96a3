from __future__ import annotations

from baleen.engine.explaining.live_network import LiveNetwork
from baleen.engine.explaining.network import Attachment, explain_network, explain_sysctls
from baleen.linux.rtnetlink import Address, Link, Route
from baleen.network.firewall import BridgeRules
from baleen.network.network import Endpoint, Network, PoolSpec, PortRequest, PublishedPort

LINKS = [
    Link(1, "lo", "00:00:00:00:00:00", 65536, True, 0, ""),
    Link(2, "eth0", "02:42:ac:11:00:02", 1500, True, 0, "veth"),
]
LIVE = LiveNetwork(
    LINKS,
    [Address(1, "127.0.0.1", 8), Address(2, "172.17.0.2", 16)],
    [Route("0.0.0.0/0", "172.17.0.1", 2)],
    {"lo": ["::1/128"]},
)
PORT = PublishedPort(protocol="tcp", container_port=80, host_ip="0.0.0.0", host_port=8080)


def attachment(name="bridge", *, running=True, internal=False, icc=True, **changes):
    network = Network(
        id=name * 2, name=name, driver="bridge", created="", internal=internal, bridge=f"br-{name}",
        pools=(PoolSpec(subnet="172.17.0.0/16", gateway="172.17.0.1"),),
    )  # fmt: skip
    rules = BridgeRules(
        bridge=f"br-{name}", subnet="172.17.0.0/16", icc=icc, internal=internal, masquerade=True
    )
    endpoint = Endpoint(
        id="e", network_id=network.id, network_name=name, driver="bridge", container_id="c",
        container_name="web", ipv4="172.17.0.2", prefix_len=16, mac="02:42:ac:11:00:02",
        gateway="" if internal else "172.17.0.1", host_name="veth1234567",
    )  # fmt: skip
    return Attachment(network, rules, endpoint if running else None, **changes)


def explain(subject, attachments=(), live=None, ports=()):
    return explain_network(subject, attachments, live, ports=ports, table="baleen")


def test_a_running_container_on_a_bridge(make_subject):
    found = explain(make_subject(status={}), [attachment()], LIVE, [PORT])
    loopback, eth0 = found.interfaces
    assert (loopback.addresses, loopback.network) == (["127.0.0.1/8", "::1/128"], "")
    assert (eth0.network, eth0.bridge, eth0.host_name) == ("bridge", "br-bridge", "veth1234567")
    assert eth0.addresses == ["172.17.0.2/16"]
    assert [(r.to, r.via, r.interface) for r in found.routes] == [
        ("0.0.0.0/0", "172.17.0.1", "eth0")
    ]
    assert [port.host_port for port in found.ports] == [8080]
    rules = [rule.rule for rule in found.rules]
    assert rules[0] == ("map ip baleen published_everywhere { tcp . 8080 : 172.17.0.2 . 80 }")
    assert any("masquerade" in rule for rule in rules)
    assert any("@icc" in rule and rule.endswith("accept") for rule in rules)
    assert "/etc/resolv.conf" in found.dns


def test_one_address_is_another_map(make_subject):
    port = PublishedPort(protocol="udp", container_port=53, host_ip="192.0.2.1", host_port=53)
    found = explain(make_subject(status={}), [attachment()], LIVE, [port])
    assert found.rules[0].rule == (
        "map ip baleen published { 192.0.2.1 . udp . 53 : 172.17.0.2 . 53 }"
    )


def test_a_plan_names_what_is_not_decided_yet(make_subject):
    wanted = PortRequest(protocol="tcp", container_port=80)
    found = explain(make_subject(), [attachment(running=False)], None, [wanted])
    assert [item.name for item in found.interfaces] == ["lo", "eth0"]
    assert found.interfaces[1].addresses == ["the next free one of 172.17.0.0/16"]
    assert found.ports[0].host_port == 0
    assert "{ tcp . PORT : ADDRESS . 80 }" in found.rules[0].rule
    assert [(r.to, r.via) for r in found.routes] == [
        ("0.0.0.0/0", "172.17.0.1"), ("172.17.0.0/16", ""),
    ]  # fmt: skip
    fixed = attachment(running=False, wanted_address="172.17.9.9")
    assert explain(make_subject(), [fixed]).interfaces[1].addresses == ["172.17.9.9"]


def test_an_internal_network_lets_nothing_through(make_subject):
    found = explain(make_subject(status={}), [attachment("db", internal=True)], LIVE)
    rules = " ".join(rule.rule for rule in found.rules)
    assert "@internal" in rules
    assert "masquerade" not in rules
    assert "db" in found.dns


def test_ports_lead_to_the_network_with_the_way_out(make_subject):
    both = [attachment("front"), attachment("inner", internal=True)]
    found = explain(make_subject(status={}), both, LIVE, [PORT])
    assert sum("published_everywhere" in rule.rule for rule in found.rules) == 1


def test_neighbours_that_may_not_talk(make_subject):
    found = explain(make_subject(status={}), [attachment(icc=False)], LIVE)
    assert any("not in @icc" in rule.rule for rule in found.rules)


def test_modes(make_subject):
    host = explain(make_subject(host={"network_mode": "host"}, status={}), (), LIVE, [PORT])
    assert "No isolation" in host.why
    assert host.ports == []
    assert host.rules == []
    assert all(not item.why for item in host.interfaces)
    none = explain(make_subject(host={"network_mode": "none"}))
    assert "loopback interface alone" in none.why
    joined = explain(make_subject(host={"network_mode": "container:db"}, status={}), (), LIVE)
    assert "another container" in joined.why
    assert joined.interfaces[1].network == ""


def test_sysctls(make_subject):
    host = {"sysctls": {"net.ipv4.ip_forward": "1"}}
    found = {item.name: item.why for item in explain_sysctls(make_subject(host=host))}
    assert "--sysctl" in found["net.ipv4.ip_forward"]
    assert "ping" in found["net.ipv4.ping_group_range"]
    assert explain_sysctls(make_subject(host={"network_mode": "host"})) == []
