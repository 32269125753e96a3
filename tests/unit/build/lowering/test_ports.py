"""EXPOSE's words."""

from __future__ import annotations

import pytest
from lowering_bed import config, created_by, lowered

from baleen.build.lowering.ports import exposed_ports
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("word", "ports"),
    [
        ("80", ["80/tcp"]),
        ("80/udp", ["80/udp"]),
        ("80/SCTP", ["80/sctp"]),
        ("80/", ["80/tcp"]),
        ("80-82", ["80/tcp", "81/tcp", "82/tcp"]),
        ("80-80/udp", ["80/udp"]),
        ("8080:80", ["80/tcp"]),
        ("127.0.0.1:8080:80/udp", ["80/udp"]),
        ("[::1]:8080:80", ["80/tcp"]),
        ("0", ["0/tcp"]),
        ("65535", ["65535/tcp"]),
    ],
)
def test_words(word, ports):
    assert exposed_ports(word) == ports


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "no port specified: <empty>"),
        ("/tcp", "no port specified: /tcp<empty>"),
        ("80/icmp", "invalid proto: icmp"),
        ("x", "invalid containerPort: x"),
        ("65536", "invalid containerPort: 65536"),
        ("82-80", "invalid containerPort: 82-80"),
        ("80-", "invalid containerPort: 80-"),
        ("-80", "invalid containerPort: -80"),
        ("8 0", "invalid containerPort: 8 0"),
        ("8_0", "invalid containerPort: 8_0"),
        ("٨٠", "invalid containerPort: ٨٠"),
    ],
)
def test_nonsense(word, message):
    with pytest.raises(InvalidArgument) as caught:
        exposed_ports(word)
    assert caught.value.message == message


def test_variables_make_words():
    plan = lowered('FROM base\nENV P="80 90-91/udp"\nEXPOSE $P 1')
    assert sorted(plan.config.config.exposed_ports) == ["1/tcp", "80/tcp", "90/udp", "91/udp"]
    assert created_by(plan)[-1] == "EXPOSE map[1/tcp:{} 80/tcp:{} 90/udp:{} 91/udp:{}]"


def test_ports_of_the_base_stay():
    images = {"base": config(exposed_ports={"1/tcp": {}})}
    plan = lowered("FROM base\nEXPOSE 2", images=images)
    assert list(plan.config.config.exposed_ports) == ["1/tcp", "2/tcp"]
