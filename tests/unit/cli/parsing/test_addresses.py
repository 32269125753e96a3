from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.parsing.addresses import (
    is_ip,
    parse_dns_server,
    parse_extra_host,
    parse_ip,
    parse_mac,
)


@pytest.mark.parametrize("text", ["1.2.3.4", "::1", "fe80::1", "::ffff:1.2.3.4"])
def test_addresses(text):
    assert is_ip(text)
    assert parse_ip(text) == text
    assert parse_dns_server(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "1.2.3.4.5",
        "010.0.0.1",
        "1.2.3.256",
        "0x1.2.3.4",
        " 1.2.3.4",
        "1.2.3.4\0",
        "\u0661.2.3.4",
        "::g",
    ],
)
def test_what_is_no_address(text):
    assert not is_ip(text)
    with pytest.raises(errors.InvalidArgument):
        parse_ip(text)


def test_extra_hosts():
    assert parse_extra_host("a:1.2.3.4") == "a:1.2.3.4"
    assert parse_extra_host("a=1.2.3.4") == "a:1.2.3.4"
    assert parse_extra_host("a:::1") == "a:::1"
    assert parse_extra_host("a=[::1]") == "a:::1"
    assert parse_extra_host("a:host-gateway") == "a:host-gateway"
    for text in ("a", ":1.2.3.4", "a:", "a:b"):
        with pytest.raises(errors.InvalidArgument):
            parse_extra_host(text)


def test_hardware_addresses():
    assert parse_mac("02:42:ac:11:00:02") == "02:42:ac:11:00:02"
    for text in ("zz", "02:42:ac:11:00", "02:42:ac:11:00:0g", "2:42:ac:11:00:02"):
        with pytest.raises(errors.InvalidArgument):
            parse_mac(text)
