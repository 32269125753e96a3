"""A registry under test: its application, called without a network, or the server as a process."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tarfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from baleen.registry.application import create_app
from baleen.registry.configuration import Tree
from baleen.registry.contents import Contents
from baleen.registry.metadata.sqlite import SqliteDatabase
from baleen.registry.settings import load_settings
from baleen.registry.storage.files import FileStorage

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
START = 1_800_000_000.0


def digest_of(data: bytes, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error code; there is exactly one."""
        (error,) = self.json["errors"]
        return error["code"]


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Recorder:
    """An event sink."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


@dataclass
class Registry:
    """An application and what is behind it; requests go straight into it."""

    app: object
    contents: Contents
    clock: Clock
    events: Recorder
    root: object
    state: dict = field(default_factory=dict)

    async def request(self, method, path, body=b"", headers=None, pieces=None):
        """Send one request; `pieces` are the body in parts, None among them is a lost client."""
        target, _, query = path.partition("?")
        head = {key.lower(): value for key, value in (headers or {}).items()}
        if pieces is None and body:
            head.setdefault("content-length", str(len(body)))
        queue = [body] if pieces is None else list(pieces)
        scope = {
            "type": "http",
            "method": method,
            "path": target.replace("%3A", ":").replace("%2f", "/").replace("%2F", "/"),
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": [(key.encode(), value.encode()) for key, value in head.items()],
            "client": ("192.0.2.1", 1),
            "state": dict(self.state),
        }
        sent = []

        async def receive():
            if not queue:
                return {"type": "http.request", "body": b"", "more_body": False}
            piece = queue.pop(0)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(queue)}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        if not sent:
            return None
        status = sent[0]["status"]
        fields = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        data = b"".join(message.get("body", b"") for message in sent[1:])
        if method != "HEAD" and "content-length" in fields:
            assert int(fields["content-length"]) == len(data)
        return Answer(status, fields, data)

    async def get(self, path, **headers):
        return await self.request(
            "GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    async def push_blob(self, name, data, digest=""):
        digest = digest or digest_of(data)
        answer = await self.request("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    async def push_manifest(self, name, reference, document, media_type=OCI_MANIFEST):
        return await self.request(
            "PUT",
            f"/v2/{name}/manifests/{reference}",
            document if isinstance(document, bytes) else json.dumps(document).encode(),
            {"content-type": media_type},
        )

    async def push_image(self, name, tag, salt="", **more):
        """Push a small image; return the manifest's digest and its bytes."""
        config, layer = f'{{"salt":"{salt}"}}'.encode(), f"layer {salt}".encode()
        await self.push_blob(name, config)
        await self.push_blob(name, layer)
        raw = json.dumps(manifest(config, [layer], **more)).encode()
        answer = await self.push_manifest(name, tag or digest_of(raw), raw)
        assert answer.status == 201, answer
        return digest_of(raw), raw


def descriptor(data, media_type, **more):
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def manifest(config=b"{}", layers=(), **more):
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
        **more,
    }


def index(manifests, **more):
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(raw, OCI_MANIFEST) for raw in manifests],
        **more,
    }


@asynccontextmanager
async def opened(
    root,
    *,
    delete=True,
    grace_s=3600.0,
    access=None,
    upstream=None,
    now=START,
    database=None,
    storage=None,
    **sections,
):
    """Give a registry over `root`; more settings by section."""
    clock, events = Clock(now), Recorder()
    section = {"delete": {"enabled": delete}, "filesystem": {"rootdirectory": str(root)}}
    settings = load_settings(Tree({"storage": section, **sections}))
    root.mkdir(mode=0o700, exist_ok=True)
    contents = Contents(
        storage or FileStorage(root),
        database or SqliteDatabase(root / "registry.db"),
        grace_s=grace_s,
        clock=clock,
    )
    app = create_app(settings, contents=contents, access=access, events=events, upstream=upstream)
    await contents.start()
    try:
        yield Registry(app, contents, clock, events, root)
    finally:
        await contents.close()


class Served:
    """`baleen registry serve` as a process, on a free port of 127.0.0.1."""

    def __init__(self, root, *arguments, **variables):
        self.root = root
        self.arguments = arguments
        self.variables = {"REGISTRY_STORAGE_DELETE_ENABLED": "true", **variables}
        self.process = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = root.parent / f"{root.name}.log"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "baleen.cli.main", "registry", "serve"),
                    *("--data", str(self.root), "--addr", self.address, *self.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.variables},
            )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        pidfd = os.pidfd_open(self.process.pid)
        try:
            for _ in range(1000):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        break
                ended, _, _ = select.select([pidfd], [], [], 0.02)
                assert not ended, self.log.read_text()
            else:
                raise AssertionError(f"no server:\n{self.log.read_text()}")
        finally:
            os.close(pidfd)
        status, _, _ = self.request("GET", "/v2/")
        assert status == 200

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(20) in {0, -signal.SIGKILL}, self.log.read_text()

    def request(self, method, path, body=None, headers=None):
        """Send one request on a connection of its own; status, headers (lower case), body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            fields = {key.lower(): value for key, value in answer.getheaders()}
            return answer.status, fields, answer.read()
        finally:
            connection.close()

    def push_blob(self, name, data):
        digest = digest_of(data)
        status, _, body = self.request("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data)
        assert status == 201, body
        return digest

    def push_image(self, name, tag, salt=""):
        config, layer = f'{{"salt":"{salt}"}}'.encode(), f"layer {salt}".encode()
        self.push_blob(name, config)
        self.push_blob(name, layer)
        raw = json.dumps(manifest(config, [layer])).encode()
        path = f"/v2/{name}/manifests/{tag}"
        status, _, body = self.request("PUT", path, raw, {"Content-Type": OCI_MANIFEST})
        assert status == 201, body
        return digest_of(raw)

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@contextmanager
def served(root, *arguments, **variables):
    """Give a running server; it is ended afterwards."""
    server = Served(root, *arguments, **variables)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def write_layout(directory, tag="latest", content=b"hello"):
    """Write an OCI layout with one image, for skopeo."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    layer = gzip.compress(stream.getvalue(), mtime=0)
    diff_id = digest_of(stream.getvalue())
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    raw = json.dumps(manifest(config, [layer])).encode()
    for data in (layer, config, raw):
        (blobs / digest_of(data).partition(":")[2]).write_bytes(data)
    name = {"org.opencontainers.image.ref.name": tag}
    entries = [descriptor(raw, OCI_MANIFEST, annotations=name)]
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return digest_of(raw)
