"""An engine in memory, enough for the routes: one container, and streams that tests steer."""

from __future__ import annotations

import asyncio
import os
import socket

from baleen import api
from baleen.api.builds import BuildPruneResponse
from baleen.api.explanation import Explanation
from baleen.api.registries import AuthResponse, DistributionInspect, ImageSearchResult
from baleen.api.transfers import ImageBlob, ImageOffer, ImageReceived, MissingBlob
from baleen.errors import Conflict, InvalidArgument, NotFound, NotModified, StartFailed


class FakeEvents:
    def __init__(self):
        self.queue = asyncio.Queue()
        self.closed = asyncio.Event()
        self.arguments = None

    def subscribe(self, since, until, filters):
        self.arguments = (since, until, filters)
        return self._stream()

    async def _stream(self):
        try:
            while True:
                yield await self.queue.get()
        finally:
            self.closed.set()


class FakeEngine:
    """Knows the container `web`; anything else is not found."""

    def __init__(self):
        self.events = FakeEvents()
        self.calls = []
        self.exit = asyncio.get_running_loop().create_future()
        self.log_stream = None
        self.hijacked = asyncio.Queue()
        self.received = b""
        self.build_messages = [{"stream": "Successfully built\n"}]
        self.fail_with = None
        self.experimental = True
        self.transfer_begun = asyncio.Event()
        self.transfer_given_up = asyncio.Event()

    def _check(self, ref):
        if self.fail_with is not None:
            raise self.fail_with
        if ref != "web":
            raise NotFound(f"No such container: {ref}")

    def version(self):
        return api.SystemVersion(version="0.1.0", api_version="1.55", min_api_version="1.24")

    async def info(self):
        return api.SystemInfo(id="fake", name="host")

    async def container_list(self, **arguments):
        self.calls.append(("list", arguments))
        return b"[]"

    async def container_create(self, name, body, platform):
        self.calls.append(("create", name, body, platform))
        if name == "taken":
            raise Conflict('Conflict. The container name "/taken" is already in use')
        return api.ContainerCreateResponse(id="a" * 64)

    async def container_inspect(self, ref, *, size):
        self._check(ref)
        return b'{"Id":"web"}'

    async def container_explain(self, ref):
        self._check(ref)
        return Explanation(name=ref)

    async def container_explain_create(self, name, body, platform):
        self.calls.append(("explain", name, body, platform))
        return Explanation(status="dry-run")

    async def container_start(self, ref):
        self._check(ref)
        if "started" in self.calls:
            raise NotModified("already started")
        self.calls.append("started")

    def checkpoint_list(self, ref, directory):
        self._check(ref)
        self.calls.append(("checkpoints", directory))
        return ["cp1", "cp2"]

    async def checkpoint_create(self, ref, name, directory, *, end):
        self._check(ref)
        self.calls.append(("checkpoint", name, directory, end))

    async def checkpoint_delete(self, ref, name, directory):
        self._check(ref)
        self.calls.append(("delete checkpoint", name, directory))

    async def checkpoint_start(self, ref, name, directory):
        self._check(ref)
        self.calls.append(("start from", name, directory))

    async def container_stop(self, ref, *, timeout, signal):  # noqa: ASYNC109
        self._check(ref)
        self.calls.append(("stop", timeout, signal))

    async def container_kill(self, ref, *, signal):
        raise StartFailed('exec: "x": executable file not found in $PATH', exit_code=127)

    async def container_rename(self, ref, name):
        raise ZeroDivisionError("secret detail")

    def container_wait(self, ref, condition):
        self._check(ref)
        if condition not in ("", "not-running", "next-exit", "removed"):
            raise InvalidArgument(f"invalid condition: {condition!r}")
        return self.exit

    async def container_logs(self, ref, **options):
        self._check(ref)
        self.calls.append(("logs", options))
        return False, self.log_stream()

    async def container_attach(self, ref, *, upgrade, **options):
        self._check(ref)
        self.calls.append(("attach", options))
        fd, early = await upgrade(tty=False)
        await self.hijacked.put((socket.socket(fileno=fd), early))

    async def container_export(self, ref):
        async def chunks():
            self._check(ref)
            for _ in range(64):
                yield os.urandom(65536)

        return chunks()

    async def archive_get(self, ref, path):
        self._check(ref)

        async def chunks():
            yield b"tar"

        return {"name": path, "size": 3, "mode": 420, "mtime": "", "linkTarget": ""}, chunks()

    async def archive_stat(self, ref, path):
        self._check(ref)
        return {"name": path, "size": 3, "mode": 420, "mtime": "", "linkTarget": ""}

    async def archive_put(self, ref, path, body, **options):
        self._check(ref)
        async for chunk in body:
            self.received += chunk
        self.calls.append(("put", path, options))

    async def exec_create(self, ref, body):
        self._check(ref)
        self.calls.append(("exec", body))
        return "e" * 64

    async def exec_start(self, exec_id, body, upgrade):
        self.calls.append(("exec-start", body))
        if not body.detach:
            fd, early = await upgrade(tty=body.tty)
            await self.hijacked.put((socket.socket(fileno=fd), early))

    def network_list(self, filters):
        return []

    async def image_tree(self, ref, *, platform="", everything):
        self._check(ref)
        return {"tree": [ref, platform, everything]}

    async def image_diff(self, ref, to, *, platform=""):
        return {"diff": [ref, to, platform]}

    async def images_check(self):
        return {"Problems": []}

    async def disk_gc(self, policy=None, *, dry_run=False):
        self.calls.append(("gc", policy, dry_run))
        return {"Remove": []}

    async def image_offer(self, ref, *, platform=""):
        self._check(ref)
        return ImageOffer(names=[ref, platform], blobs=[ImageBlob(digest="d", size=3)])

    async def image_blob(self, ref, digest, *, offset=0):
        async def pieces():
            yield f"{ref} {digest} {offset}".encode()

        return pieces()

    async def image_blob_put(self, digest, size, body, *, offset=0):
        async for chunk in body:
            self.received += chunk
        self.calls.append((digest, size, offset))

    async def image_receive(self, body):
        self.calls.append(body)
        return ImageReceived(missing=[MissingBlob(digest="d", received=1)])

    async def images_prune(self, filters):
        return api.ImagesPruneResponse()

    def image_build(self, request, body):
        async def messages():
            self.built = request
            self.received = b""
            if body.main is not None:
                async for chunk in body.main:
                    self.received += chunk
            self.contexts = []
            for value in request.options.contexts.values():
                if value.startswith("local:"):
                    chunks = await anext(body.more)
                    self.contexts.append(b"".join([chunk async for chunk in chunks]))
            for message in self.build_messages:
                if isinstance(message, Exception):
                    raise message
                yield message

        return messages()

    async def build_prune(self, wanted):
        self.pruned = wanted
        return BuildPruneResponse(caches_deleted=["a"], space_reclaimed=5)

    async def build_cancel(self, build_id):
        self.calls.append(("cancel", build_id))

    async def image_commit(self, ref, config, **options):
        self.calls.append((ref, options))
        return "sha256:1"

    def image_load(self, body, *, quiet=False, platforms=()):
        async def messages():
            async for chunk in body:
                self.received += chunk
            yield {"stream": "Loaded image: x:latest\n"}

        return messages()

    def image_pull(self, name, *, tag, platform, auth):
        self.calls.append(("pull", name, tag, platform, auth))
        return self._transfer(name)

    def image_push(self, name, *, tag, platform, auth):
        self.calls.append(("push", name, tag, platform, auth))
        return self._transfer(name)

    async def _transfer(self, name):
        if name == "gone":
            raise NotFound("pull access denied for gone")
        if name == "late":
            yield {"status": "begun"}
            raise NotFound("manifest unknown")
        self.transfer_begun.set()
        try:
            if name == "slow":
                await self.exit
            yield {"status": "begun"}
            await self.exit
        except asyncio.CancelledError:
            self.transfer_given_up.set()
            raise

    async def registry_login(self, auth):
        self.calls.append(("login", auth))
        return AuthResponse(status="Login Succeeded")

    async def registry_search(self, term, *, limit, filters, auth):
        self.calls.append(("search", term, limit, filters, auth))
        return [ImageSearchResult(name=term, star_count=3)]

    async def registry_inspect(self, name, *, auth):
        self.calls.append(("inspect", name, auth))
        return DistributionInspect()
