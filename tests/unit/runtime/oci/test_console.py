import os
import socket

import pytest

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.runtime.oci import console


@pytest.mark.parametrize(
    ("terminal", "detached", "path", "message"),
    [
        (True, True, "", "will detach without setting console socket"),
        (False, True, "/s", "cannot use console socket"),
        (True, False, "/s", "cannot use console socket"),
    ],
)
def test_what_cannot_go_together_is_refused(terminal, detached, path, message):
    with pytest.raises(InvalidArgument, match=message):
        console.check(terminal=terminal, detached=detached, path=path)


@pytest.mark.parametrize(
    ("terminal", "detached", "path"),
    [(True, True, "/s"), (True, False, ""), (False, True, ""), (False, False, "")],
)
def test_the_rest_is_not(terminal, detached, path):
    console.check(terminal=terminal, detached=detached, path=path)


def test_the_descriptor_arrives_with_a_name(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        master, slave = os.openpty()
        fd = Fd(master)
        console.hand_over(console.connect(path), fd)
        assert fd.closed
        with server.accept()[0] as client:
            name, (received,), _, _ = socket.recv_fds(client, 4096, 1)
    assert name == b"/dev/ptmx"
    os.write(slave, b"x")
    assert os.read(received, 1) == b"x"
    os.close(received)
    os.close(slave)


def test_nobody_at_the_socket_is_told(tmp_path):
    with pytest.raises(InvalidArgument, match="cannot connect to the console socket"):
        console.connect(str(tmp_path / "s"))
