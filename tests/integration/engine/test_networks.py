"""Bridge, host, none and own networks; published ports from every side."""

from __future__ import annotations

import json
import sys

import pytest
from bed import HOST_ADDRESS, wait_until

pytestmark = pytest.mark.integration

SERVE = ("sh", "-c", "mkdir /w; echo $0 > /w/index.html; exec httpd -f -p 80 -h /w", "page")


def serve(engine, name, *flags):
    engine.docker("run", "-d", "--name", name, *flags, "busybox", *SERVE)


def port_of(engine, name, key="80/tcp"):
    return int(engine.inspect(name)["NetworkSettings"]["Ports"][key][0]["HostPort"])


def answers(engine, address, port, **side):
    return wait_until(
        f"an answer of {address}:{port}",
        lambda: engine.fetch(address, port, **side) == "page\n",
        timeout_s=5,
    )


def test_a_published_port_answers_everywhere(engine):
    serve(engine, "web", "-p", "8080:80")
    answers(engine, "127.0.0.1", 8080)
    answers(engine, HOST_ADDRESS, 8080)
    answers(engine, HOST_ADDRESS, 8080, outside=True)
    gateway = engine.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    answers(engine, gateway, 8080)


def test_a_port_on_localhost_is_for_localhost_only(engine):
    serve(engine, "web", "-p", "127.0.0.1:8081:80")
    answers(engine, "127.0.0.1", 8081)
    assert engine.fetch(HOST_ADDRESS, 8081, outside=True) == ""


def test_a_free_port_is_chosen_and_shown(engine):
    serve(engine, "web", "-p", "80")
    port = port_of(engine, "web")
    assert engine.out("port", "web", "80").split("\n")[0] == f"0.0.0.0:{port}"
    assert engine.out("port", "web").split("\n")[0] == f"80/tcp -> 0.0.0.0:{port}"
    assert f"0.0.0.0:{port}->80/tcp" in engine.out("ps", "--format", "{{.Ports}}")
    answers(engine, "127.0.0.1", port)


def test_publish_all_publishes_what_is_exposed(engine):
    serve(engine, "web", "-P", "--expose", "80", "--expose", "90/udp")
    assert port_of(engine, "web") > 0
    assert port_of(engine, "web", "90/udp") > 0


def test_a_range_of_ports(engine):
    serve(engine, "web", "-p", "9000-9002:80-82")
    assert [port_of(engine, "web", f"{port}/tcp") for port in (80, 81, 82)] == [9000, 9001, 9002]


def test_udp(engine):
    # The image has no UDP server; the host's Python is one.
    binds = [f"-v={path}:{path}:ro" for path in ("/usr", "/lib", "/lib64", sys.base_prefix)]
    server = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 53))\n"
        "while True:\n    data, peer = s.recvfrom(100)\n    s.sendto(data, peer)"
    )
    engine.docker(
        "run", "-d", "--name", "echo", "-p", "9053:53/udp", *dict.fromkeys(binds), "busybox",
        f"{sys.base_prefix}/bin/python3", "-S", "-c", server,
    )  # fmt: skip
    script = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(1)\n"
        f"s.sendto(b'ping', ('{HOST_ADDRESS}', 9053))\nprint(s.recv(100).decode())"
    )
    wait_until(
        "an echo",
        lambda: engine.outside(sys.executable, "-S", "-c", script, check=False) == "ping\n",
        every_s=0.1,
    )


def test_a_taken_port_is_refused_by_name_and_nothing_stays(engine):
    serve(engine, "first", "-p", "8088:80")
    message = engine.fails(
        "run", "-d", "--name", "second", "-p", "8088:80", "busybox", "sleep", "1", code=125
    )
    assert "port is already allocated" in message or "address already in use" in message
    assert engine.state("second")["Status"] == "created"
    engine.docker("rm", "-f", "first")
    engine.docker("start", "second")


def test_a_port_is_free_again_after_the_end(engine):
    for _ in range(3):
        serve(engine, "web", "-p", "8089:80")
        answers(engine, "127.0.0.1", 8089)
        engine.docker("rm", "-f", "web")
        assert engine.fetch("127.0.0.1", 8089) == ""


def test_the_outside_is_reachable_from_the_bridge(engine):
    from bed import OUTSIDE_ADDRESS

    assert "1 packets received" in engine.out(
        "run", "--rm", "busybox", "ping", "-c", "1", "-W", "3", OUTSIDE_ADDRESS
    )


def test_addresses_and_routes_of_the_default_bridge(engine):
    text = engine.out(
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "ip -4 addr show eth0; ip route; ip link show eth0; "
        "cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
    )
    assert "inet 172." in text
    assert "default via 172." in text
    assert "mtu 1500" in text
    assert text.endswith("1")


