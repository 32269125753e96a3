"""linux.netns in a real namespace."""

from __future__ import annotations

import os
import socket

import pytest

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.netns import bring_up_loopback, inside_netns

pytestmark = pytest.mark.integration


def test_loopback_is_up_with_both_its_addresses():
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces are real")
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    ns.unshare(ns.CLONE_NEWNET)
    made = Fd(os.open("/proc/self/ns/net", os.O_RDONLY))
    ns.setns(home, ns.CLONE_NEWNET)
    os.close(home)
    with made:
        with (
            inside_netns(made.fileno()),
            socket.socket() as down,
            pytest.raises(OSError, match="unreachable"),
        ):
            down.connect(("127.0.0.1", 9))
        bring_up_loopback(made)
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with inside_netns(made.fileno()):
                server = socket.create_server((address, 0), family=family)
                client = socket.create_connection(server.getsockname()[:2])
            client.close()
            server.close()
