"""The client against a peer whose side of the dialogue is written here, over a real socket."""

import errno
import os
import socket
import threading

import pytest

from baleen.linux.dbus import Connection, DBusError, Variant
from baleen.linux.dbus.message import ERROR, METHOD_RETURN, SIGNAL, parse_message, size_of
from baleen.linux.dbus.wire import Writer

LOGIN = b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\nBEGIN\r\n"


def message(kind, fields, signature="", *values):
    body = Writer()
    body.values(signature, values)
    if signature:
        fields = [*fields, (8, Variant("g", signature))]
    whole = Writer()
    whole.data += b"l"
    whole.values("yyyuua(yv)", (kind, 0, 1, len(body.data), 9, fields))
    whole.align(8)
    return bytes(whole.data + body.data)


def reply(serial, signature="", *values):
    return message(METHOD_RETURN, [(5, Variant("u", serial))], signature, *values)


def signal(member, signature, *values):
    return message(SIGNAL, [(3, Variant("s", member))], signature, *values)


class Peer:
    """Accepts one client; `dialogue(peer)` is run in a thread."""

    def __init__(self, path, dialogue):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._dialogue = dialogue
        self.failure = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with self._listener:
            self.sock, _ = self._listener.accept()
        with self.sock:
            self.sock.settimeout(10)
            try:
                self._dialogue(self)
            except BaseException as error:
                self.failure = error

    def log_in(self):
        assert self.read(len(LOGIN)) == LOGIN
        self.sock.sendall(b"OK 1234deadbeef\r\n")

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            assert part, "the client is gone"
            data += part
        return data

    def call(self):
        head = self.read(16)
        return parse_message(head + self.read(size_of(head) - 16))

    def end(self):
        self._thread.join(10)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def peer(tmp_path):
    made = []

    def start(dialogue):
        made.append(Peer(str(tmp_path / "bus"), dialogue))
        return made[0].path

    yield start
    for one in made:
        one.end()


def test_a_call_is_answered(peer):
    def dialogue(peer):
        peer.log_in()
        call = peer.call()
        assert (call.member, call.body()) == ("Add", (2, 3))
        peer.sock.sendall(reply(call.serial, "u", 5))

    with Connection(peer(dialogue), 10) as bus:
        assert bus.call("a.b", "/c", "d.e", "Add", "uu", 2, 3) == (5,)


def test_what_comes_in_pieces_and_what_is_for_others_is_sorted_out(peer):
    def dialogue(peer):
        assert peer.read(len(LOGIN)) == LOGIN
        for letter in b"OK 12\r\n":
            peer.sock.sendall(bytes([letter]))
        call = peer.call()
        answer = (
            signal("Other", "s", "dropped")
            + reply(call.serial + 100)
            + signal("Wanted", "s", "first")
            + reply(call.serial, "s", "x" * 100_000)
            + signal("Wanted", "s", "second")
        )
        for start in range(0, len(answer), 4093):
            peer.sock.sendall(answer[start : start + 4093])

    with Connection(peer(dialogue), 10) as bus:
        bus.keep("Wanted")
        assert bus.call("a.b", "/c", "d.e", "F") == ("x" * 100_000,)
        assert bus.signal(lambda message: message.body() == ("second",)).member == "Wanted"


def test_an_error_of_the_method_has_its_name_and_the_connection_goes_on(peer):
    def dialogue(peer):
        peer.log_in()
        call = peer.call()
        fields = [(4, Variant("s", "x.Failed")), (5, Variant("u", call.serial))]
        peer.sock.sendall(message(ERROR, fields, "s", "no luck"))
        peer.sock.sendall(reply(peer.call().serial))

    with Connection(peer(dialogue), 10) as bus:
        with pytest.raises(DBusError, match="no luck") as caught:
            bus.call("a.b", "/c", "d.e", "F")
        assert caught.value.name == "x.Failed"
        assert bus.call("a.b", "/c", "d.e", "F") == ()


def test_a_refused_login_is_told(peer):
    def dialogue(peer):
        peer.read(len(LOGIN))
        peer.sock.sendall(b"REJECTED EXTERNAL\r\n")

    with pytest.raises(DBusError, match="login: refused: REJECTED EXTERNAL") as caught:
        Connection(peer(dialogue), 10)
    assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the connection was closed"),
        (b"x" * 16, "not a message of D-Bus version 1"),
        (b"l\1\0\1" + bytes(8) + b"\xff\xff\xff\x00", "too long"),
    ],
)
def test_a_peer_that_breaks_the_rules_is_told(peer, data, why):
    def dialogue(peer):
        peer.log_in()
        peer.call()
        peer.sock.sendall(data)

    with Connection(peer(dialogue), 10) as bus, pytest.raises(DBusError, match=why):
        bus.call("a.b", "/c", "d.e", "F")


def test_a_peer_that_is_silent_is_not_waited_for(peer):
    done = threading.Event()

    def dialogue(peer):
        peer.log_in()
        peer.call()
        done.wait(10)

    with Connection(peer(dialogue), 10) as bus:
        bus.deadline = 0.0
        with pytest.raises(DBusError, match="timed out") as caught:
            bus.call("a.b", "/c", "d.e", "F")
        assert caught.value.errno == errno.ETIMEDOUT
        done.set()


def test_an_endless_answer_to_the_login_is_refused(peer):
    def dialogue(peer):
        peer.read(len(LOGIN))
        peer.sock.sendall(b"A" * 10_000)

    with pytest.raises(DBusError, match="the answer is too long"):
        Connection(peer(dialogue), 10)


def test_nobody_there_is_told(tmp_path):
    with pytest.raises(DBusError, match="No such file or directory") as caught:
        Connection(str(tmp_path / "none"), 10)
    assert caught.value.errno == errno.ENOENT