def test_containers_of_the_default_bridge_reach_each_other_by_address(engine):
    serve(engine, "web")
    address = engine.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert (
        wait_until(
            "the page",
            lambda: (
                engine.docker("run", "--rm", "busybox", "wget", "-qO-", address, check=False).stdout
            ),
        )
        == "page\n"
    )


def test_none_has_only_loopback(engine):
    text = engine.out("run", "--rm", "--network", "none", "busybox", "ip", "-o", "link")
    assert "lo" in text
    assert "eth0" not in text


def test_host_is_the_daemons_own_network(engine):
    links = engine.out("run", "--rm", "--network", "host", "busybox", "ip", "-o", "link")
    assert "uplink" in links
    assert "baleen0" in links


def test_network_of_another_container(engine):
    serve(engine, "web")
    text = engine.out(
        "run",
        "--rm",
        "--network",
        "container:web",
        "busybox",
        "sh",
        "-c",
        "wget -qO- 127.0.0.1; hostname",
    )
    assert text.split("\n")[0] == "page"
    assert text.split("\n")[1] == engine.inspect("web")["Config"]["Hostname"]


def test_names_resolve_on_an_own_network(engine):
    engine.docker("network", "create", "n1")
    serve(engine, "web", "--network", "n1", "--network-alias", "www")
    for name in ("web", "www", engine.inspect("web")["Id"][:12]):
        text = wait_until(
            f"the page of {name}",
            lambda name=name: (
                engine.docker(
                    "run", "--rm", "--network", "n1", "busybox", "wget", "-qO-", name, check=False
                ).stdout
            ),
        )
        assert text == "page\n"
    resolv = engine.out("run", "--rm", "--network", "n1", "busybox", "cat", "/etc/resolv.conf")
    assert "nameserver 127.0.0.11" in resolv
    missing = engine.docker(
        "run", "--rm", "--network", "n1", "busybox", "nslookup", "nosuch.", check=False
    )
    assert missing.returncode != 0


def test_two_networks_are_apart_until_connected(engine):
    for name in ("n1", "n2"):
        engine.docker("network", "create", name)
    serve(engine, "web", "--network", "n1")
    engine.docker("run", "-d", "--name", "other", "--network", "n2", "busybox", "sleep", "1000")
    address = engine.inspect("web")["NetworkSettings"]["Networks"]["n1"]["IPAddress"]
    fetch = ("exec", "other", "wget", "-T", "1", "-qO-", address)
    assert engine.docker(*fetch, check=False).returncode != 0
    engine.docker("network", "connect", "--alias", "guest", "n1", "other")
    assert engine.out("exec", "other", "wget", "-qO-", "web") == "page"
    assert "eth1" in engine.out("exec", "other", "ip", "-o", "link")
    engine.docker("network", "disconnect", "n1", "other")
    assert "eth1" not in engine.out("exec", "other", "ip", "-o", "link")
    assert engine.docker(*fetch, check=False).returncode != 0


