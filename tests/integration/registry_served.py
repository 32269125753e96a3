"""Registries and token servers as processes on loopback, and skopeo as their client."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

SKOPEO = shutil.which("skopeo")
DOCKER_REGISTRY = shutil.which("docker-registry")
_START = "import sys; from baleen.cli.main import main; sys.argv[0] = 'baleen'; sys.exit(main())"
_LISTENS = re.compile(r" on 127\.0\.0\.1(?: port |:)(\d+)")


class Served:
    """A server that runs.

    Attributes:
        address: `127.0.0.1:PORT`.
        data: its directory.
    """

    def __init__(self, process, port, data, lines):
        self.process, self.port, self.data, self._lines = process, port, data, lines
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"

    @property
    def log(self):
        return "".join(self._lines)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def _running(command, data, environment):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    lines = []
    found = threading.Event()
    port = []

    def read():
        for line in process.stdout:
            lines.append(line)
            match = _LISTENS.search(line)
            if match is not None and not port:
                port.append(int(match[1]))
                found.set()
        found.set()

    reader = threading.Thread(target=read)
    reader.start()
    found.wait(20)
    served = None
    try:
        assert port, "it does not listen:\n" + "".join(lines)
        served = Served(process, port[0], data, lines)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(10)
        process.stdout.close()


def config_of(directory, port=0, **tree):
    """Write a configuration, which JSON is YAML enough for, and return its path."""
    tree.setdefault("http", {}).setdefault("addr", f"127.0.0.1:{port}")
    tree.setdefault("storage", {}).setdefault("filesystem", {})["rootdirectory"] = str(
        directory / "data"
    )
    path = Path(directory) / "config.yml"
    path.write_text(json.dumps(tree))
    return path


@contextmanager
def serve(directory, command="serve", **tree):
    """Run `baleen registry serve` (or `issuer`) with a configuration."""
    directory.mkdir(parents=True, exist_ok=True)
    path = config_of(directory, **tree)
    command = [sys.executable, "-c", _START, "registry", command, str(path)]
    with _running(command, directory / "data", os.environ) as served:
        yield served


@contextmanager
def docker_registry(directory, port=0, **tree):
    """Run Debian's docker-registry, the foreign server."""
    directory.mkdir(parents=True, exist_ok=True)
    tree |= {"version": 0.1, "log": {"level": "info"}}
    tree.setdefault("storage", {})["delete"] = {"enabled": True}
    path = config_of(directory, port, **tree)
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    with _running([DOCKER_REGISTRY, "serve", str(path)], directory / "data", environment) as served:
        yield served


def write_key(directory, key):
    """Write `issuer.key`, and `issuer.crt` for it and for 127.0.0.1."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "issuer.crt").write_bytes(certificate.public_bytes(pem))
    (directory / "issuer.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def htpasswd(path, **people):
    """Write a file of accounts; bcrypt at its cheapest."""
    path.write_text(
        "".join(
            f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n"
            for name, word in people.items()
        )
    )
    return str(path)


def image_layout(directory, content=b"hello"):
    """Make an OCI layout with one image of one layer, and return it as skopeo names it."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    kind = "application/vnd.oci.image"
    layer = put(content, f"{kind}.layer.v1.tar")
    config = put(
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
                "config": {},
            }
        ).encode(),
        f"{kind}.config.v1+json",
    )
    manifest = put(
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.manifest.v1+json",
                "config": config,
                "layers": [layer],
            }
        ).encode(),
        f"{kind}.manifest.v1+json",
    )
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return f"oci:{directory}:latest"


def skopeo(*arguments, environment=None):
    """Run skopeo; return exit code and all it said. No file of credentials is the user's own."""
    with tempfile.TemporaryDirectory() as home:
        every = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, **(environment or {})}
        done = subprocess.run(
            [SKOPEO, "--insecure-policy", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            env=every,
            check=False,
        )
    return done.returncode, done.stdout


def push(layout, address, name, creds=None, *, secure=False):
    """Copy an image to a registry."""
    options = ["--dest-creds", creds] if creds else []
    tls = [] if secure else ["--dest-tls-verify=false"]
    return skopeo("copy", *tls, *options, layout, f"docker://{address}/{name}")


def pull(address, name, directory, creds=None):
    """Copy an image from a registry into a directory."""
    options = ["--src-creds", creds] if creds else []
    return skopeo(
        "copy", "--src-tls-verify=false", *options, f"docker://{address}/{name}", f"dir:{directory}"
    )
