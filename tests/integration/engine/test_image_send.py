"""`baleen image send` between two engines: what goes over, and what a failure leaves."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from bed import Bed, running, wait_until
from oci_layout import Layout, digest_of, layer

pytestmark = pytest.mark.integration

BLOB = "/baleen/v1/images/blob"


@pytest.fixture(scope="module")
def other():
    yield from running(Bed)


def send(engine, *arguments):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("baleen")), "image", "send", *arguments],
        capture_output=True,
        env=engine.environment(),
        timeout=60,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def load(engine, name, layers):
    layout = Layout()
    target = layout.image(layers, compression="none")
    engine.docker("load", stdin=layout.archive(target, f"docker.io/library/{name}"))
    return target


@pytest.fixture(autouse=True)
def nothing_is_kept(other):
    kept = other.inventory()
    yield
    other.remove_everything(kept)
    other.docker("image", "prune", "-f")


def test_only_what_is_missing_goes_over(engine, other):
    base = layer({"base": os.urandom(300_000)})
    load(engine, "one:1", [base])
    load(engine, "two:1", [base, layer({"more": b"m"})])
    code, out = send(engine, "one:1", other.host)
    assert code == 0, out
    assert "Sent one:1: 3 blobs, 30" in out
    assert "0 were there already" in out
    assert other.inventory()["images"] == engine.inventory()["images"] - {"two:1"}
    ids = [e.out("image", "inspect", "-f", "{{.Id}}", "one:1") for e in (engine, other)]
    assert ids[0] == ids[1]
    code, out = send(engine, "one:1", other.host)
    assert (code, out.splitlines()[-1]) == (
        0,
        "Sent one:1: 0 blobs, 0B; 3 were there already",
    )
    code, out = send(engine, "two:1", other.host)
    assert code == 0, out
    assert f"{digest_of(base)[7:19]}: Already exists" in out
    assert "Sent two:1: 3 blobs, 1" in out
    assert other.out("history", "-q", "two:1")


def test_an_image_that_arrived_runs(engine, other):
    engine.docker("tag", "busybox", "tools:x")
    code, out = send(engine, "-q", "tools:x", other.host)
    assert (code, out.strip()) == (0, engine.out("image", "inspect", "-f", "{{.Id}}", "tools:x"))
    assert other.out("run", "--rm", "tools:x", "echo", "here") == "here"


def test_what_was_cut_off_has_no_name_and_goes_on(engine, other):
    data = layer({"big": os.urandom(400_000)})
    load(engine, "cut:1", [data])
    digest = digest_of(data)
    # A sender that dies in the middle of a blob.
    half = len(data) // 2
    answer = cut_put(other, f"{BLOB}?digest={digest}&size={len(data)}", data[:half])
    assert b"200" not in answer.split(b"\r\n")[0]
    assert "cut:1" not in other.inventory()["images"]
    code, out = send(engine, "cut:1", other.host)
    assert code == 0, out
    offer = engine.api("GET", "/baleen/v1/images/cut:1/blobs").json()
    whole = sum(blob["Size"] for blob in offer["Blobs"])
    assert "3 blobs, 2" in out.splitlines()[-1], (out, whole)
    assert "cut:1" in other.inventory()["images"]


def cut_put(bed, path, data):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(20)
        stream.connect(str(bed.socket))
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        stream.sendall(head.encode() + b"%x\r\n" % len(data) + data + b"\r\n")
        stream.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
        return answer


def test_a_sender_that_lies_is_refused(engine, other):
    true = os.urandom(5000)
    digest = "sha256:" + hashlib.sha256(true).hexdigest()
    answer = other.api("PUT", f"{BLOB}?digest={digest}&size=5000", b"x" * 5000)
    assert (answer.status, "was expected to be" in answer.message) == (400, True)
    answer = other.api("PUT", f"{BLOB}?digest={digest}&size=10", true)
    assert (answer.status, "larger than 10 bytes" in answer.message) == (400, True)
    assert other.api("PUT", f"{BLOB}?digest={digest}&size=5000&offset=9", b"").status == 409
    assert other.api("PUT", f"{BLOB}?digest=../../x&size=1", b"x").status == 400
    target = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 5000}
    body = {
        "Target": {**target, "digest": digest},
        "Names": ["lie:1"],
        "Blobs": [{"Digest": digest, "Size": 5000}],
    }
    answer = other.api("POST", "/baleen/v1/images/receive", body)
    assert answer.json() == {"Missing": [{"Digest": digest, "Received": 0}]}
    # There, but no manifest.
    assert other.api("PUT", f"{BLOB}?digest={digest}&size=5000", true).status == 204
    assert other.api("POST", "/baleen/v1/images/receive", body).status >= 400
    named = {**body, "Names": [f"lie@sha256:{'0' * 64}"]}
    assert other.api("POST", "/baleen/v1/images/receive", named).status == 400
    assert "lie:1" not in other.inventory()["images"]


def test_one_platform_of_an_index_keeps_the_id(engine, other):
    layout = Layout()
    children = [layout.image([layer({a: b"x" * 9000})], a) for a in ("amd64", "arm64")]
    archive = layout.archive(layout.index(children), "docker.io/library/many:1")
    engine.docker("load", stdin=archive)
    code, out = send(engine, "--platform", "linux/arm64", "many:1", other.host)
    assert code == 0, out
    assert "Sent many:1: 4 blobs" in out
    ids = [e.out("image", "inspect", "-f", "{{.Id}}", "many:1") for e in (engine, other)]
    assert ids[0] == ids[1]
    code, out = send(engine, "many:1", other.host)
    assert "Sent many:1: 3 blobs" in out
    code, out = send(engine, "--platform", "linux/s390x", "many:1", other.host)
    assert code == 1
    assert "does not provide the specified platform" in out


def test_names_that_do_not_exist(engine, other):
    code, out = send(engine, "nosuch:1", other.host)
    assert (code, "No such image: nosuch:1" in out) == (1, True)
    code, out = send(engine, "busybox", "nosuchcontext")
    assert (code, 'context "nosuchcontext": context not found' in out) == (1, True)
    code, out = send(engine, "busybox", f"unix://{other.directory}/nothing")
    assert (code, "Cannot connect" in out) == (1, True)
    answer = engine.api("GET", f"/baleen/v1/images/busybox/blob?digest=sha256:{'0' * 64}")
    assert answer.status == 404
    assert json.loads(answer.body)["message"].endswith("here")


@pytest.fixture
def ssh_only(tmp_path):
    """An ssh server on loopback that takes one key, and a folder with an `ssh` that offers it."""
    if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
        pytest.skip("needs sshd (openssh-server)")
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    programs = Path(sys.executable).parent
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nPasswordAuthentication no\nUsePAM no\n"
        f"PermitRootLogin yes\nPidFile none\nSetEnv PATH={programs}:/usr/bin:/bin\n"
    )
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin/ssh"
    ssh.write_text(
        f"#!/bin/sh\nexec /usr/bin/ssh -F none -i {tmp_path}/user -o UserKnownHostsFile=/dev/null "
        '-o StrictHostKeyChecking=no -o LogLevel=ERROR "$@"\n'
    )
    ssh.chmod(0o755)
    with (tmp_path / "log").open("wb") as log:
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(tmp_path / "sshd_config")]
        server = subprocess.Popen(command, stderr=log)
    try:
        wait_until("sshd listens", lambda: b"listening" in (tmp_path / "log").read_bytes())
        yield port, tmp_path / "bin"
    finally:
        server.terminate()
        server.wait(10)


def test_over_ssh(engine, other, ssh_only, monkeypatch):
    port, folder = ssh_only
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    load(engine, "far:1", [layer({"f": os.urandom(300_000)})])
    host = f"ssh://root@127.0.0.1:{port}{other.socket}"
    code, out = send(engine, "far:1", host)
    assert code == 0, out
    assert "Sent far:1: 3 blobs, 30" in out
    assert "far:1" in other.inventory()["images"]
    assert "0 blobs, 0B; 3 were there" in send(engine, "far:1", host)[1]


class _OldEngine(http.server.BaseHTTPRequestHandler):
    """An engine without our operations, which loads what it is given."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["Content-Length"]))
        found = self.path.partition("?")[0] == "/v1.41/images/load"
        if found:
            self.server.archives.append(body)
        document = {"stream": "Loaded image: old:1\n"} if found else {"message": "page not found"}
        raw = json.dumps(document).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


def test_an_engine_of_another_make_gets_all_of_it(engine):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OldEngine)
    server.archives = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        load(engine, "old:1", [layer({"f": b"content"})])
        code, out = send(engine, "old:1", f"tcp://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert code == 0, out
    assert "Sending all of old:1, as save and load do" in out
    assert "Loaded image: old:1" in out
    (archive,) = server.archives
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert "index.json" in tar.getnames()
