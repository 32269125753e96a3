"""A laboratory of network namespaces: a host, its containers, and a neighbour on the link."""

from __future__ import annotations

import os
import select
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

from baleen.linux.fd import Fd
from baleen.linux.namespaces import CLONE_NEWNET, setns, unshare
from baleen.linux.netns import inside_netns, write_sysctl
from baleen.linux.rtnetlink import RouteSocket, new_address, new_route, new_veth, set_link
from baleen.runtime.interfaces import attach_interface, bring_up_loopback

# How long a packet is waited for that must not come.
SILENCE_S = 0.25
ANSWER_S = 5.0

HOST = "203.0.113.1"
NEIGHBOUR = "203.0.113.2"


class Lab:
    """This thread's own namespace plays the host; others are made as needed.

    Everything is gone with the descriptors that `close` closes.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._undo.callback(os.close, home)
        unshare(CLONE_NEWNET)
        self._undo.callback(setns, home, CLONE_NEWNET)
        self.host = self._own()
        # A new namespace inherits this from the machine; every test starts from a host that is
        # no router.
        write_sysctl("net/ipv4/ip_forward", "0")
        self.route = self._undo.enter_context(RouteSocket())
        self.route.run(set_link("lo", up=True))

    def _own(self) -> Fd:
        return self._undo.enter_context(Fd(os.open("/proc/thread-self/ns/net", os.O_RDONLY)))

    def close(self) -> None:
        """Back to the namespace of before."""
        self._undo.close()

    def netns(self) -> Fd:
        """A new namespace with `lo` up."""
        unshare(CLONE_NEWNET)
        try:
            made = self._own()
        finally:
            setns(self.host.fileno(), CLONE_NEWNET)
        bring_up_loopback(made)
        return made

    def neighbour(self) -> Fd:
        """A machine on the host's link `out0`, which routes container subnets over the host."""
        made = self.netns()
        self.route.run(
            new_veth(
                "out0",
                peer_name="eth0",
                peer_netns=made.fileno(),
                peer_mac="02:42:cb:00:71:02",
                mtu=1500,
                master=0,
            ),
            set_link("out0", up=True),
        )
        self.route.run(new_address(socket.if_nametoindex("out0"), f"{HOST}/24"))
        with inside_netns(made.fileno()), RouteSocket() as route:
            index = socket.if_nametoindex("eth0")
            route.run(
                new_address(index, f"{NEIGHBOUR}/24"),
                set_link(index, up=True),
                new_route(index, "172.16.0.0/12", HOST),
            )
        return made

    def attach(self, netns: Fd, interface: dict) -> None:
        attach_interface(self.route, netns, interface)

    def listen(self, netns: Fd, port: int, *, kind=socket.SOCK_STREAM, address="0.0.0.0"):
        """A server socket in a namespace, closed with the lab."""
        with inside_netns(netns.fileno()):
            server = self._undo.enter_context(socket.socket(socket.AF_INET, kind))
        server.settimeout(ANSWER_S)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen()
        return server

    def reach(
        self,
        netns: Fd,
        address: str,
        port: int,
        server: socket.socket,
        *,
        patience_s: float = ANSWER_S,
    ) -> str | None:
        """Connect from a namespace; returns which source address the server sees, None if none.

        The kernel finishes the handshake, so the server need not be served meanwhile.
        """
        with inside_netns(netns.fileno()):
            client = socket.socket()
        with client:
            client.settimeout(patience_s)
            try:
                client.connect((address, port))
            except OSError:
                return None
            accepted, (source, _) = server.accept()
            accepted.close()
            return source

    def is_blocked(self, netns: Fd, address: str, port: int, server: socket.socket) -> bool:
        """Whether a connection does not come about, by refusal or silence."""
        return self.reach(netns, address, port, server, patience_s=SILENCE_S) is None

    def reach_udp(self, netns: Fd, address: str, port: int, server: socket.socket) -> str:
        """Send a datagram and get the answer from where it was sent to; as `reach`."""
        with inside_netns(netns.fileno()):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.connect((address, port))
            client.send(b"?")
            assert select.select([server], [], [], ANSWER_S)[0], "no datagram came"
            _, source = server.recvfrom(16)
            server.sendto(b"!", source)
            client.settimeout(ANSWER_S)
            assert client.recv(16) == b"!"
            return source[0]

    @contextmanager
    def inside(self, netns: Fd):
        with inside_netns(netns.fileno()):
            yield

    def sysctl(self, netns: Fd, name: str) -> str:
        with inside_netns(netns.fileno()):
            return Path("/proc/sys", name).read_text().strip()
