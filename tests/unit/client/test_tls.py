from __future__ import annotations

import socket
import ssl
import subprocess
import threading

import pytest

from baleen import errors
from baleen.client.endpoint import Endpoint, TlsOptions
from baleen.client.transport import connect, shutdown_write


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority with a server and a client certificate, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(
            "req",
            *new_key,
            "-keyout",
            f"{name}-key.pem",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca-key.pem",
            "-CAcreateserial",
            "-out",
            f"{name}.pem",
            "-extfile",
            f"{name}.ext",
        )
    return folder


class TlsServer:
    """Accepts one mutual TLS connection and serves it with `serve`."""

    def __init__(self, folder, serve, address="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, args=(context, serve))
        self.thread.start()

    def _run(self, context, serve):
        stream, _ = self.listener.accept()
        try:
            with context.wrap_socket(stream, server_side=True) as tls:
                serve(tls)
        except OSError:
            pass
        finally:
            stream.close()

    def close(self):
        self.thread.join(10)
        self.listener.close()
        assert not self.thread.is_alive()


def options(folder, **changes):
    values = {
        "ca": str(folder / "ca.pem"),
        "cert": str(folder / "client.pem"),
        "key": str(folder / "client-key.pem"),
    }
    return TlsOptions(**{**values, **changes})


def test_tls_half_closes_and_still_receives(certificates):
    received = []

    def serve(tls):
        while data := tls.recv(1000):
            received.append(data)
        tls.sendall(b"answer after your end")
        tls.unwrap()

    server = TlsServer(certificates, serve)
    stream = connect(Endpoint("tcp", host="127.0.0.1", port=server.port, tls=options(certificates)))
    try:
        stream.sendall(b"question")
        shutdown_write(stream)
        answer = b""
        while data := stream.recv(1000):
            answer += data
        assert (received, answer) == ([b"question"], b"answer after your end")
    finally:
        stream.close()
        server.close()


def test_a_server_of_another_authority_is_not_trusted(certificates):
    server = TlsServer(certificates, lambda tls: None)
    other = options(certificates, ca=str(certificates / "client.pem"))
    try:
        with pytest.raises(errors.Unavailable, match=r"(?i)certificate"):
            connect(Endpoint("tcp", host="127.0.0.1", port=server.port, tls=other))
    finally:
        server.close()


def test_a_certificate_for_another_name_is_not_trusted(certificates):
    server = TlsServer(certificates, lambda tls: None, address="127.0.0.2")
    endpoint = Endpoint("tcp", host="127.0.0.2", port=server.port, tls=options(certificates))
    try:
        with pytest.raises(errors.Unavailable, match=r"(?i)certificate|mismatch"):
            connect(endpoint)
    finally:
        server.close()


def test_unusable_tls_files_are_named(certificates, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        broken = options(certificates, key=str(tmp_path / "nope"))
        endpoint = Endpoint("tcp", host="127.0.0.1", port=listener.getsockname()[1], tls=broken)
        with pytest.raises(errors.InvalidArgument, match="TLS files"):
            connect(endpoint)
    finally:
        listener.close()


def test_data_under_way_at_the_half_close_is_not_lost(certificates):
    """The server talks before it hears our end; OpenSSL's own shutdown would drop that."""
    received = []
    data = b"x" * 3_000_000

    def serve(tls):
        tls.sendall(data[:100_000])
        while piece := tls.recv(100_000):
            received.append(piece)
        tls.sendall(data[100_000:])
        tls.unwrap()

    server = TlsServer(certificates, serve)
    stream = connect(Endpoint("tcp", host="127.0.0.1", port=server.port, tls=options(certificates)))
    try:
        got = stream.recv(1)
        stream.sendall(data)
        shutdown_write(stream)
        while piece := stream.recv(100_000):
            got += piece
        assert got == data
        assert b"".join(received) == data
    finally:
        stream.close()
        server.close()
