"""More processes in a running container: `docker exec`.

An exec is made, started once (attached or detached), and inspected. Its process is forked by the
container's supervisor, which pumps its streams; the daemon only hands over the client's socket.

See: Engine API, /containers/{id}/exec, /exec/{id}/start.
"""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING, Protocol

from baleen.api.frames import encode_frame
from baleen.containers.exec_record import ExecRecord
from baleen.containers.state import Status
from baleen.engine.ended import has_ended
from baleen.engine.host_checks import check_environment
from baleen.engine.oci_spec import build_exec_process
from baleen.errors import BaleenError, Conflict, InvalidArgument, StartFailed
from baleen.runtime.detach_keys import parse_detach_keys

if TYPE_CHECKING:
    from baleen.api import ExecCreateBody, ExecInspect, ExecStartBody
    from baleen.containers import ContainerStore, ExecStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.bundles import Bundles
    from baleen.engine.events import EventBus
    from baleen.engine.live import LiveContainers
    from baleen.engine.supervisor_link import Message

__all__ = ["Execs", "Upgrade"]


class Upgrade(Protocol):
    """Turns the client's HTTP exchange into a raw stream."""

    async def __call__(self, *, tty: bool) -> tuple[int, bytes]:
        """Answer the client and give its connection away.

        Returns:
            A descriptor of a plain stream socket, owned by the caller from now on, and the bytes
            that the client sent behind its request.
        """
        ...


