"""Devices of a container: nodes and rules."""

from __future__ import annotations

import os

import pytest

from baleen.api import DeviceMapping, HostConfig
from baleen.engine.devices import check_device_words, device_nodes, device_rules
from baleen.errors import InvalidArgument
from baleen.linux.cgroup.devices import evaluate


def mapped(source: str, target: str = "", access: str = "rwm") -> HostConfig:
    mapping = DeviceMapping(
        path_on_host=source, path_in_container=target, cgroup_permissions=access
    )
    return HostConfig(devices=[mapping])


def test_by_default_nothing_but_the_usual():
    assert device_nodes(HostConfig()) == []
    state = evaluate(device_rules(HostConfig()))
    assert not state.allow
    assert ("c", 1, 3) in state.exceptions
    assert ("c", 136, None) in state.exceptions
    assert not any(device[1:] == (10, 229) for device in state.exceptions)
    assert state.exceptions["b", None, None] == 1  # making a node, not using it


def test_a_device_gets_a_node_and_a_rule():
    (node,) = device_nodes(mapped("/dev/null", "/dev/nothing", "r"))
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/nothing", "c", 1, 3)
    rule = device_rules(mapped("/dev/full", "", "r"))[-1]
    assert rule == {"allow": True, "type": "c", "major": 1, "minor": 7, "access": "r"}


def test_a_link_on_the_host_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("/dev/zero")
    (node,) = device_nodes(mapped(str(tmp_path / "link"), "/dev/z"))
    assert (node["path"], node["minor"]) == ("/dev/z", 5)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/dev/nosuch", "no such file"),
        ("/etc/passwd", "not a device node"),
        ("/etc", "no devices found"),
    ],
)
def test_what_is_no_device(path, text):
    with pytest.raises(InvalidArgument, match=text) as caught:
        device_nodes(mapped(path))
    assert "error gathering device information while adding custom device" in str(caught.value)


@pytest.mark.parametrize("access", ["x", "rr", "rwmx", "R"])
def test_bad_permissions(access):
    with pytest.raises(InvalidArgument, match="invalid device mode"):
        check_device_words(mapped("/dev/null", "", access))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "c 1:3",
        "c 1:3 x",
        "c 1:3 rwmr",
        "d 1:3 r",
        "c -1:3 r",
        "c 1:3  r",
        "c 99999999999:1 r",
        "c 1:3 r\n",
    ],
)
def test_bad_rules(text):
    with pytest.raises(InvalidArgument, match="invalid device cgroup rule format"):
        check_device_words(HostConfig(device_cgroup_rules=[text]))


def test_good_rules():
    host = HostConfig(device_cgroup_rules=["c 10:200 rwm", "b *:* r", "a *:* rwm"])
    check_device_words(host)
    assert device_rules(host)[-3:] == [
        {"allow": True, "type": "c", "access": "rwm", "major": 10, "minor": 200},
        {"allow": True, "type": "b", "access": "r"},
        {"allow": True, "type": "a", "access": "rwm"},
    ]


def test_a_million_devices_are_refused_at_once():
    host = HostConfig(devices=[DeviceMapping(path_on_host="/dev/null")] * 1_000_000)
    with pytest.raises(InvalidArgument, match="too many"):
        check_device_words(host)


def test_privileged_has_the_hosts_nodes_but_its_own_terminals():
    paths = {node["path"] for node in device_nodes(HostConfig(privileged=True))}
    assert "/dev/null" in paths
    assert not any(path.startswith("/dev/pts/") for path in paths)
    assert "/dev/console" not in paths
    assert device_rules(HostConfig(privileged=True)) == [{"allow": True, "access": "rwm"}]
    assert all(os.path.exists(path) for path in paths)
