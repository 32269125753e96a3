"""Requests per second of `GET /_ping` over one kept-alive unix connection.

    python bench/http_ping.py [SOCKET] [SECONDS]

Without a socket (or with `-`) a server of ours without an engine is forked for the run; with one,
whatever listens there is measured (dockerd's /var/run/docker.sock, for the comparison).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time

REQUEST = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: bench\r\n\r\n"


async def serve(listener):
    from baleen.daemon.application import HEADERS, Application
    from baleen.daemon.guard import OriginGuard
    from baleen.daemon.http_server import HttpServer

    async with asyncio.TaskGroup() as group:
        server = HttpServer(Application(None, OriginGuard(())), group, headers=HEADERS)
        await server.listen(listener, is_tcp=False)


def run(path, seconds):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(REQUEST)
    expected = len(client.recv(65536))
    count, start = 0, time.perf_counter()
    end = start + seconds
    while time.perf_counter() < end:
        for _ in range(100):
            client.sendall(REQUEST)
            got = len(client.recv(65536))
            if got != expected:
                raise SystemExit(f"answer of {got} bytes instead of {expected}")
        count += 100
    return count / (time.perf_counter() - start)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "-"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    if path != "-":
        print(f"{run(path, seconds):.0f} requests/s")
        return
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/ping.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        pid = os.fork()
        if pid == 0:
            asyncio.run(serve(listener))
            os._exit(0)
        try:
            print(f"{run(path, seconds):.0f} requests/s")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
