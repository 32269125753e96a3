from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading

import pytest

from baleen.daemon import tls
from baleen.daemon.config import Config
from baleen.errors import InvalidArgument


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA with a server's and a client's certificate, and a stranger's."""
    directory = tmp_path_factory.mktemp("pki")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def path(name):
        return str(directory / name)

    for name in ("ca", "stranger"):
        openssl("req", "-x509", *key, "-keyout", path(f"{name}.key"), "-out", path(f"{name}.pem"),
                "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    for name in ("server", "client"):
        (directory / f"{name}.ext").write_text(
            f"subjectAltName=DNS:localhost\nextendedKeyUsage={name}Auth\n"
        )
        openssl("req", *key, "-keyout", path(f"{name}.key"), "-out", path(f"{name}.csr"),
                "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", path(f"{name}.csr"), "-CA", path("ca.pem"), "-CAkey",
                path("ca.key"), "-CAcreateserial", "-out", path(f"{name}.pem"), "-days", "2",
                "-extfile", path(f"{name}.ext"))  # fmt: skip
    return directory


def config(pki, **changes):
    values = {
        "tlsverify": True,
        "tlscacert": str(pki / "ca.pem"),
        "tlscert": str(pki / "server.pem"),
        "tlskey": str(pki / "server.key"),
    }
    return Config(**(values | changes))


def client_context(pki, name="client"):
    context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    if name:
        context.load_cert_chain(str(pki / f"{name}.pem"), str(pki / f"{name}.key"))
    return context


class Served:
    def __init__(self, port, engine, pki):
        self.port = port
        self.engine = engine
        self.pki = pki

    def exchange(self, request, name="client"):
        """Blocking, with the standard library's own TLS: send, read all."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as raw:
            context = client_context(self.pki, name)
            with context.wrap_socket(raw, server_hostname="localhost") as secure:
                secure.sendall(request)
                answer = b""
                while part := secure.recv(65536):
                    answer += part
                return answer


@pytest.fixture
async def served(start, pki):
    async with start() as daemon:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        await daemon.server.listen(
            listener, is_tcp=True, wrap=tls.wrapper(tls.server_context(config(pki)))
        )
        yield Served(port, daemon.engine, pki)


PING = b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_a_client_with_a_certificate_is_served(served):
    answer = await asyncio.to_thread(served.exchange, PING)
    assert answer.endswith(b"\r\n\r\nOK")


@pytest.mark.parametrize("name", ["", "stranger"])
async def test_a_client_without_our_certificate_is_not(served, name):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(served.exchange, PING, name)


async def test_plain_text_on_the_tls_port_is_dropped(served):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(PING)
    assert b"HTTP/1.1 200" not in await reader.read()
    writer.close()


async def test_a_large_answer_comes_whole(served):
    request = b"GET /containers/web/export HTTP/1.0\r\nHost: localhost\r\n\r\n"
    answer = await asyncio.to_thread(served.exchange, request)
    assert len(answer.partition(b"\r\n\r\n")[2]) == 64 * 65536


async def test_a_hijacked_connection_is_relayed_both_ways(served):
    request = (
        b"POST /containers/web/attach?stream=1 HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly"
    )
    loop = asyncio.get_running_loop()
    client = asyncio.ensure_future(asyncio.to_thread(served.exchange, request))
    side, early = await served.engine.hijacked.get()
    side.setblocking(False)
    assert early == b"early"
    data = bytes(range(256)) * 8192
    await loop.sock_sendall(side, data)
    side.close()
    answer = await client
    assert answer.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == data


async def test_input_that_comes_while_the_relay_is_made_is_not_lost(served):
    request = (
        b"POST /containers/web/attach?stream=1 HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    data = bytes(range(256)) * 4096
    loop = asyncio.get_running_loop()
    for _ in range(5):
        client = asyncio.ensure_future(asyncio.to_thread(served.exchange, request + data))
        side, got = await served.engine.hijacked.get()
        side.setblocking(False)
        async with asyncio.timeout(10):
            while len(got) < len(data):
                got += await loop.sock_recv(side, 1 << 20)
        assert got == data
        side.close()
        assert (await client).startswith(b"HTTP/1.1 101 UPGRADED\r\n")


async def test_bad_files_are_refused(pki):
    for changes in (
        {"tlskey": str(pki / "client.key")},
        {"tlscert": "/none"},
        {"tlscacert": str(pki / "ca.key")},
    ):
        with pytest.raises(InvalidArgument, match="cannot use the TLS files"):
            tls.server_context(config(pki, **changes))


async def test_a_client_that_only_reads_gets_the_output_after_its_goodbye(pki):
    """The layer alone, with the peer in memory: close_notify ends one direction only."""
    ours, theirs = socket.socketpair()
    received, answered = bytearray(), asyncio.Event()

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            received.extend(data)

        def eof_received(self):
            answered.set()
            return True

    echo = Echo()
    protocol = tls.TlsProtocol(tls.server_context(config(pki)), echo)
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_unix_connection(
        lambda: protocol, sock=ours
    )
    result = []

    def client():
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = client_context(pki).wrap_bio(incoming, outgoing, server_hostname="localhost")

        def step(act):
            while True:
                try:
                    done = act()
                except ssl.SSLWantReadError:
                    theirs.sendall(outgoing.read())
                    incoming.write(theirs.recv(65536))
                else:
                    theirs.sendall(outgoing.read())
                    return done

        step(secure.do_handshake)
        secure.write(b"input")
        try:
            secure.unwrap()
        except ssl.SSLWantReadError:
            theirs.sendall(outgoing.read())
        result.append(step(lambda: secure.read(100)))

    thread = threading.Thread(target=client)
    thread.start()
    async with asyncio.timeout(10):
        await answered.wait()
        assert bytes(received) == b"input"
        echo.transport.write(b"output")
        await asyncio.to_thread(thread.join)
    assert result == [b"output"]
    transport.close()
    theirs.close()
