"""A small registry on loopback that answers rightly, and lies where a test tells it to.

    with LyingRegistry() as registry:
        image = registry.add_image("some/image", "latest", layers=[b"..."])
        registry.lie("GET", f"/blobs/{image.layers[0]}", cut_at(1000))

A *lie* is a function that answers one request in place of the registry. Each is told once unless
`times` says otherwise; the first that fits is taken. Every request is kept in `requests`.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import socket
import struct
import threading
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    import ssl

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Image:
    """What `add_image` made; digests as text."""

    manifest: str
    config: str
    layers: list[str]
    size: int


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes = b""


@dataclass
class Lie:
    method: str
    path: re.Pattern
    answer: object
    times: int


@dataclass
class LyingRegistry:
    """See the module's text.

    auth: "" for anybody, "basic" or "bearer" for `users`.
    """

    auth: str = ""
    users: dict = field(default_factory=lambda: {"user": "secret"})
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    realm: str = ""
    page: int = 1000
    token_life_s: int = 300
    blobs: dict = field(default_factory=dict)
    manifests: dict = field(default_factory=dict)
    uploads: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    tokens: dict = field(default_factory=dict)
    lies: list = field(default_factory=list)

    def __enter__(self):
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.closing = threading.Event()
        registry = self

        class Handler(_Handler):
            owner = registry

        self.server = _Server((self.host, 0), Handler)
        if self.tls is not None:
            self.server.tls = self.tls
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.close_all()
        self.server.server_close()
        self.thread.join()

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    # -- content

    def add_blob(self, data: bytes) -> str:
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest

    def add_manifest(self, repository: str, tag: str, document, media_type: str = OCI_MANIFEST):
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = digest_of(raw)
        self.manifests[repository, tag] = self.manifests[repository, digest] = (media_type, raw)
        return digest

    def add_image(
        self, repository: str, tag: str, layers: list[bytes], *, platform=("linux", "amd64"), **more
    ) -> Image:
        system, architecture = platform
        config = json.dumps(
            {
                "os": system,
                "architecture": architecture,
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
            }
        ).encode()
        document = manifest_of(self.add_blob(config), len(config), layers) | more
        digests = [self.add_blob(layer) for layer in layers]
        digest = self.add_manifest(repository, tag, document)
        return Image(digest, digest_of(config), digests, len(json.dumps(document)))

    # -- lies

    def lie(self, method: str, path: str, answer, times: int = 1) -> None:
        with self.lock:
            self.lies.append(Lie(method, re.compile(path), answer, times))

    def take_lie(self, method: str, path: str):
        with self.lock:
            for lie in self.lies:
                if lie.times and lie.method == method and lie.path.search(path):
                    lie.times -= 1
                    return lie.answer
        return None

    # -- what was asked

    def note(self, request: Request) -> None:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def asked(self, method: str, path: str) -> list[Request]:
        with self.lock:
            return [r for r in self.requests if r.method == method and re.search(path, r.path)]

    def wait_asked(self, method: str, path: str, count: int = 1, timeout_s: float = 20) -> None:
        """Return when so many such requests have come."""

        def enough():
            found = [r for r in self.requests if r.method == method and re.search(path, r.path)]
            return len(found) >= count

        with self.changed:
            assert self.changed.wait_for(enough, timeout_s), f"{method} {path} did not come"

    def blob_counts(self) -> Counter:
        return Counter(r.path.rpartition("/")[2] for r in self.asked("GET", "/blobs/"))

    def revoke(self) -> None:
        """Let every token be invalid from now on."""
        self.tokens.clear()


def manifest_of(config: str, config_size: int, layers: list[bytes], media_type=OCI_LAYER) -> dict:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": config, "size": config_size},
        "layers": [
            {"mediaType": media_type, "digest": digest_of(layer), "size": len(layer)}
            for layer in layers
        ],
    }


def index_of(*entries) -> dict:
    """Return an index of (digest, size, os, architecture)."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": size,
                "platform": {"os": system, "architecture": architecture},
            }
            for digest, size, system, architecture in entries
        ],
    }


