"""Clients that watch or type into a container: `docker attach`, and the attach before a start.

The client's connection is handed to the container's supervisor as a descriptor; from then on its
bytes do not pass through the daemon.

See: Engine API, /containers/{id}/attach.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.containers.logs import read_logs
from baleen.containers.state import Status
from baleen.engine.live import AttachRequest
from baleen.errors import Conflict
from baleen.runtime.detach_keys import parse_detach_keys

if TYPE_CHECKING:
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus
    from baleen.engine.execs import Upgrade
    from baleen.engine.live import LiveContainers
    from baleen.engine.supervisor_link import SupervisorLink
    from baleen.engine.tasks import Tasks

__all__ = ["Attaching", "send_attach"]

_numbers = itertools.count(1)


def send_attach(link: SupervisorLink, request: AttachRequest) -> None:
    """Hand a client to the supervisor; the request's descriptor stays the caller's to close."""
    link.send(
        "attach",
        fds=[request.fd],
        client=next(_numbers),
        stdin=request.stdin,
        stdout=request.stdout,
        stderr=request.stderr,
        framed=request.framed,
        detach_keys=request.detach_keys,
        early=base64.b64encode(request.early).decode(),
    )


class Attaching:
    """Attaches clients to containers, running or about to be started."""

    def __init__(
        self, store: ContainerStore, lives: LiveContainers, events: EventBus, tasks: Tasks
    ) -> None:
        self._store = store
        self._lives = lives
        self._events = events
        self._tasks = tasks

    async def attach(
        self,
        ref: str,
        *,
        logs: bool,
        stream: bool,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        detach_keys: str | None,
        upgrade: Upgrade,
    ) -> None:
        """Connect the client; returns when its stream was handed over.

        Raises:
            NotFound: no such container.
            Conflict: it is paused or restarting.
            InvalidArgument: malformed detach keys.
        """
        record = self._store.get(ref)
        if record.status is Status.PAUSED:
            raise Conflict(f"container {record.id} is paused, unpause the container before attach")
        if record.status is Status.RESTARTING:
            raise Conflict(
                f"container {record.id} is restarting, wait until the container is running"
            )
        parse_detach_keys(detach_keys or "")
        tty = record.config.tty
        fd, early = await upgrade(tty=tty)
        self._publish(record)
        request = AttachRequest(
            fd=fd,
            early=early,
            stdin=stdin and record.config.open_stdin,
            stdout=stdout,
            stderr=stderr,
            framed=not tty,
            detach_keys="ctrl-p,ctrl-q" if detach_keys is None else detach_keys,
        )
        if logs and record.log_path and record.host_config.log_config.type != "none":
            self._tasks.start(self._with_logs(record, request, stream), "attach with logs")
        elif stream:
            self._hand_over(record, request)
        else:
            os.close(fd)

    async def _with_logs(
        self, record: ContainerRecord, request: AttachRequest, stream: bool
    ) -> None:
        """Send what was logged so far, then go on live."""
        sent = False
        try:
            os.set_blocking(request.fd, False)
            chunks = read_logs(
                Path(record.log_path),
                stdout=request.stdout,
                stderr=request.stderr,
                framed=request.framed,
            )
            async for chunk in chunks:
                await _send_all(request.fd, chunk)
            os.set_blocking(request.fd, True)
            sent = True
        except OSError:
            return  # the client has gone
        finally:
            if not (sent and stream):
                os.close(request.fd)
        self._hand_over(self._store.get(record.id), request)

    def _hand_over(self, record: ContainerRecord, request: AttachRequest) -> None:
        live = self._lives[record.id]
        if live.link is not None and record.status.is_active:
            send_attach(live.link, request)
            os.close(request.fd)
        else:
            live.pending.append(request)

    async def resize(self, ref: str, *, width: int, height: int) -> None:
        """Set the size of the container's terminal (Conflict unless it runs)."""
        record = self._store.get(ref)
        link = self._lives[record.id].require_link(record)
        await link.send("resize", exec_id=None, width=width, height=height)
        self._events.publish_with(
            "container",
            "resize",
            record.id,
            {
                **record.config.labels,
                "height": str(height),
                "image": record.config.image,
                "name": record.name,
                "width": str(width),
            },
        )

    def _publish(self, record: ContainerRecord) -> None:
        self._events.publish_with(
            "container",
            "attach",
            record.id,
            {**record.config.labels, "image": record.config.image, "name": record.name},
        )


async def _send_all(fd: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            writable = loop.create_future()
            loop.add_writer(fd, writable.set_result, None)
            try:
                await writable
            finally:
                loop.remove_writer(fd)
