from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def container(fake, fakes):
    ports = {
        "443/tcp": None,
        "80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"},
            {"HostIp": "::", "HostPort": "8080"},
        ],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
    }
    fake.on("GET", "/containers/c/json", fakes.Reply({"NetworkSettings": {"Ports": ports}}))


def test_all_published_ports_in_order(baleen):
    assert baleen("port", "c").out == (
        "53/udp -> 127.0.0.1:5353\n80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n"
    )


def test_one_port(baleen):
    assert baleen("port", "c", "80").out == "0.0.0.0:8080\n[::]:8080\n"
    assert baleen("port", "c", "53/udp").out == "127.0.0.1:5353\n"


@pytest.mark.parametrize(
    ("port", "text"),
    [
        ("443", "Error: No public port '443' published for c\n"),
        ("53", "Error: No public port '53' published for c\n"),
        ("x", 'Error: invalid port (x): strconv.ParseUint: parsing "x": invalid syntax\n'),
        (
            "65536",
            'Error: invalid port (65536): strconv.ParseUint: parsing "65536": value out of range\n',
        ),
    ],
)
def test_ports_that_are_not_there(baleen, port, text):
    outcome = baleen("port", "c", port)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", text)
