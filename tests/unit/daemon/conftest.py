"""A server on a unix socket in a temporary directory, over the fake engine."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import pathlib
import socket
import sys

import pytest

_spec = importlib.util.spec_from_file_location(
    "baleen_fake_engine", pathlib.Path(__file__).with_name("fake_engine.py")
)
fake_engine = importlib.util.module_from_spec(_spec)
sys.modules["baleen_fake_engine"] = fake_engine
_spec.loader.exec_module(fake_engine)

from baleen.daemon.application import Application, headers  # noqa: E402
from baleen.daemon.guard import OriginGuard  # noqa: E402
from baleen.daemon.http_server import HttpServer, Limits  # noqa: E402


class Client:
    """One raw connection."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        raw = await self.reader.readuntil(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), {k.lower(): v for k, v in headers.items()}

    async def response(self, *, head_only=False):
        status, headers = await self.head()
        body = b""
        if head_only or status in (204, 304):
            pass
        elif headers.get("transfer-encoding") == "chunked":
            while size := int((await self.reader.readline()).strip(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        return status, headers, body

    async def request(self, method, path, body=None, headers=""):
        text = f"{method} {path} HTTP/1.1\r\nHost: d\r\n{headers}"
        if body is not None:
            text += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        await self.send(text.encode() + b"\r\n" + (body or b""))
        return await self.response(head_only=method == "HEAD")

    async def rest(self):
        return await self.reader.read()

    def close(self):
        self.writer.close()


class Running:
    def __init__(self, server, engine, path, port):
        self.server = server
        self.engine = engine
        self.path = path
        self.port = port
        self._clients = []

    async def connect(self):
        client = Client(*await asyncio.open_unix_connection(self.path))
        self._clients.append(client)
        return client

    async def connect_tcp(self):
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def stop(self):
        await self.server.close(1)
        for client in self._clients:
            client.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()


@contextlib.asynccontextmanager
async def running(directory, limits=None):
    async with asyncio.TaskGroup() as group:
        engine = fake_engine.FakeEngine()
        server = HttpServer(
            Application(engine, OriginGuard(())),
            group,
            headers=headers(experimental=False),
            limits=limits,
        )
        path = str(directory / "api.sock")
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        tcp = socket.socket()
        tcp.bind(("127.0.0.1", 0))
        await server.listen(unix, is_tcp=False)
        await server.listen(tcp, is_tcp=True)
        run = Running(server, engine, path, tcp.getsockname()[1])
        try:
            yield run
        finally:
            await run.stop()


@pytest.fixture
def start(tmp_path):
    """A context manager that starts a server, with limits of the test's choice."""
    return lambda limits=None: running(tmp_path, limits)


@pytest.fixture
async def daemon(tmp_path):
    async with running(tmp_path) as run:
        yield run


@pytest.fixture
def short_limits():
    return Limits(head_s=0.2, body_s=0.2, write_s=0.3, idle_s=0.4, sweep_s=0.05)
