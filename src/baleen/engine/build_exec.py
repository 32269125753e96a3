"""Processes of builds: run by the same means as a container's, without a container.

A run gets what `docker run` gives: namespaces, capabilities, seccomp profile, masks, limits, a
network sandbox of its own on the network that was asked for, ids of `--userns-remap`. It has no
record, no log and no restart, is seen by nobody, and ends with its daemon (`dies_alone`): its
supervisor kills it when the daemon's connection is closed.

The sandbox is made anew for each run. That costs nothing that is waited for (the worker has its
namespaces ahead), and steps that run side by side do not see each other's ports.

See: `baleen.engine.starter` for the sequence of a start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.api import ContainerConfig, HostConfig
from baleen.api.frames import FrameDecoder
from baleen.build.exec.process import BoundMount, Ending
from baleen.build.tree_store import Remapped
from baleen.containers.record import ContainerRecord
from baleen.containers.times import now_text
from baleen.engine.build_devices import find_devices
from baleen.engine.build_limits import resource_fields
from baleen.engine.cdi import Edits, apply_edits
from baleen.engine.cgroup_naming import check_parent
from baleen.engine.host_checks import check_create
from baleen.engine.mounts_parse import MountRequest, ResolvedMount
from baleen.engine.oci_spec import build_spec
from baleen.engine.public_files import write_public_file
from baleen.engine.remapping import check_remapped
from baleen.engine.supervisor_link import SupervisorLink, end_supervisor
from baleen.engine.unsupported_limits import discard_unsupported
from baleen.errors import BaleenError, Internal, StartFailed
from baleen.images.users import read_user_files, resolve_user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.build.exec.process import Command, Devices, Output, TmpfsMount
    from baleen.build.graph import ExecDevice
    from baleen.engine.bundles import Bundles
    from baleen.engine.config import EngineConfig
    from baleen.engine.container_networks import ContainerNetworks, Sandbox
    from baleen.engine.remapping import Remapping
    from baleen.engine.security_modules import SecurityModules
    from baleen.engine.starter import Spawner
    from baleen.engine.supervisor_link import Message
    from baleen.linux.cgroup import CgroupDriver

__all__ = ["BuildProcesses"]

log = logging.getLogger(__name__)

HOSTNAME: Final = "buildkitsandbox"
"""What BuildKit calls the host of a step; a name of its own would make builds irreproducible."""

_PIECE = 256 << 10
_END_S = 5.0


class BuildProcesses:
    """Implements `build.exec.process.Processes`."""

    def __init__(
        self,
        config: EngineConfig,
        spawner: Spawner,
        bundles: Bundles,
        networks: ContainerNetworks,
        modules: SecurityModules,
        cgroups: CgroupDriver,
    ) -> None:
        self._config = config
        self._spawner = spawner
        self._bundles = bundles
        self._networks = networks
        self._modules = modules
        self._cgroups = cgroups
        remapping = config.remapping
        self._remapped = (
            None if remapping is None else Remapped(remapping.to_host, remapping.to_container)
        )

    @property
    def remapped(self) -> Remapped | None:
        """Ids of processes, where they are others than those of images."""
        return self._remapped

    async def devices(self, wanted: Sequence[ExecDevice], *, allowed: bool) -> Devices:
        """Find CDI devices; see `build.exec.process.Processes`."""
        directories = self._config.cdi_spec_dirs
        return await asyncio.to_thread(find_devices, wanted, directories, allowed=allowed)

    async def run(self, run_id: str, directory: Path, command: Command, output: Output) -> Ending:
        """Run a process to its end; see `build.exec.process.Processes`."""
        record = self._record(run_id, directory, command)
        async with AsyncExitStack() as undo:
            sandbox = await self._networks.prepare(record, undo)
            request = await self._write(record, directory, command, sandbox)
            run = _Run(output, command.stdin)
            undo.push_async_callback(self._end, run, record)
            run.begin(self._spawner, request)
            return await run.wait()

    async def _end(self, run: _Run, record: ContainerRecord) -> None:
        """Kill what runs, and wait until nothing is left."""
        await run.end()
        cgroup = self._cgroups.open(self._bundles.cgroup_path(record))
        self._bundles.clean(record)
        if run.is_lost:
            with contextlib.suppress(BaleenError):
                cgroup.kill()
                cgroup.remove()

    def end(self, run_id: str, directory: Path) -> None:
        """End what a daemon that died has left of a run. Blocks."""
        for place in (directory, *directory.glob("m*")):
            if (place / "control.sock").exists():
                end_supervisor(place / "control.sock")
            # Its group has the name that its document gives; a supervisor that was killed too
            # has left it.
            try:
                document = msgspec.json.decode((place / "config.json").read_bytes())
                cgroup = self._cgroups.open(document["linux"]["cgroupsPath"])
                cgroup.kill()
                cgroup.remove()
            except (OSError, msgspec.DecodeError, KeyError, TypeError):
                continue
            except BaleenError as err:
                log.error("cannot remove the cgroup of a build's run %s: %s", run_id, err)

    # --- documents -----------------------------------------------------------------------------

    def _record(self, run_id: str, directory: Path, command: Command) -> ContainerRecord:
        """Return the run as a container that nobody knows of.

        Raises:
            InvalidArgument: a limit or network that no container could have.
        """
        host = self._host_config(command)
        # A name without "=" takes the variable away: builders have no HOSTNAME.
        config = ContainerConfig(
            hostname=command.hostname or HOSTNAME,
            env=["HOSTNAME", *command.env],
            working_dir=command.cwd,
            user=command.user,
            open_stdin=bool(command.stdin),
            stdin_once=True,
        )
        # The name is nobody's wish, so it contradicts none.
        check_create(msgspec.structs.replace(config, hostname=command.hostname), host)
        check_parent(host.cgroup_parent, self._config.cgroup_driver)
        if self._config.remapping_of(host) is not None:
            check_remapped(host)
        host, _ = discard_unsupported(host, self._cgroups)
        labels = self._modules.labels(host)
        return ContainerRecord(
            id=run_id,
            name="",
            created=now_text(),
            path=command.args[0],
            args=list(command.args[1:]),
            image_id="",
            config=config,
            host_config=host,
            endpoints=self._networks.initial_endpoints(host.network_mode, {}),
            process_label=labels.process,
            mount_label=labels.mount,
            state_dir=str(directory),
        )

    def _host_config(self, command: Command) -> HostConfig:
        return HostConfig(
            **resource_fields(command.limits),
            shm_size=command.limits.shm_size_bytes,
            network_mode=command.network or "default",
            extra_hosts=list(command.extra_hosts),
            privileged=command.insecure,
            userns_mode="host" if command.insecure else "",
            readonly_rootfs=command.read_only,
        )

    async def _write(
        self, record: ContainerRecord, directory: Path, command: Command, sandbox: Sandbox
    ) -> str:
        """Write the bundle; return the path of start.json."""
        remapping = self._config.remapping_of(record.host_config)
        etc = self._write_etc(record, sandbox, remapping)
        user = resolve_user(read_user_files(command.view), command.user, [])
        if remapping is not None:
            user = remapping.check_user(user)
        host = record.host_config
        paths = {
            "net": self._bundles.namespace(host.network_mode, "net", "network"),
            "ipc": None,
            "pid": None,
        }
        mounts = [_resolved(mount) for mount in command.mounts]
        facts = self._bundles.facts(record, user, mounts, paths, None, etc)
        spec: dict[str, Any] = build_spec(record.config, host, facts)
        if isinstance(command.devices.edits, Edits):
            apply_edits(spec, command.devices.edits)
        await self._bundles.make_ready(spec["process"])
        if record.mount_label:
            self._modules.label_files(
                [f"{etc}/{name}" for name in ("hostname", "hosts", "resolv.conf")],
                record.mount_label,
            )
        (directory / "config.json").write_bytes(msgspec.json.encode(spec))
        request = self._bundles.request(record, command.root, sandbox, None) | {
            "bundle": str(directory),
            "log": {"driver": "none"},
            "init": False,
            "dies_alone": True,
        }
        path = directory / "start.json"
        path.write_bytes(msgspec.json.encode(request))
        return str(path)

    def _write_etc(
        self, record: ContainerRecord, sandbox: Sandbox, remapping: Remapping | None
    ) -> str:
        """Write what is bound over /etc; return where hosts and resolv.conf are."""
        owner = None if remapping is None else remapping.root
        for name, text in (
            ("hostname", f"{record.config.hostname}\n"),
            ("hosts", sandbox.hosts),
            ("resolv.conf", sandbox.resolv_conf),
        ):
            if text is not None:
                write_public_file(f"{record.state_dir}/{name}", text, owner)
        return self._bundles.etc_directory(record)


def _resolved(mount: BoundMount | TmpfsMount) -> ResolvedMount:
    if isinstance(mount, BoundMount):
        request = MountRequest(
            type="bind", target=mount.target, source=mount.source, read_only=mount.read_only
        )
        return ResolvedMount(request, mount.source)
    options = ["nosuid", "nodev"]
    if mount.size_bytes:
        options.append(f"size={mount.size_bytes}")
    if mount.read_only:
        options.append("ro")
    return ResolvedMount(
        MountRequest(type="tmpfs", target=mount.target, options=tuple(options)), ""
    )


class _Run:
    """The link to one supervisor, and the streams of its process."""

    def __init__(self, output: Output, stdin: bytes) -> None:
        self._output = output
        self._stdin = stdin
        self._loop = asyncio.get_running_loop()
        self._link: SupervisorLink | None = None
        self._streams: socket.socket | None = None
        self._ended: asyncio.Future[Ending] = self._loop.create_future()
        self.is_lost = False

    def begin(self, spawner: Spawner, request: str) -> None:
        """Have the supervisor forked, and order it to start."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                spawner.spawn(request, [theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        self._link = SupervisorLink(ours, self._on_event, self._on_lost)
        self._streams, client = socket.socketpair()
        self._streams.setblocking(False)
        with client:
            self._link.send(
                "attach",
                fds=[client.fileno()],
                client=1,
                stdin=bool(self._stdin),
                stdout=True,
                stderr=True,
                framed=True,
                detach_keys="",
                early="",
            )
        self._start = self._link.send("start")

    async def wait(self) -> Ending:
        """Return how the process ended; all its output was passed on then.

        Raises:
            StartFailed: it could not be started.
        """
        assert self._streams is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(self._streams))
                writing = group.create_task(self._write(self._streams))
                await _started(self._start)
                # Who is cancelled must not cancel it: `end` waits for it.
                ending = await asyncio.shield(self._ended)
                writing.cancel()
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return ending

    async def _read(self, streams: socket.socket) -> None:
        decoder = FrameDecoder()
        while data := await self._loop.sock_recv(streams, _PIECE):
            for stream, part in decoder.feed(data):
                self._output(stream, part)

    async def _write(self, streams: socket.socket) -> None:
        if self._stdin:
            with contextlib.suppress(OSError):  # it has ended, or reads no more
                await self._loop.sock_sendall(streams, self._stdin)
                streams.shutdown(socket.SHUT_WR)

    def _on_event(self, message: Message) -> None:
        if message["event"] == "exited" and not self._ended.done():
            self._ended.set_result(Ending(int(message["exit_code"]), bool(message["oom_killed"])))
        elif message["event"] == "error":
            log.error("supervisor of a build: %s", message["message"])

    def _on_lost(self) -> None:
        if not self._ended.done():
            self.is_lost = True
            self._ended.set_exception(Internal("the supervisor of the build step has ended"))
            self._ended.exception()  # whether or not somebody waits

    async def end(self) -> None:
        """Kill the process unless it has ended, and wait until its supervisor is done."""
        if self._link is not None and not self._ended.done():
            self._link.send("destroy")
            with contextlib.suppress(TimeoutError, BaleenError):
                async with asyncio.timeout(_END_S):
                    await asyncio.shield(self._ended)
            self.is_lost = self.is_lost or not self._ended.done()
        if self._link is not None:
            self._link.close()
        if self._streams is not None:
            self._streams.close()


async def _started(reply: asyncio.Future[Message]) -> None:
    try:
        await reply
    except StartFailed:
        raise
    except BaleenError as err:
        raise StartFailed(str(err), exit_code=128) from err
