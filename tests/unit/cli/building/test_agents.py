from __future__ import annotations

import queue
import socket
import threading

from baleen.api.build_frames import AGENT, BuildFrames
from baleen.cli.building.agents import Agents


def test_bytes_go_to_the_agent_and_its_answers_back(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "agent"))
    listener.listen()
    sent: queue.Queue[bytes] = queue.Queue()

    def serve() -> None:
        stream, _ = listener.accept()
        with stream:
            stream.sendall(stream.recv(100)[::-1])
            assert stream.recv(100) == b""

    server = threading.Thread(target=serve)
    server.start()

    def next_answer():
        ((kind, payload),) = BuildFrames().feed(sent.get(timeout=10))
        assert kind == AGENT
        return int.from_bytes(payload[:4], "big"), payload[4:]

    with Agents({"work": str(tmp_path / "agent")}, sent.put) as agents:
        agents.opened({"channel": 1, "id": "nobody"})
        assert next_answer() == (1, b"")
        agents.opened({"channel": 2, "id": "work"})
        agents.data(b"\0\0\0\2abc")
        assert next_answer() == (2, b"cba")
        agents.data(b"\0\0\0\7lost")
        agents.data(b"\0\0\0\2")
        assert next_answer() == (2, b"")
    server.join()
    listener.close()
