from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.parsing.ports import parse_expose, parse_publish


def bindings(*specs):
    return {
        key: [(b["HostIp"], b["HostPort"]) for b in entries]
        for key, entries in parse_publish(list(specs))[1].items()
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("80", {"80/tcp": [("", "")]}),
        ("8080:80", {"80/tcp": [("", "8080")]}),
        ("8080:80/udp", {"80/udp": [("", "8080")]}),
        ("8080:80/TCP", {"80/tcp": [("", "8080")]}),
        ("127.0.0.1:8080:80", {"80/tcp": [("127.0.0.1", "8080")]}),
        ("127.0.0.1::80", {"80/tcp": [("127.0.0.1", "")]}),
        ("[::1]:8080:80", {"80/tcp": [("::1", "8080")]}),
        ("80-81", {"80/tcp": [("", "")], "81/tcp": [("", "")]}),
        ("90-91:80-81", {"80/tcp": [("", "90")], "81/tcp": [("", "91")]}),
        ("9000-9010:80", {"80/tcp": [("", "9000-9010")]}),
        ("target=80,published=8080,protocol=udp", {"80/udp": [("", "8080")]}),
    ],
)
def test_published_ports(spec, expected):
    assert bindings(spec) == expected


def test_the_same_port_may_be_published_twice():
    assert bindings("80:80", "81:80") == {"80/tcp": [("", "80"), ("", "81")]}


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "x",
        "80:x",
        "x:80",
        "80:",
        "80/icmp",
        "0x50",
        "8_0",
        " 80",
        "\u0668\u0660",
        "70000",
        "81-80",
        "90-92:80-81",
        "1.2.3:1:2",
        "010.0.0.1:1:2",
        "host:1:2",
        "[::1:80",
        "1:2:3:4",
        "target=80,foo=1",
        "published=80",
    ],
)
def test_other_specs_are_refused(spec):
    with pytest.raises(errors.InvalidArgument):
        parse_publish([spec])


def test_exposed_ports():
    assert parse_expose("80") == ["80/tcp"]
    assert parse_expose("80-82/udp") == ["80/udp", "81/udp", "82/udp"]
    for text in ("x", "1:2", "80/x", ""):
        with pytest.raises(errors.InvalidArgument):
            parse_expose(text)


@given(st.text("0123456789:-./[]=,abtcp", max_size=25))
def test_any_text_is_a_spec_or_refused(text):
    try:
        exposed, found = parse_publish([text])
    except errors.InvalidArgument:
        return
    assert exposed.keys() == found.keys()
