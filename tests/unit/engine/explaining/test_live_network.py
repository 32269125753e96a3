from __future__ import annotations

import os

import pytest

from baleen.engine.explaining.live_network import read_network
from baleen.linux.fd import Fd


@pytest.mark.skipif(os.geteuid() != 0, reason="setns(2) into a network namespace needs root")
def test_the_network_of_a_process_is_read():
    home = os.readlink("/proc/thread-self/ns/net")
    with Fd(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)) as process:
        before = len(os.listdir("/proc/self/fd"))
        found = read_network(process)
        assert len(os.listdir("/proc/self/fd")) == before
    names = {link.ifindex: link.name for link in found.links}
    assert "lo" in names.values()
    assert {address.ifindex for address in found.addresses} <= set(names)
    assert set(found.addresses6) <= set(names.values())
    assert os.readlink("/proc/thread-self/ns/net") == home
