"""The server as a process: addresses, signals, kill -9, and skopeo as its client."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess

import pytest
from registry_bed import Served, digest_of, served, write_layout

from baleen.errors import InvalidArgument, Unavailable
from baleen.registry.server import bind
from baleen.registry.settings import Http


def test_addresses(tmp_path):
    with bind(Http(addr="127.0.0.1:0")) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot listen"):
            bind(Http(addr=f"127.0.0.1:{port}"))
    with bind(Http(addr=":0")) as listener:
        assert listener.family in {socket.AF_INET6, socket.AF_INET}
    with bind(Http(addr=str(tmp_path / "socket"), net="unix")):
        assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o660
    for addr in ("5000", "host", ":x", ":65536", ":-1"):
        with pytest.raises(InvalidArgument, match="HOST:PORT"):
            bind(Http(addr=addr))


@pytest.fixture
def server(tmp_path):
    with served(tmp_path / "data") as it:
        yield it


def skopeo(*arguments):
    if shutil.which("skopeo") is None:
        pytest.skip("needs skopeo")
    done = subprocess.run(
        ["skopeo", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_skopeo_copies_inspects_lists_and_deletes(server, tmp_path):
    digest = write_layout(tmp_path / "layout")
    image = f"docker://{server.address}/team/app:v1"
    to, back = "--dest-tls-verify=false", "--src-tls-verify=false"
    skopeo("copy", "--insecure-policy", to, f"oci:{tmp_path}/layout:latest", image)
    found = json.loads(skopeo("inspect", "--tls-verify=false", image))
    assert found["Digest"] == digest
    assert found["RepoTags"] == ["v1"]
    skopeo("copy", "--insecure-policy", back, image, f"oci:{tmp_path}/back:latest")
    (entry,) = json.loads((tmp_path / "back/index.json").read_text())["manifests"]
    assert entry["digest"] == digest
    other = f"docker://{server.address}/team/copy:v2"
    skopeo("copy", "--insecure-policy", back, to, image, other)
    skopeo("delete", "--tls-verify=false", image)
    listed = skopeo("list-tags", "--tls-verify=false", f"docker://{server.address}/team/app")
    assert json.loads(listed)["Tags"] == []
    assert json.loads(skopeo("inspect", "--tls-verify=false", other))["Digest"] == digest


def test_a_signal_lets_a_request_end(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        digest = digest_of(b"12345")
        client.sendall(
            f"POST /v2/r/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        # Said when the body is read: the request is under way.
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        server.process.send_signal(signal.SIGTERM)
        client.sendall(b"12345")
        assert client.recv(1000).startswith(b"HTTP/1.1 201")
    server.stop()
    assert server.process.returncode == 0


def test_who_tries_tls_first_leaves_no_line_in_the_log(server):
    """Docker does, with localhost; the answer tells it that this is plain HTTP."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")
        assert client.recv(100).startswith(b"HTTP/1.1 400")
    assert server.request("GET", "/v2/")[0] == 200
    assert "Invalid HTTP" not in server.log.read_text()
    assert "WARNING" not in server.log.read_text()


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    server = Served(tmp_path / "data")
    pushed = {}
    session = ""
    for round_ in range(3):
        server.start()
        if session:
            status, headers, _ = server.request("GET", session)
            assert (status, headers["range"]) == (204, f"0-{5 * round_ - 1}")
            assert server.request("PATCH", session, b"12345")[0] == 202
        else:
            session = server.request("POST", "/v2/r/blobs/uploads/")[1]["location"]
            assert server.request("PATCH", session, b"12345")[0] == 202
        for number in range(5):
            tag = f"v{round_}-{number}"
            pushed[tag] = server.push_image("r", tag, tag)
        server.kill()
    server.start()
    for tag, digest in pushed.items():
        status, headers, body = server.request("GET", f"/v2/r/manifests/{tag}")
        assert (status, headers["docker-content-digest"]) == (200, digest)
        for entry in [json.loads(body)["config"], *json.loads(body)["layers"]]:
            status, _, data = server.request("GET", f"/v2/r/blobs/{entry['digest']}")
            assert (status, digest_of(data)) == (200, entry["digest"])
    whole = b"12345" * 3
    assert server.request("PUT", f"{session}?digest={digest_of(whole)}")[0] == 201
    server.stop()


def test_a_wrong_setting_is_said_without_a_traceback(tmp_path):
    server = Served(tmp_path / "data", REGISTRY_LOG_LEVEL="loud")
    with pytest.raises(AssertionError, match=r"log.level"):
        server.start()
    assert server.process.wait() == 1
    assert "Traceback" not in server.log.read_text()
