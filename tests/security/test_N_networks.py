"""N02, N03, N05, N07, N10: networks as containers of the whole engine see them.

The rules and sysctls themselves are tested in `tests/integration/network`.
"""

from __future__ import annotations

import subprocess
import sys

import leaks
import pytest
from attack_lab import run
from bed import wait_until

pytestmark = pytest.mark.integration

SERVER = "mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www"


def web(engine, name: str, *flags: str) -> str:
    engine.docker("run", "-d", "--name", name, *flags, "busybox", "sh", "-c", SERVER)
    networks = engine.inspect(name)["NetworkSettings"]["Networks"]
    return next(iter(networks.values()))["IPAddress"]


def test_n03_there_is_no_ipv6_on_an_ipv4_network(engine):
    engine.docker("network", "create", "net")
    for mode in ("bridge", "net"):
        text = run(
            engine, "sh", "-c",
            "grep -v ' lo$' /proc/net/if_inet6; cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
            NetworkMode=mode,
        )[1]  # fmt: skip
        assert text == "1\n"


def test_n02_names_of_an_internal_network_never_reach_the_outside(engine):
    engine.docker("network", "create", "--internal", "inner")
    engine.docker("run", "-d", "--name", "friend", "--network", "inner", "busybox", "sleep", "1000")
    code = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('0.0.0.0',53))\n"
        "s.settimeout(4)\n"
        "print('up',flush=True)\n"
        "try: print('asked',s.recv(100))\n"
        "except TimeoutError: print('silent')\n"
    )
    with subprocess.Popen(
        leaks.in_netns(engine.outside_netns, sys.executable, "-S", "-c", code),
        stdout=subprocess.PIPE, text=True,
    ) as listener:  # fmt: skip
        assert listener.stdout.readline() == "up\n"
        text = run(
            engine, "sh", "-c",
            "nslookup friend >/dev/null && echo found; nslookup secret.example >/dev/null 2>&1; "
            "nslookup secret.example 198.51.100.2 >/dev/null 2>&1 && echo leaked",
            NetworkMode="inner", Dns=["198.51.100.2"],
        )[1]  # fmt: skip
        assert text == "found\n"
        assert listener.stdout.read() == "silent\n"


def test_n05_only_what_is_published_is_reached_from_a_neighbour(engine):
    address = web(engine, "web", "-p", "127.0.0.1:8080:80", "-p", "8081:80")
    wait_until("it serves", lambda: engine.fetch(address, 80) == "served\n")
    engine.outside("ip", "route", "add", "172.17.0.0/16", "via", "198.51.100.1")
    try:
        assert engine.fetch("198.51.100.1", 8081, outside=True) == "served\n"
        assert engine.fetch("198.51.100.1", 8080, outside=True) == ""
        assert engine.fetch(address, 80, outside=True) == ""
    finally:
        engine.outside("ip", "route", "del", "172.17.0.0/16")


def test_n07_networks_are_apart_and_a_stolen_address_gains_nothing(engine):
    for name in ("one", "two"):
        engine.docker("network", "create", name)
    first = web(engine, "first", "--network", "one")
    wait_until("it serves", lambda: engine.fetch(first, 80) == "served\n")
    script = f"""
        wget -q -T 1 -O - http://{first}/ 2>/dev/null
        ip addr add {first}/16 dev eth0 2>/dev/null
        ip route add {first} dev eth0 2>/dev/null
        arping -c 1 -w 1 -U -I eth0 {first} >/dev/null 2>&1
        true
    """
    for host in ({"NetworkMode": "two"}, {"NetworkMode": "bridge"}):
        code, text = run(
            engine, "timeout", "6", "sh", "-c", script, CapAdd=["NET_ADMIN", "NET_RAW"], **host
        )
        assert (code, text) == (0, "")
    assert engine.fetch(first, 80) == "served\n"


def test_n10_a_forwarded_connection_never_seems_to_come_from_localhost(engine):
    script = '#!/bin/sh\nprintf "X: 1\\r\\n\\r\\nfrom $REMOTE_ADDR.\\n"\n'
    engine.docker(
        "run", "-d", "--name", "who", "-p", "8080:80", "busybox", "sh", "-c",
        f"mkdir -p /www/cgi-bin; cat > /www/cgi-bin/index.cgi <<'END'\n{script}END\n"
        "chmod 755 /www/cgi-bin/index.cgi; httpd -f -p 80 -h /www",
    )  # fmt: skip
    for address, outside in (("127.0.0.1", False), ("198.51.100.1", False), ("198.51.100.1", True)):
        text = wait_until(
            f"{address} answers", lambda a=address, o=outside: engine.fetch(a, 8080, outside=o)
        )
        assert text.startswith("from ")
        assert "127.0.0." not in text
        if outside:
            assert "198.51.100.2" in text
