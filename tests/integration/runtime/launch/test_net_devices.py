"""Interfaces of the host moved into a container, from a network namespace of the test's own."""

from __future__ import annotations

import os
import subprocess

import pytest

from baleen.linux.namespaces import CLONE_NEWNET, setns, unshare
from baleen.runtime.launch import LaunchError


@pytest.fixture(autouse=True)
def host_network():
    """The host of these tests is a new namespace, so that the real one is left alone."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    unshare(CLONE_NEWNET)
    try:
        yield
    finally:
        setns(home, CLONE_NEWNET)
        os.close(home)


def _ip(*arguments):
    return subprocess.run(
        ["ip", *arguments], check=True, capture_output=True, text=True, timeout=20
    ).stdout


def _veth(name):
    _ip("link", "add", name, "type", "veth", "peer", "name", f"peer-{name}")


def _document(runner, script, devices):
    document = runner.document("sh", "-c", script)
    document["linux"]["netDevices"] = devices
    return document


def _inside(container, *arguments):
    return subprocess.run(
        ["nsenter", f"--net=/proc/{container.pid}/ns/net", "ip", *arguments],
        check=True, capture_output=True, text=True, timeout=20,
    ).stdout  # fmt: skip


def _refused(runner, document):
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio).start()
    return str(caught.value)


def test_a_device_comes_with_its_addresses_and_is_up(runner):
    _veth("one")
    _ip("address", "add", "10.7.0.1/24", "dev", "one")
    _ip("address", "add", "10.7.0.2/32", "dev", "one", "noprefixroute")
    _ip("address", "add", "2001:db8::1/64", "dev", "one", "nodad")
    _ip("address", "add", "10.8.0.1/24", "dev", "one", "valid_lft", "1000", "preferred_lft", "900")
    document = _document(runner, "sleep 1000", {"one": {"name": "inside0"}})
    container = runner.started("sleep", "1000", document=document)
    addresses = _inside(container, "-o", "address", "show", "dev", "inside0")
    assert "inet 10.7.0.1/24 scope global inside0" in addresses
    assert "10.7.0.2/32 scope global noprefixroute" in addresses
    assert "2001:db8::1/64 scope global nodad" in addresses
    assert "10.8.0.1" not in addresses  # it would have ended by itself
    assert ",UP" in _inside(container, "link", "show", "dev", "inside0")
    assert " one@" not in _ip("link")


def test_a_template_gives_the_next_free_name(runner):
    for name in ("one", "two"):
        _veth(name)
    document = _document(runner, "", {"one": {"name": "in%d"}, "two": {"name": "in%d"}})
    document["process"]["args"] = ["sleep", "1000"]
    container = runner.started("sleep", document=document)
    links = _inside(container, "-o", "link")
    assert " in0@" in links
    assert " in1@" in links


def test_a_device_that_is_not_there_moves_none(runner):
    _veth("one")
    _ip("address", "add", "10.7.0.1/24", "dev", "one")
    message = _refused(runner, _document(runner, "true", {"one": {"name": "x"}, "two": {}}))
    assert message == 'cannot move network device "two": the host has none of that name'
    assert "10.7.0.1/24" in _ip("-o", "address", "show", "dev", "one")


def test_a_name_that_the_container_has_is_refused(runner):
    _veth("one")
    message = _refused(runner, _document(runner, "true", {"one": {"name": "lo"}}))
    assert message == 'cannot move network device "one": the container has a "lo" already'
    assert " one@" in _ip("link")


def test_what_the_kernel_says_of_a_device_that_cannot_move_is_told(runner):
    document = _document(runner, "true", {"lo": {"name": "x"}})
    message = _refused(runner, document)
    assert message.startswith('cannot move network device "lo": invalid argument (netlink, move')


def test_without_a_network_namespace_it_is_refused(runner):
    document = _document(runner, "true", {"one": {}})
    document["linux"]["namespaces"] = [
        entry for entry in document["linux"]["namespaces"] if entry["type"] != "network"
    ]
    document["linux"]["sysctl"] = {}
    assert "netDevices need a network namespace" in _refused(runner, document)
