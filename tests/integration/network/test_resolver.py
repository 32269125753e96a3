"""The resolver in a container's namespace, asked through 127.0.0.11:53. N02, F36."""

import json
import os
import resource
import select
import socket
import struct

import pytest

from baleen.runtime.dns_message import SERVFAIL, encode_name, rcode
from baleen.runtime.resolver import Resolver

pytestmark = pytest.mark.integration

SERVER = ("127.0.0.11", 53)


class Bed:
    """A resolver in a container's namespace, driven as the supervisor drives it."""

    def __init__(self, lab, folder, **settings):
        self.lab = lab
        self.netns = lab.netns()
        (folder / "shop.json").write_text(
            json.dumps(
                {
                    "network": "shop",
                    "names": {"web": ["10.0.0.2"]},
                    "reverse": {"10.0.0.2": "web"},
                }
            )
        )
        (folder / "view.json").write_text(json.dumps({"files": [str(folder / "shop.json")]}))
        given = {"names_path": str(folder / "view.json"), "upstream": [], "forward": True}
        self.resolver = Resolver(self.netns, **(given | settings))

    def socket(self, kind=socket.SOCK_DGRAM):
        with self.lab.inside(self.netns):
            client = socket.socket(socket.AF_INET, kind)
        client.settimeout(5)
        client.connect(SERVER)
        return client

    def run(self, until):
        """Turn the resolver's loop until the socket `until` is readable."""
        [fd] = self.resolver.fds()
        for _ in range(50):
            ready = select.select([fd, until], [], [], 5)[0]
            assert ready, "nothing happened for 5 s"
            if until in ready:
                return
            self.resolver.on_readable(fd)
        raise AssertionError("no answer after 50 turns")

    def ask(self, name, kind=1):
        with self.socket() as client:
            client.send(query(name, kind))
            self.run(client)
            return client.recv(4096)


def query(name, kind=1):
    return (
        struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0)
        + encode_name(name)
        + struct.pack("!HH", kind, 1)
    )


@pytest.fixture
def make_bed(lab, tmp_path):
    made = []

    def make(**settings):
        bed = Bed(lab, tmp_path, **settings)
        made.append(bed)
        return bed

    yield make
    for bed in made:
        bed.resolver.close()


def upstream(lab, address="127.0.0.53"):
    """A server of the host, as systemd-resolved's stub is."""
    return lab.listen(lab.host, 53, kind=socket.SOCK_DGRAM, address=address)


def test_a_name_is_answered_from_port_53(make_bed):
    answer = make_bed().ask("web")
    assert answer.endswith(b"\0\4\n\0\0\2")


def test_tcp_is_answered_too_and_several_messages_on_one_connection(make_bed):
    bed = make_bed()
    with bed.socket(socket.SOCK_STREAM) as client:
        message = query("web")
        client.sendall((len(message).to_bytes(2, "big") + message) * 2)
        received = b""
        while received.count(b"\0\4\n\0\0\2") < 2:
            bed.run(client)
            received += client.recv(4096)
    assert int.from_bytes(received[:2], "big") * 2 + 4 == len(received)


def test_port_53_of_other_addresses_stays_the_containers(lab, make_bed):
    bed = make_bed()
    own = lab.listen(bed.netns, 53, kind=socket.SOCK_DGRAM)
    with lab.inside(bed.netns):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.sendto(b"for the container's own server", ("127.0.0.1", 53))
        assert own.recvfrom(100)[0] == b"for the container's own server"
    assert bed.ask("web").endswith(b"\0\4\n\0\0\2")


def test_other_names_are_asked_from_the_hosts_namespace(lab, make_bed, tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    server = upstream(lab)
    bed = make_bed(resolv_conf=str(tmp_path / "resolv.conf"))
    with bed.socket() as client:
        client.send(query("example.com"))
        bed.run(server)
        question, sender = server.recvfrom(512)
        server.sendto(question[:2] + b"\x81\x80" + question[4:], sender)
        bed.run(client)
        assert client.recv(512) == struct.pack("!HH", 7, 0x8180) + query("example.com")[4:]


def test_n02_from_an_internal_network_nothing_leaves(lab, make_bed):
    server = upstream(lab)
    bed = make_bed(upstream=["127.0.0.53"], forward=False)
    assert rcode(bed.ask("example.com")) == SERVFAIL
    assert bed.ask("web").endswith(b"\0\4\n\0\0\2")
    assert select.select([server], [], [], 0)[0] == []


def test_f36_names_are_answered_while_the_upstream_is_silent(lab, make_bed):
    server = upstream(lab)
    bed = make_bed(upstream=["127.0.0.53"])
    with bed.socket() as client:
        for number in range(600):
            client.send(query(f"x{number}.example.com"))
            if number % 20 == 0:
                bed.resolver.on_readable(bed.resolver.fds()[0])
        assert bed.ask("web").endswith(b"\0\4\n\0\0\2")
    assert select.select([server], [], [], 0)[0] == [server]


def test_a_client_that_never_reads_or_finishes_is_dropped(make_bed):
    bed = make_bed()
    clients = []
    for _ in range(40):
        clients.append(bed.socket(socket.SOCK_STREAM))
        clients[-1].send(b"\0")
        bed.resolver.on_readable(bed.resolver.fds()[0])
    assert len(bed.resolver._connections) == 32
    for client in clients:
        client.close()


def test_without_a_free_descriptor_the_loop_does_not_spin(make_bed):
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    clock = Clock()
    bed = make_bed(clock=clock)
    client = bed.socket(socket.SOCK_STREAM)
    [fd] = bed.resolver.fds()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        bed.resolver.on_readable(fd)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert select.select([fd], [], [], 0)[0] == []
    clock.now += bed.resolver.next_timeout()
    bed.resolver.on_readable(fd)
    message = query("web")
    with client:
        client.sendall(len(message).to_bytes(2, "big") + message)
        bed.run(client)
        assert client.recv(4096).endswith(b"\0\4\n\0\0\2")


def test_a_second_resolver_in_the_namespace_takes_over(lab, make_bed, tmp_path):
    bed = make_bed()
    bed.resolver.close()
    bed.resolver = Resolver(
        bed.netns, names_path=str(tmp_path / "view.json"), upstream=[], forward=False
    )
    assert bed.ask("web").endswith(b"\0\4\n\0\0\2")


def test_close_is_idempotent_and_leaves_no_descriptor(make_bed):
    before = len(os.listdir("/proc/self/fd"))
    bed = make_bed()
    bed.ask("web")
    bed.resolver.close()
    bed.resolver.close()
    assert len(os.listdir("/proc/self/fd")) == before + 1  # the namespace's own
