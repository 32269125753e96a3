"""runtime.dns_forward: upstream servers on 127.0.0.x, dead, slow, lying and right ones."""

import select
import socket
import struct

import pytest

from baleen.runtime.dns_events import Events
from baleen.runtime.dns_forward import DEADLINE_S, MAX_IN_FLIGHT, PATIENCE_S, Forwarder, Upstream
from baleen.runtime.dns_message import SERVFAIL, encode_name, parse_query, rcode, with_id

QUESTION = encode_name("example.com") + struct.pack("!HH", 1, 1)
MESSAGE = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + QUESTION


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Lab:
    """Servers on one port of several loopback addresses, and a forwarder that knows them."""

    def __init__(self, addresses):
        self.clock = Clock()
        self.events = Events(self.clock)
        self.answers = []
        self.servers = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.forwarder = Forwarder(self.events, Upstream(addresses, ""), port=self.port)

    def listen(self, address, kind=socket.SOCK_DGRAM):
        server = socket.socket(socket.AF_INET, kind)
        server.bind((address, self.port))
        server.settimeout(5)
        if kind == socket.SOCK_STREAM:
            server.listen()
        self.servers[address, kind] = server
        return server

    def ask(self, *, tcp=False):
        self.forwarder.forward(parse_query(MESSAGE), MESSAGE, self.answers.append, tcp=tcp)

    def turn(self):
        """Wait for the next event of a socket, then do all that is due."""
        assert select.select([self.events.fileno()], [], [], 5)[0]
        self.events.turn()

    def pass_time(self, seconds):
        self.clock.now += seconds
        self.events.turn()

    def close(self):
        self.forwarder.close()
        self.events.close()
        for server in self.servers.values():
            server.close()


@pytest.fixture
def lab(request):
    lab = Lab(request.param)
    yield lab
    lab.close()


def servers(*addresses):
    return pytest.mark.parametrize("lab", [addresses], indirect=True)


def answer_to(query, code=0):
    return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0) + query[12:]


@servers("127.0.0.2")
def test_the_answer_comes_back_under_the_clients_id(lab):
    server = lab.listen("127.0.0.2")
    lab.ask()
    query, client = server.recvfrom(512)
    assert query[2:] == MESSAGE[2:]
    server.sendto(answer_to(query), client)
    lab.turn()
    assert lab.answers == [answer_to(MESSAGE)]
    assert lab.events.next_timeout() is None


@servers("127.0.0.2")
def test_each_query_has_its_own_port_and_id(lab):
    server = lab.listen("127.0.0.2")
    seen = set()
    for _ in range(8):
        lab.ask()
        query, client = server.recvfrom(512)
        seen.add((query[:2], client[1]))
    assert len({port for _, port in seen}) == 8
    assert len({number for number, _ in seen}) > 4


@servers("127.0.0.2")
def test_an_answer_with_another_id_or_question_is_ignored(lab):
    server = lab.listen("127.0.0.2")
    lab.ask()
    query, client = server.recvfrom(512)
    server.sendto(answer_to(with_id(query, int.from_bytes(query[:2], "big") ^ 1)), client)
    lab.turn()
    server.sendto(answer_to(query).replace(b"example", b"exbmple"), client)
    lab.turn()
    assert lab.answers == []
    server.sendto(answer_to(query), client)
    lab.turn()
    assert len(lab.answers) == 1


@servers("127.0.0.2")
def test_a_packet_of_another_sender_is_not_even_received(lab):
    server = lab.listen("127.0.0.2")
    stranger = lab.listen("127.0.0.3")
    lab.ask()
    query, client = server.recvfrom(512)
    stranger.sendto(answer_to(query), client)
    lab.events.turn()
    assert lab.answers == []


@servers("127.0.0.2")
def test_a_silent_server_gives_servfail_at_the_deadline(lab):
    lab.listen("127.0.0.2")
    lab.ask()
    lab.pass_time(DEADLINE_S)
    assert [rcode(item) for item in lab.answers] == [SERVFAIL]
    assert lab.answers[0][:2] == MESSAGE[:2]