def test_create_inspect_list_and_remove(engine):
    network_id = engine.out(
        "network",
        "create",
        "--subnet",
        "10.77.0.0/24",
        "--gateway",
        "10.77.0.9",
        "--label",
        "a=b",
        "--opt",
        "x=y",
        "n1",
    )
    found = json.loads(engine.out("network", "inspect", "n1"))[0]
    assert found["Id"] == network_id
    assert found["Driver"] == "bridge"
    assert found["IPAM"]["Config"] == [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.9"}]
    assert found["Labels"] == {"a": "b"}
    engine.docker(
        "run",
        "-d",
        "--name",
        "cc",
        "--network",
        "n1",
        "--ip",
        "10.77.0.50",
        "busybox",
        "sleep",
        "1000",
    )
    members = json.loads(engine.out("network", "inspect", "n1"))[0]["Containers"]
    (member,) = members.values()
    assert (member["Name"], member["IPv4Address"]) == ("cc", "10.77.0.50/24")
    assert "n1" in engine.out("network", "ls", "--filter", "label=a=b", "--format", "{{.Name}}")
    message = engine.fails("network", "rm", "n1")
    assert "has active endpoints" in message
    engine.docker("rm", "-f", "cc")
    engine.docker("network", "rm", "n1")
    answer = engine.api("GET", "/networks/n1")
    assert (answer.status, answer.message) == (404, "network n1 not found")


def test_the_predefined_networks_stay(engine):
    assert set(engine.out("network", "ls", "--format", "{{.Name}}").split("\n")) >= {
        "bridge",
        "host",
        "none",
    }
    for name in ("bridge", "host", "none"):
        assert "pre-defined network" in engine.fails("network", "rm", name)


def test_bad_networks_are_refused(engine):
    for flags, text in (
        (["--subnet", "10.0.0.0/99"], "invalid"),
        (["--subnet", "nonsense"], "invalid"),
        (["-d", "nosuchdriver"], "nosuchdriver"),
    ):
        assert text in engine.fails("network", "create", *flags, "bad").lower()
    engine.docker("network", "create", "--subnet", "10.78.0.0/16", "n1")
    message = engine.fails("network", "create", "--subnet", "10.78.4.0/24", "n2")
    assert "Pool overlaps with other one on this address space" in message
    assert "already exists" in engine.fails("network", "create", "n1")
    assert "not found" in engine.fails(
        "run", "--rm", "--network", "nosuch", "busybox", "true", code=125
    )


def test_internal_networks_do_not_reach_out(engine):
    from bed import OUTSIDE_ADDRESS

    engine.docker("network", "create", "--internal", "n1")
    done = engine.docker(
        "run",
        "--rm",
        "--network",
        "n1",
        "busybox",
        "ping",
        "-c",
        "1",
        "-W",
        "1",
        OUTSIDE_ADDRESS,
        check=False,
    )
    assert done.returncode != 0


def test_prune_takes_the_unused(engine):
    engine.docker("network", "create", "unused")
    assert "unused" in engine.out("network", "prune", "-f")


def test_a_network_is_left_and_joined_again_while_the_container_runs(engine):
    engine.docker("network", "create", "--subnet", "10.55.0.0/24", "first")
    engine.docker("run", "-d", "--name", "cc", "--network", "first", "busybox", "sleep", "600")
    engine.docker("network", "connect", "bridge", "cc")
    engine.docker("network", "disconnect", "first", "cc")
    bridge = engine.inspect("cc")["NetworkSettings"]["Networks"]["bridge"]
    assert f"default via {bridge['Gateway']} dev eth1" in engine.out("exec", "cc", "ip", "route")
    engine.docker("network", "connect", "--alias", "again", "--ip", "10.55.0.10", "first", "cc")
    assert "10.55.0.10/24" in engine.out("exec", "cc", "ip", "addr", "show", "eth2")
    assert engine.fails("network", "rm", "first").count("has active endpoints")
    assert "already exists in network first" in engine.fails("network", "connect", "first", "cc")


def test_published_ports_follow_the_default_route(engine):
    engine.docker("network", "create", "zz")
    serve(engine, "web", "-p", "8080:80")
    engine.docker("network", "connect", "zz", "web")
    engine.docker("network", "disconnect", "bridge", "web")
    answers(engine, "127.0.0.1", 8080)
    answers(engine, HOST_ADDRESS, 8080, outside=True)
    assert port_of(engine, "web") == 8080
    engine.docker("network", "create", "aa")
    engine.docker("network", "connect", "aa", "web")
    answers(engine, HOST_ADDRESS, 8080, outside=True)
    engine.docker("network", "disconnect", "zz", "web")
    answers(engine, HOST_ADDRESS, 8080, outside=True)


def test_host_and_none_are_not_joined_beside_others(engine):
    engine.docker("network", "create", "own")
    engine.docker("run", "-d", "--name", "cc", "busybox", "sleep", "600")
    engine.docker("run", "-d", "--name", "lone", "--network", "none", "busybox", "sleep", "600")
    assert "connected to host network" in engine.fails("network", "connect", "host", "cc")
    assert "private (none) mode" in engine.fails("network", "connect", "none", "cc")
    assert "private (none) mode" in engine.fails("network", "connect", "own", "lone")


def test_a_stopped_container_takes_new_settings_for_a_network(engine):
    engine.docker("network", "create", "--subnet", "10.55.0.0/24", "own")
    engine.docker("create", "--name", "cc", "--network", "own", "busybox", "ip", "addr")
    assert "no configured subnet or ip-range contain the IP address 10.56.0.1" in engine.fails(
        "network", "connect", "--ip", "10.56.0.1", "own", "cc"
    )
    engine.docker("network", "connect", "--ip", "10.55.0.77", "own", "cc")
    assert "10.55.0.77/24" in engine.out("start", "-a", "cc")


def test_inspect_counts_the_addresses(engine):
    engine.docker("network", "create", "--subnet", "10.55.0.0/24", "own")

    def counts():
        subnets = engine.api("GET", "/networks/own").json()["Status"]["IPAM"]["Subnets"]
        assert subnets.keys() == {"10.55.0.0/24"}
        return subnets["10.55.0.0/24"]

    before = counts()
    assert before["IPsInUse"] + before["DynamicIPsAvailable"] == 256
    engine.docker("run", "-d", "--network", "own", "busybox", "sleep", "1000")
    assert counts()["IPsInUse"] == before["IPsInUse"] + 1
    assert "Status" not in engine.api("GET", "/networks/host").json()
