"""Sockets of the host's network, as published ports have them."""

from __future__ import annotations

import errno
import socket

import pytest

from baleen.rootless.outside import bind_outside


def test_a_tcp_port_listens_at_its_address_only():
    with bind_outside("tcp", "127.0.0.1", 0) as bound:
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        socket.create_connection(bound.getsockname(), 5).close()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_taken_port_is_refused(protocol):
    with bind_outside(protocol, "127.0.0.1", 0) as bound:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            bind_outside(protocol, *bound.getsockname())
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_that_the_host_has_not_is_refused():
    with pytest.raises(OSError) as caught:  # noqa: PT011
        bind_outside("tcp", "203.0.113.1", 80)
    assert caught.value.errno in (errno.EADDRNOTAVAIL, errno.EACCES)
