from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.client.endpoint import TlsOptions, parse_host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://host", "tcp://host:2375"),
        ("tcp://host:80", "tcp://host:80"),
        ("tcp://:80/", "tcp://localhost:80"),
        ("tcp://[::1]:80", "tcp://[::1]:80"),
        ("1.2.3.4:99", "tcp://1.2.3.4:99"),
        ("ssh://host", "ssh://host"),
        ("ssh://me@host:22", "ssh://me@host:22"),
        ("ssh://me@host/run/x.sock", "ssh://me@host/run/x.sock"),
    ],
)
def test_hosts_are_understood(text, expected):
    assert str(parse_host(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ftp://x",
        "http://x",
        "npipe:////./pipe/x",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:1_0",
        "tcp://h: 80",
        "tcp://h:\u0661",
        "tcp://h:80/path",
        "tcp://a@h:80",
        "tcp://[::1",
        "tcp://[::1]x",
        "tcp://h h:1",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://-x@host",
        "ssh://u:p@host",
        "unix:///a\0b",
    ],
)
def test_other_hosts_are_refused(text):
    with pytest.raises(errors.InvalidArgument):
        parse_host(text)


def test_tls_changes_the_default_port():
    assert parse_host("tcp://h", tls=TlsOptions(ca=None, cert=None, key=None)).port == 2376


@given(st.text(max_size=30))
def test_any_text_is_an_endpoint_or_refused(text):
    try:
        endpoint = parse_host(text)
    except errors.InvalidArgument:
        return
    assert not endpoint.host.startswith("-") or endpoint.scheme != "ssh"
