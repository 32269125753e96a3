from __future__ import annotations

import json

import pytest

from baleen import errors
from baleen.cli.parsing.resources import (
    parse_detach_keys,
    parse_network,
    parse_restart_policy,
    parse_stream,
    parse_ulimit,
    read_security_option,
)


def test_ulimits():
    assert parse_ulimit("nofile=10") == {"Name": "nofile", "Soft": 10, "Hard": 10}
    assert parse_ulimit("nproc=1:2") == {"Name": "nproc", "Soft": 1, "Hard": 2}
    assert parse_ulimit("core=-1") == {"Name": "core", "Soft": -1, "Hard": -1}
    for text in (
        "",
        "nofile",
        "nofile=",
        "foo=1",
        "nofile=2:1",
        "nofile=-1:5",
        "nofile=1:2:3",
        "nofile=x",
        "nofile=1_0",
        "nofile=18446744073709551616",
    ):
        with pytest.raises(errors.InvalidArgument):
            parse_ulimit(text)


def test_restart_policies():
    assert parse_restart_policy("always") == {"Name": "always", "MaximumRetryCount": 0}
    assert parse_restart_policy("on-failure:3") == {"Name": "on-failure", "MaximumRetryCount": 3}
    for text in (":3", "on-failure:x", "on-failure:", "on-failure:1_0"):
        with pytest.raises(errors.InvalidArgument):
            parse_restart_policy(text)


def test_security_options(tmp_path):
    assert read_security_option("no-new-privileges") == "no-new-privileges"
    assert read_security_option("label:disable") == "label=disable"
    assert read_security_option("seccomp=unconfined") == "seccomp=unconfined"
    profile = tmp_path / "p.json"
    profile.write_text('{ "defaultAction": "X" }')
    sent = read_security_option(f"seccomp={profile}")
    assert json.loads(sent.removeprefix("seccomp=")) == {"defaultAction": "X"}
    profile.write_text("{")
    for text in ("foo", "seccomp=/nope", f"seccomp={profile}"):
        with pytest.raises(errors.InvalidArgument):
            read_security_option(text)


def test_networks():
    assert parse_network("host") == ("host", {})
    name, settings = parse_network(
        "name=n,alias=a,alias=b,ip=1.2.3.4,mac-address=02:00:00:00:00:01,gw-priority=5,"
        "driver-opt=k=v"
    )
    assert name == "n"
    assert settings == {
        "Aliases": ["a", "b"],
        "IPAMConfig": {"IPv4Address": "1.2.3.4"},
        "MacAddress": "02:00:00:00:00:01",
        "GwPriority": 5,
        "DriverOpts": {"k": "v"},
    }
    for text in (
        "alias=a",
        "name=n,ip=1.2.3",
        "name=n,foo=1",
        "name=n,bar",
        "name=n,mac-address=x",
    ):
        with pytest.raises(errors.InvalidArgument):
            parse_network(text)


def test_detach_keys():
    assert parse_detach_keys("ctrl-p,ctrl-q") == b"\x10\x11"
    assert parse_detach_keys("a,ctrl-A,ctrl-[") == b"a\x01\x1b"
    for text in ("", "ab", "ctrl-", "ctrl-ab", "ctrl-1", "\u00e9", "a,,b"):
        with pytest.raises(errors.InvalidArgument):
            parse_detach_keys(text)


def test_streams():
    assert parse_stream("STDIN") == "stdin"
    with pytest.raises(errors.InvalidArgument):
        parse_stream("foo")
