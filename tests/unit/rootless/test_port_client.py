"""The client's half is tested with the holder's, see `test_published`; here, a holder that errs."""

from __future__ import annotations

import threading

import pytest

from baleen.errors import Unavailable
from baleen.rootless.inside import listen_at
from baleen.rootless.port_client import PortClient


@pytest.mark.parametrize("answer", [b"", b"{}", b"nonsense", b'{"errno": -1}'])
def test_a_holder_that_ends_or_babbles_is_unavailable(tmp_path, answer):
    listener = listen_at(tmp_path / "s")
    listener.setblocking(True)

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            if answer:
                connection.send(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(Unavailable):
        PortClient(tmp_path / "s").publish("tcp", ("127.0.0.1", 80), ("10.0.0.1", 80))
    thread.join()
    listener.close()