@servers("127.0.0.2", "127.0.0.3")
def test_when_a_server_is_silent_the_next_is_asked_as_well(lab):
    slow, fast = lab.listen("127.0.0.2"), lab.listen("127.0.0.3")
    lab.ask()
    lab.pass_time(PATIENCE_S)
    query, client = fast.recvfrom(512)
    fast.sendto(answer_to(query), client)
    lab.turn()
    assert lab.answers == [answer_to(MESSAGE)]
    assert slow.recvfrom(512)[0][2:] == MESSAGE[2:]


@servers("127.0.0.2", "127.0.0.3")
def test_the_slow_server_may_still_win(lab):
    slow = lab.listen("127.0.0.2")
    lab.listen("127.0.0.3")
    lab.ask()
    query, client = slow.recvfrom(512)
    lab.pass_time(PATIENCE_S)
    slow.sendto(answer_to(query), client)
    lab.turn()
    assert lab.answers == [answer_to(MESSAGE)]


@servers("127.0.0.2", "127.0.0.3")
def test_where_nobody_listens_the_next_server_is_asked_at_once(lab):
    server = lab.listen("127.0.0.3")
    lab.ask()
    lab.turn()
    query, client = server.recvfrom(512)
    server.sendto(answer_to(query), client)
    lab.turn()
    assert lab.answers == [answer_to(MESSAGE)]


@servers("127.0.0.2", "127.0.0.3")
def test_a_refusal_counts_only_when_no_server_knows_better(lab):
    first, second = lab.listen("127.0.0.2"), lab.listen("127.0.0.3")
    for code in (0, 5):
        lab.ask()
        query, client = first.recvfrom(512)
        first.sendto(answer_to(query, 5), client)
        lab.turn()
        query, client = second.recvfrom(512)
        second.sendto(answer_to(query, code), client)
        lab.turn()
    assert [rcode(item) for item in lab.answers] == [0, 5]


@servers("not-an-address", "127.0.0.2")
def test_a_server_that_is_no_address_is_skipped(lab):
    server = lab.listen("127.0.0.2")
    lab.ask()
    assert server.recvfrom(512)


@servers("127.0.0.2")
def test_what_came_by_tcp_is_asked_by_tcp(lab):
    server = lab.listen("127.0.0.2", socket.SOCK_STREAM)
    lab.ask(tcp=True)
    accepted, _ = server.accept()
    lab.turn()
    size = int.from_bytes(accepted.recv(2), "big")
    query = accepted.recv(size)
    reply = answer_to(query)
    accepted.sendall(len(reply).to_bytes(2, "big") + reply[:5])
    lab.turn()
    assert lab.answers == []
    accepted.sendall(reply[5:])
    lab.turn()
    accepted.close()
    assert lab.answers == [answer_to(MESSAGE)]


@servers("127.0.0.2")
def test_a_connection_that_ends_early_gives_servfail(lab):
    server = lab.listen("127.0.0.2", socket.SOCK_STREAM)
    lab.ask(tcp=True)
    accepted, _ = server.accept()
    lab.turn()
    accepted.recv(512)
    accepted.close()
    lab.turn()
    assert [rcode(item) for item in lab.answers] == [SERVFAIL]


@servers("127.0.0.2")
def test_queries_in_flight_are_bounded(lab):
    lab.listen("127.0.0.2")
    for _ in range(MAX_IN_FLIGHT + 3):
        lab.ask()
    assert [rcode(item) for item in lab.answers] == [SERVFAIL] * 3
    lab.pass_time(DEADLINE_S)
    assert len(lab.answers) == MAX_IN_FLIGHT + 3
    assert len(lab.forwarder._in_flight) == 0


def test_the_hosts_file_is_followed_when_it_changes(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.1\nnameserver x\nnameserver 2001:db8::1\n")
    upstream = Upstream([], str(path))
    assert upstream.servers() == ("192.0.2.1", "2001:db8::1")
    (tmp_path / "new").write_text("nameserver 192.0.2.9\n")
    (tmp_path / "new").replace(path)
    assert upstream.servers() == ("192.0.2.9",)


def test_without_a_file_the_host_itself_is_asked(tmp_path):
    assert Upstream([], str(tmp_path / "none")).servers() == ("127.0.0.1",)


def test_given_servers_are_fixed(tmp_path):
    assert Upstream(["192.0.2.1"], str(tmp_path)).servers() == ("192.0.2.1",)