# -- lies to tell


def cut_at(count: int, *, reset: bool = False):
    """Send the right head and `count` bytes of the right body, then hang up."""

    def answer(handler):
        handler.limit, handler.reset = count, reset
        handler.serve()

    return answer


def status(code: int, *, headers: dict | None = None, body: bytes = b""):
    def answer(handler):
        handler.reply(code, body, headers or {})

    return answer


def content(data: bytes, media_type: str = "application/octet-stream", code: int = 200, **headers):
    """Answer with other bytes."""

    def answer(handler):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.reply(code, data, {"Content-Type": media_type, **named})

    return answer


def redirect(url: str):
    return status(307, headers={"Location": url})


def stall(after: int = 0):
    """Send the head and `after` bytes, then nothing until the client or the registry hangs up."""

    def answer(handler):
        handler.limit, handler.stalls = after, True
        handler.serve()

    return answer


def held(event: threading.Event):
    """Answer rightly once `event` is set."""

    def answer(handler):
        event.wait(30)
        handler.serve()

    return answer


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def __init__(self, *args):
        self.open_sockets = set()
        super().__init__(*args)

    def get_request(self):
        sock, address = super().get_request()
        self.open_sockets.add(sock)
        return sock, address

    def finish_request(self, request, client_address):
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
            self.open_sockets.add(request)
        with suppress(OSError):
            super().finish_request(request, client_address)
        with suppress(OSError):
            request.close()

    def close_all(self):
        for sock in list(self.open_sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Clients hang up; that is what tests have them do."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: LyingRegistry

    def log_message(self, *_):
        pass

    def handle_any(self):
        self.limit, self.reset, self.stalls = None, False, False
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else b""
        self.request_body = body
        registry = self.owner
        registry.note(Request(self.command, self.path, dict(self.headers), body))
        lie = registry.take_lie(self.command, self.path)
        if lie is not None:
            lie(self)
        else:
            self.serve()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def reply(self, code: int, body: bytes = b"", headers: dict | None = None) -> None:
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.limit is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: self.limit])
        self.wfile.flush()
        if self.stalls:
            self.owner.closing.wait(30)
        if self.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def error(self, code: int, name: str, message: str, headers: dict | None = None) -> None:
        body = json.dumps({"errors": [{"code": name, "message": message}]}).encode()
        self.reply(code, body, {"Content-Type": "application/json", **(headers or {})})

    # -- the honest part

    def serve(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/token":
            self.serve_token(url)
            return
        if not self.is_allowed(url.path):
            return
        found = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|tags|blobs/uploads)/([^/]*)", url.path)
        if url.path == "/v2/":
            self.reply(200, b"{}")
        elif found is None:
            self.error(404, "NAME_UNKNOWN", "repository name not known to registry")
        elif found[2] == "blobs/uploads":
            self.serve_upload(found[1], found[3], parse_qs(url.query))
        elif found[2] == "tags":
            self.serve_tags(found[1], parse_qs(url.query))
        elif found[2] == "manifests":
            self.serve_manifest(found[1], found[3])
        else:
            self.serve_blob(found[3])

    def is_allowed(self, path: str) -> bool:
        registry, given = self.owner, self.headers.get("Authorization", "")
        if not registry.auth:
            return True
        if registry.auth == "basic":
            known = [b64encode(f"{u}:{p}".encode()).decode() for u, p in registry.users.items()]
            if given in [f"Basic {text}" for text in known]:
                return True
            wanted = 'Basic realm="Registry Realm"'
        else:
            if given.removeprefix("Bearer ") in registry.tokens:
                return True
            realm = registry.realm or f"{registry.url}/token"
            name = path.removeprefix("/v2/").partition("/manifests")[0].partition("/blobs")[0]
            scope = f',scope="repository:{name}:pull"' if name else ""
            stale = ',error="invalid_token"' if given else ""
            wanted = f'Bearer realm="{realm}",service="lying, registry"{scope}{stale}'
        self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": wanted})
        return False

    def serve_token(self, url) -> None:
        registry, query = self.owner, parse_qs(url.query)
        if self.command == "POST":
            query = parse_qs(self.request_body.decode())
            if query.get("refresh_token") != ["identity"]:
                self.reply(401, b'{"details": "invalid refresh token"}')
                return
        given = self.headers.get("Authorization", "")
        known = [b64encode(f"{u}:{p}".encode()).decode() for u, p in registry.users.items()]
        if given and given not in [f"Basic {text}" for text in known]:
            self.reply(401, b'{"details": "incorrect username or password"}')
            return
        token = (
            f"token-{len(registry.asked('GET', '/token')) + len(registry.asked('POST', '/token'))}"
        )
        registry.tokens[token] = query.get("scope", [])
        answer = {"token": token, "expires_in": registry.token_life_s}
        if "offline_token" in query:
            answer["refresh_token"] = "identity"
        self.reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def serve_manifest(self, repository: str, name: str) -> None:
        registry = self.owner
        if self.command == "PUT":
            registry.add_manifest(repository, name, self.request_body, self.headers["Content-Type"])
            digest = digest_of(self.request_body)
            self.reply(201, b"", {"Docker-Content-Digest": digest, "Location": self.path})
            return
        found = registry.manifests.get((repository, name))
        if found is None:
            self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        media_type, raw = found
        self.reply(200, raw, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(raw)})

    def serve_blob(self, digest: str) -> None:
        data = self.owner.blobs.get(digest)
        if data is None:
            self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None:
            self.reply(200, data, {"Content-Type": "application/octet-stream"})
            return
        start = int(wanted[1])
        if start >= len(data):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.reply(206, data[start:], {"Content-Range": span})

    def serve_tags(self, repository: str, query: dict) -> None:
        tags = sorted(
            tag for name, tag in self.owner.manifests if name == repository and ":" not in tag
        )
        if not tags:
            self.error(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        last = query.get("last", [""])[0]
        size = min(int(query.get("n", ["1000"])[0]), self.owner.page)
        rest = [tag for tag in tags if tag > last]
        headers = {}
        if len(rest) > size:
            following = urlencode({"last": rest[size - 1], "n": size})
            headers["Link"] = f'<{urlsplit(self.path).path}?{following}>; rel="next"'
        self.reply(200, json.dumps({"name": repository, "tags": rest[:size]}).encode(), headers)

    def serve_upload(self, repository: str, upload: str, query: dict) -> None:
        registry = self.owner
        if self.command == "POST":
            mount = query.get("mount", [""])[0]
            if mount in registry.blobs and query.get("from"):
                self.reply(201, b"", {"Docker-Content-Digest": mount, "Location": "/x"})
                return
            upload = f"upload-{len(registry.asked('POST', '/blobs/uploads'))}"
            registry.uploads[upload] = b""
        elif upload not in registry.uploads:
            self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            return
        else:
            registry.uploads[upload] += self.request_body
        size = len(registry.uploads[upload])
        if self.command == "PUT":
            data = registry.uploads.pop(upload)
            if digest_of(data) != query.get("digest", [""])[0]:
                self.error(400, "DIGEST_INVALID", "provided digest did not match")
                return
            registry.add_blob(data)
            self.reply(201, b"", {"Docker-Content-Digest": digest_of(data)})
            return
        location = f"/v2/{repository}/blobs/uploads/{upload}?state={size}"
        headers = {"Location": location, "Range": f"0-{max(0, size - 1)}"}
        code = 204 if self.command == "GET" else 202
        self.reply(code, b"", headers)