class Execs:
    """Makes, starts and follows execs."""

    def __init__(
        self,
        store: ContainerStore,
        execs: ExecStore,
        lives: LiveContainers,
        bundles: Bundles,
        events: EventBus,
    ) -> None:
        self._store = store
        self._execs = execs
        self._lives = lives
        self._bundles = bundles
        self._events = events

    async def create(self, ref: str, body: ExecCreateBody) -> str:
        """Prepare an exec and return its id.

        Raises:
            NotFound: no such container.
            Conflict: it is not running, or paused.
            InvalidArgument: no command, a malformed variable, an unknown user.
        """
        record = self._store.get(ref)
        self._require_running(record)
        if not body.cmd:
            raise InvalidArgument("No exec command specified")
        check_environment(body.env)
        parse_detach_keys(body.detach_keys or "")
        user = None
        if body.user:
            user = self._bundles.user_of_running(record, body.user)
        process = build_exec_process(
            self._bundles.process_of(record),
            command=body.cmd,
            env=body.env,
            working_dir=body.working_dir,
            user=user,
            tty=body.tty,
            privileged=body.privileged,
        )
        exec_id = secrets.token_hex(32)
        self._execs.add(
            ExecRecord(
                id=exec_id,
                container_id=record.id,
                process=process,
                user=body.user,
                privileged=body.privileged,
                tty=body.tty,
                open_stdin=body.attach_stdin,
                open_stdout=body.attach_stdout,
                open_stderr=body.attach_stderr,
                detach_keys=body.detach_keys or "",
                command=tuple(body.cmd),
            )
        )
        self._publish(record, f"exec_create: {' '.join(body.cmd)}", exec_id)
        return exec_id

    async def start(self, exec_id: str, body: ExecStartBody, upgrade: Upgrade) -> None:
        """Run the exec; returns when the client's stream was handed over (or, detached, started).

        An attached client learns of a failed start from the stream, as with dockerd: the answer's
        head was sent before.

        Raises:
            NotFound, Conflict: as `docker exec` shows them.
            StartFailed: a detached exec's command could not be executed.
        """
        exec_ = self._execs.get(exec_id)
        record = self._store.by_id(exec_.container_id)
        if record is None:
            raise Conflict(f"container {exec_.container_id} is not running")
        self._require_running(record)
        exec_ = self._execs.begin(exec_id)
        if body.detach:
            await self._run(record, exec_, None, b"")
            return
        # Frames or not is what this request says, whatever the exec itself was made with: that is
        # how its client is going to read. A stream of nothing shows when the exec has ended.
        framed = not body.tty
        try:
            fd, early = await upgrade(tty=body.tty)
        except BaseException:
            self._execs.finish(exec_id, 126)
            raise
        try:
            await self._run(record, exec_, fd, early, framed=framed)
        except BaleenError as err:
            _tell(fd, f"OCI runtime exec failed: {err}\r\n", framed=framed)
        finally:
            os.close(fd)

    async def _run(
        self,
        record: ContainerRecord,
        exec_: ExecRecord,
        fd: int | None,
        early: bytes,
        *,
        framed: bool = False,
    ) -> None:
        attach = None
        if fd is not None:
            attach = {
                "stdin": exec_.open_stdin,
                "stdout": exec_.open_stdout,
                "stderr": exec_.open_stderr,
                "framed": framed,
                "early": base64.b64encode(early).decode(),
            }
        self._publish(record, f"exec_start: {' '.join(exec_.command)}", exec_.id)
        try:
            await self._bundles.make_ready(exec_.process)
            link = self._lives[record.id].require_link(record)
            reply = await link.send(
                "exec",
                fds=[] if fd is None else [fd],
                exec_id=exec_.id,
                process=exec_.process,
                open_stdin=exec_.open_stdin,
                detach_keys=exec_.detach_keys,
                attach=attach,
                seccomp_program=self._bundles.seccomp_of_exec(record, privileged=exec_.privileged),
            )
        except BaleenError as err:
            self._execs.finish(exec_.id, err.exit_code if isinstance(err, StartFailed) else 126)
            if has_ended(record.pid):  # it has ended meanwhile, which is nobody's fault
                raise Conflict(f"container {record.id} is not running") from err
            raise
        # A short exec has ended before the reply is looked at: its exit is already noted.
        if self._execs.get(exec_.id).running:
            self._execs.set_pid(exec_.id, int(reply["pid"]))

    def exited(self, record: ContainerRecord, message: Message) -> None:
        """Note the supervisor's word that an exec ended."""
        exec_id, exit_code = str(message["exec_id"]), int(message["exit_code"])
        self._execs.finish(exec_id, exit_code)
        self._publish(record, "exec_die", exec_id, exitCode=str(exit_code))

    def container_exited(self, container_id: str) -> None:
        """Note that all execs of a container ended with it."""
        for exec_ in self._execs.of_container(container_id):
            if exec_.running:
                self._execs.finish(exec_.id, 137)

    def inspect(self, exec_id: str) -> ExecInspect:
        """Return the API's view of an exec (NotFound)."""
        return self._execs.get(exec_id).inspect()

    async def resize(self, exec_id: str, *, width: int, height: int) -> None:
        """Set the size of an exec's terminal.

        Raises:
            NotFound: no such exec.
            Conflict: its container is not running.
        """
        exec_ = self._execs.get(exec_id)
        record = self._store.get(exec_.container_id)
        link = self._lives[record.id].require_link(record)
        await link.send("resize", exec_id=exec_id, width=width, height=height)

    @staticmethod
    def _require_running(record: ContainerRecord) -> None:
        if record.status is Status.PAUSED:
            raise Conflict(f"Container {record.id} is paused, unpause the container before exec")
        if record.status is Status.RESTARTING:
            raise Conflict(
                f"Container {record.id} is restarting, wait until the container is running"
            )
        if record.status is not Status.RUNNING:
            raise Conflict(f"container {record.id} is not running")

    def _publish(self, record: ContainerRecord, action: str, exec_id: str, **more: str) -> None:
        self._events.publish_with(
            "container",
            action,
            record.id,
            {
                **record.config.labels,
                "image": record.config.image,
                "name": record.name,
                "execID": exec_id,
                **more,
            },
        )


def _tell(fd: int, text: str, *, framed: bool) -> None:
    """Write a short message to a fresh stream; a client that has gone does not matter."""
    data = text.encode()
    os.set_blocking(fd, False)
    try:
        os.write(fd, encode_frame(1, data) if framed else data)
    except OSError:
        return
