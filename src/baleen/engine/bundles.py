"""The files of one run: the OCI bundle, start.json, and the files bound over /etc.

    <exec root>/containers/<id>/        config.json, start.json, control.sock, shm (when shared)
    <data root>/containers/<id>/        hostname, hosts, resolv.conf, <id>-json.log, exit.json

See: OCI runtime-spec bundle.md; `baleen.runtime.request` for start.json.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from baleen.engine.cgroup_naming import SYSTEMD, check_parent, group_name
from baleen.engine.container_networks import shared_with
from baleen.engine.device_requests import apply_device_requests
from baleen.engine.foreign_spec import adapt_spec, runtime_request
from baleen.engine.log_config import parse_log_config
from baleen.engine.mounts_parse import inherited_requests, parse_mounts, resolve_mounts
from baleen.engine.oci_spec import Facts, bounding_capabilities, build_spec
from baleen.engine.public_files import make_public_directory, write_public_file
from baleen.engine.remapping import user_namespace_to_join
from baleen.engine.security_options import parse_security_options
from baleen.engine.starter import remove_ending
from baleen.errors import BaleenError, Conflict, InvalidArgument, NotFound, Unavailable
from baleen.images.users import User, UserFiles, read_user_files, resolve_user
from baleen.linux.mount import MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, umount2
from baleen.linux.user_namespace import has_one_id, in_first_user_namespace
from baleen.snapshots.root_view import live_root, read_only_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.container_networks import Sandbox
    from baleen.engine.mounts_parse import MountRequest, ResolvedMount
    from baleen.engine.runtimes import RegisteredRuntime
    from baleen.engine.seccomp_programs import SeccompPrograms
    from baleen.engine.security_modules import SecurityModules
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.linux.cgroup import CgroupDriver
    from baleen.snapshots import Mounts, Snapshotter
    from baleen.volumes import VolumeStore

__all__ = ["Bundles"]

T = TypeVar("T")


class Bundles:
    """Writes and cleans what a run needs on disk."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        images: ImageStore,
        snapshots: Snapshotter,
        volumes: VolumeStore,
        seccomp: SeccompPrograms,
        modules: SecurityModules,
        cgroups: CgroupDriver,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._seccomp = seccomp
        self._modules = modules
        self._cgroups = cgroups
        self._tasks = tasks
        self._user_files: dict[str, UserFiles] = {}
        self._processes: dict[str, dict[str, Any]] = {}
        self._cgroup_paths: dict[str, str] = {}

    def directory(self, container_id: str) -> Path:
        """Return the bundle's directory."""
        return self._config.exec_root / "containers" / container_id

    def cgroup_path(self, record: ContainerRecord) -> str:
        """Return the name of the cgroup of the container's run, else of its next one."""
        if record.id not in self._cgroup_paths:
            if (document := self._document(record)) is None:
                return self._next_cgroup_path(record)
            # It was started by an earlier daemon, whose driver and parent may have been others.
            self._cgroup_paths[record.id] = document["linux"]["cgroupsPath"]
        return self._cgroup_paths[record.id]

    def _next_cgroup_path(self, record: ContainerRecord) -> str:
        parent = record.host_config.cgroup_parent or self._config.cgroup_parent
        return group_name(parent, record.id, self._config.cgroup_driver)

    def cgroup_parents(self, records: Iterable[ContainerRecord]) -> set[str]:
        """Return the cgroups in which those of these and of other containers are, if ours."""
        if self._config.cgroup_driver == SYSTEMD:
            return set()
        given = {record.host_config.cgroup_parent for record in records}
        return {"/" + parent.strip("/") for parent in {self._config.cgroup_parent, *given} - {""}}

    def _document(self, record: ContainerRecord) -> dict[str, Any] | None:
        """The config.json of the run; None without one."""
        try:
            text = (self.directory(record.id) / "config.json").read_bytes()
            document: dict[str, Any] = msgspec.json.decode(text)
        except (OSError, msgspec.DecodeError):
            return None
        return document

    async def write(
        self,
        record: ContainerRecord,
        sandbox: Sandbox,
        undo: AsyncExitStack,
        checkpoint: str | None = None,
    ) -> str:
        """Prepare everything for one run; returns the path of start.json.

        `checkpoint` is the directory of one to be restored.

        Raises:
            Conflict: a namespace of a container that does not run shall be joined.
            InvalidArgument: no such user in the image, a bad seccomp profile, …
        """
        # It may have been created while the daemon had another driver.
        check_parent(record.host_config.cgroup_parent, self._config.cgroup_driver)
        mounts = self._mounts(record)
        bundle = self.directory(record.id)
        bundle.mkdir(mode=0o700, parents=True, exist_ok=True)
        undo.callback(self.clean, record)
        remove_ending(record)
        self._write_etc(record, sandbox)
        resolved = await self._resolve_mounts(record)
        spec = self._spec(record, mounts, resolved)
        await self.make_ready(spec["process"])
        if self._modules.in_force(record).mount:
            await self._tasks.blocking(self._label_files, record)
        runtime = self._config.runtimes.get(record.host_config.runtime)
        if runtime is not None:
            adapt_spec(spec, record.host_config, self._seccomp)
        (bundle / "config.json").write_bytes(msgspec.json.encode(spec))
        self._processes[record.id] = spec["process"]
        self._cgroup_paths[record.id] = spec["linux"]["cgroupsPath"]
        request = self.request(record, mounts, sandbox, runtime)
        request["checkpoint"] = checkpoint
        path = bundle / "start.json"
        path.write_bytes(msgspec.json.encode(request))
        return str(path)

    async def make_ready(self, process: Mapping[str, object]) -> None:
        """See that what confines a process, by its OCI object, is loaded (FailedPrecondition)."""
        profile = process.get("apparmorProfile")
        if profile is not None and not self._modules.has_profile(profile):
            await self._tasks.blocking(self._modules.ensure_profile, profile)

    def _label_files(self, record: ContainerRecord) -> None:
        names = ("hostname", "hosts", "resolv.conf")
        paths = [f"{record.state_dir}/{name}" for name in names]
        self._modules.label_files(paths, record.mount_label)
        for point in record.mounts:
            self._modules.relabel_mount(point, record.mount_label)

    def security_changes(self, record: ContainerRecord) -> dict[str, str]:
        """Return what the record is to say of the security modules of its run."""
        return {"apparmor_profile": self._modules.apparmor_profile(record.host_config)}

    # --- to look at, without making anything -------------------------------------------------

    def documents(self, record: ContainerRecord) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return config.json and start.json of the container's run (Conflict: there is none)."""
        bundle = self.directory(record.id)
        try:
            texts = [(bundle / name).read_bytes() for name in ("config.json", "start.json")]
        except OSError as err:
            raise Conflict(f"container {record.id} is not running") from err
        config, start = (msgspec.json.decode(text) for text in texts)
        return config, start

    def plan(
        self, record: ContainerRecord, mounts: Mounts | None, *, strict: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the config.json that a start would write, and why a start would fail.

        Nothing is made or mounted. Where a start would fail, the document says what comes
        nearest.

        Args:
            record: of a container that does not run; it may be in no store.
            mounts: its root, or the image's alone; None when nothing is unpacked.
            strict: raise what a start would.
        """
        problems: list[str] = []

        def attempt(step: Callable[[], T], otherwise: T) -> T:
            try:
                return step()
            except BaleenError as err:
                if strict:
                    raise
                if str(err) not in problems:
                    problems.append(str(err))
                return otherwise

        def namespace(mode: str, kind: str, title: str) -> str | None:
            otherwise: str | None = mode
            return attempt(lambda: self.namespace(mode, kind, title), otherwise)

        config, host = record.config, record.host_config
        paths = {
            "net": namespace(host.network_mode, "net", "network"),
            "ipc": namespace(host.ipc_mode, "ipc", "IPC"),
            "pid": namespace(host.pid_mode, "pid", "PID"),
        }
        facts = self.facts(
            record,
            attempt(lambda: self._user(record, mounts), User(0, 0)),
            resolve_mounts(self._requests(record), record.mounts),
            paths,
            attempt(lambda: self._shm_directory(record), None),
            attempt(lambda: self.etc_directory(record), record.state_dir),
        )
        nothing: dict[str, object] = {}
        spec = attempt(lambda: build_spec(config, host, facts), nothing)
        if not spec:  # a device that is not there
            spec = build_spec(config, msgspec.structs.replace(host, devices=[]), facts)
        requests, directories = host.device_requests, self._config.cdi_spec_dirs
        spec = attempt(lambda: apply_device_requests(spec, requests, directories), spec)
        return spec, problems

    def wants_init(self, record: ContainerRecord) -> bool:
        """Whether our init is to be PID 1 of the container."""
        host = record.host_config
        init = self._config.default_init if host.init is None else host.init
        return init and shared_with(host.pid_mode) is None and host.pid_mode != "host"

    def _mounts(self, record: ContainerRecord) -> Mounts:
        try:
            return self._snapshots.mounts(record.id)
        except NotFound:
            # After a power loss, layers that had not reached the disk are dropped; their blobs
            # are durable, so they can be unpacked again.
            self._images.unpack(self._images.resolve(record.image_id))
            return self._snapshots.mounts(record.id)

    # --- files over /etc -------------------------------------------------------------------

    def _write_etc(self, record: ContainerRecord, sandbox: Sandbox) -> None:
        directory, owner = record.state_dir, self._owner(record)
        write_public_file(f"{directory}/hostname", f"{record.config.hostname}\n", owner)
        if sandbox.hosts is not None:
            write_public_file(f"{directory}/hosts", sandbox.hosts, owner)
        if sandbox.resolv_conf is not None:
            write_public_file(f"{directory}/resolv.conf", sandbox.resolv_conf, owner)

    def _owner(self, record: ContainerRecord) -> tuple[int, int] | None:
        """Return the container's root, where it is another user than the host's."""
        remapping = self._config.remapping_of(record.host_config)
        return None if remapping is None else remapping.root

    def etc_directory(self, record: ContainerRecord) -> str:
        """Return whose hosts and resolv.conf the container has."""
        other = shared_with(record.host_config.network_mode)
        return record.state_dir if other is None else self._store.get(other).state_dir

    # --- mounts ----------------------------------------------------------------------------

    @staticmethod
    def _requests(record: ContainerRecord) -> list[MountRequest]:
        requests = parse_mounts(record.config, record.host_config)
        named = {request.target for request in requests}
        inherited = [point for point in record.mounts if point.destination not in named]
        return parse_mounts(
            record.config, record.host_config, inherited=inherited_requests(inherited, "")
        )

    async def _resolve_mounts(self, record: ContainerRecord) -> list[ResolvedMount]:
        requests = self._requests(record)
        for point in record.mounts:
            if point.type == "volume":
                await self._mount_volume(point.name, record.id)
            elif point.type == "bind":
                # It may lie on a network file system whose server is dead.
                await self._tasks.blocking(self._make_source, record, point.source)
        return resolve_mounts(requests, record.mounts)

    async def _mount_volume(self, name: str, container_id: str) -> None:
        if not self._volumes.inspect(name).options:
            self._volumes.mount(name, container_id)
            return
        # The server of a network file system may be dead: neither the loop nor the start waits
        # for it longer than this.
        try:
            async with asyncio.timeout(_VOLUME_MOUNT_S):
                await self._tasks.blocking(self._volumes.mount, name, container_id)
        except TimeoutError:
            raise Unavailable(
                f"volume {name} could not be mounted within {_VOLUME_MOUNT_S} seconds"
            ) from None

    def _make_source(self, record: ContainerRecord, source: str) -> None:
        if os.path.exists(source):  # noqa: PTH110
            return
        if any(wanted.source == source for wanted in record.host_config.mounts):
            raise InvalidArgument(
                f'invalid mount config for type "bind": bind source path does not exist: {source}'
            )
        make_public_directory(source, self._owner(record))

    # --- config.json -----------------------------------------------------------------------

    def _spec(
        self, record: ContainerRecord, mounts: Mounts, resolved: list[ResolvedMount]
    ) -> dict[str, Any]:
        host = record.host_config
        paths = {
            "net": self.namespace(host.network_mode, "net", "network"),
            "ipc": self.namespace(host.ipc_mode, "ipc", "IPC"),
            "pid": self.namespace(host.pid_mode, "pid", "PID"),
        }
        user = self._user(record, mounts)
        etc = self.etc_directory(record)
        facts = self.facts(record, user, resolved, paths, self._shm(record), etc)
        spec = build_spec(record.config, host, facts)
        return apply_device_requests(spec, host.device_requests, self._config.cdi_spec_dirs)

    def facts(
        self,
        record: ContainerRecord,
        user: User,
        resolved: list[ResolvedMount],
        paths: Mapping[str, str | None],
        shm_path: str | None,
        etc: str,
    ) -> Facts:
        """Return what a start knows; `paths`: namespaces to join, `etc`: where hosts is."""
        config, labels = record.config, self._modules.in_force(record)
        remapping = self._config.remapping_of(record.host_config)
        return Facts(
            hostname=config.hostname,
            domainname=config.domainname,
            cgroup_path=self._next_cgroup_path(record),
            cgroup_version=self._cgroups.version,
            has_cgroups=bool(self._cgroups.controllers),
            in_user_namespace=not in_first_user_namespace(),
            has_one_id=has_one_id(),
            user=user,
            path=record.path,
            args=record.args,
            mounts=resolved,
            hostname_path=f"{record.state_dir}/hostname",
            hosts_path=f"{etc}/hosts",
            resolv_conf_path=f"{etc}/resolv.conf",
            network_path=paths["net"],
            ipc_path=paths["ipc"],
            pid_path=paths["pid"],
            id_mappings=None if remapping is None else remapping.mappings,
            user_path=None
            if remapping is None
            else user_namespace_to_join(record.host_config, self._config, self._store),
            shm_path=shm_path,
            apparmor_profile=self._modules.apparmor_profile(record.host_config),
            process_label=labels.process,
            mount_label=labels.mount,
            default_ulimits=self._config.default_ulimits,
            default_shm_size=self._config.default_shm_size,
            # criu cannot checkpoint what has one.
            has_time_namespaces=not self._config.experimental
            and os.path.exists("/proc/self/ns/time"),  # noqa: PTH110
            cpu_count=os.cpu_count() or 1,
        )

    def namespace(self, mode: str, kind: str, title: str) -> str | None:
        """Return the namespace file of `container:<ref>`, or None for other modes."""
        other = shared_with(mode)
        if other is None:
            return None
        target = self._store.get(other)
        if not target.is_running:
            raise Conflict(f"cannot join {title} namespace of a non running container: {target.id}")
        return f"/proc/{target.pid}/ns/{kind}"

    def _user(self, record: ContainerRecord, mounts: Mounts | None) -> User:
        user = resolve_user(
            UserFiles() if mounts is None else self._read_user_files(record, mounts),
            record.config.user,
            record.host_config.group_add,
        )
        return self._possible(record, user)

    def _possible(self, record: ContainerRecord, user: User) -> User:
        remapping = self._config.remapping_of(record.host_config)
        return user if remapping is None else remapping.check_user(user)

    def _read_user_files(self, record: ContainerRecord, mounts: Mounts) -> UserFiles:
        # As long as the container has no /etc of its own, its files are the image's, which never
        # change: one look-up serves all containers of the image.
        shared = mounts.upper is None or not os.path.lexists(f"{mounts.upper}/etc/passwd")
        shared = shared and not os.path.lexists(f"{mounts.upper}/etc/group")
        shared = shared and not os.path.islink(f"{mounts.upper}/etc")  # noqa: PTH114
        if shared and record.chain_id in self._user_files:
            return self._user_files[record.chain_id]
        with read_only_view(mounts) as root:
            files = read_user_files(root)
        if shared:
            if len(self._user_files) >= _MAX_CACHED:
                self._user_files.clear()
            self._user_files[record.chain_id] = files
        return files

    def user_of_running(self, record: ContainerRecord, text: str) -> User:
        """Return the user that `text` means in a running container (InvalidArgument, Conflict)."""
        try:
            root = live_root(record.pid)
        except OSError as err:
            raise Conflict(f"container {record.id} is not running") from err
        with root:
            user = resolve_user(read_user_files(root), text, record.host_config.group_add)
        return self._possible(record, user)

    def process_of(self, record: ContainerRecord) -> dict[str, Any]:
        """Return the OCI process object of the container's run."""
        process = self._processes.get(record.id)
        if process is None:  # a container that outlived the daemon which started it
            document = (self.directory(record.id) / "config.json").read_bytes()
            process = self._processes[record.id] = msgspec.json.decode(document)["process"]
        return process

    # --- /dev/shm --------------------------------------------------------------------------

    def _shm_directory(self, record: ContainerRecord) -> str | None:
        """Return the directory of a /dev/shm that other containers may join, else None."""
        mode = record.host_config.ipc_mode
        if (other := shared_with(mode)) is not None:
            target = self._store.get(other)
            if target.host_config.ipc_mode != "shareable":
                raise Conflict(
                    f"cannot join IPC of container {target.id}: non-shareable IPC "
                    "(hint: use IpcMode:shareable for the donor container)"
                )
            return str(self.directory(target.id) / "shm")
        return str(self.directory(record.id) / "shm") if mode == "shareable" else None

    def _shm(self, record: ContainerRecord) -> str | None:
        """Return the same; one of this container's own is there afterwards."""
        directory = self._shm_directory(record)
        if directory is None or record.host_config.ipc_mode != "shareable":
            return directory
        path = self.directory(record.id) / "shm"
        path.mkdir(mode=0o700, exist_ok=True)
        if not path.is_mount():
            size = record.host_config.shm_size or self._config.default_shm_size
            flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
            uid, gid = self._owner(record) or (0, 0)
            label = self._modules.in_force(record).mount
            context = f',context="{label}"' if label else ""
            data = f"mode=1777,size={size},uid={uid},gid={gid}{context}"
            mount("shm", directory, "tmpfs", flags, data)
        return directory

    # --- start.json ------------------------------------------------------------------------

    def request(
        self,
        record: ContainerRecord,
        mounts: Mounts,
        sandbox: Sandbox,
        runtime: RegisteredRuntime | None,
    ) -> dict[str, Any]:
        """Return start.json."""
        host = record.host_config
        own = runtime is None
        return {
            "id": record.id,
            "bundle": str(self.directory(record.id)),
            "state_dir": record.state_dir,
            "rootfs": _rootfs(mounts),
            "seccomp_program": self._seccomp_of(record, bounding_capabilities(host))
            if own
            else None,
            "log": _log(record),
            "open_stdin": record.config.open_stdin,
            "stdin_once": record.config.stdin_once,
            "interfaces": sandbox.interfaces,
            "dns": sandbox.dns,
            "restart": {
                "policy": host.restart_policy.name or "no",
                "maximum_retries": host.restart_policy.maximum_retry_count,
            },
            "restart_count": 0,
            "init": self.wants_init(record),
            "reserved_fds": len(sandbox.sockets),
            "runtime": runtime_request(runtime),
        }

    def _seccomp_of(self, record: ContainerRecord, capabilities: list[str]) -> str | None:
        if record.host_config.privileged:
            return None
        options = parse_security_options(record.host_config.security_opt)
        return self._seccomp.path(options.seccomp, capabilities)

    def seccomp_of_exec(self, record: ContainerRecord, *, privileged: bool) -> str | None:
        """Return the program of an exec: the container's own, none for a privileged one."""
        if privileged:
            return None
        return self._seccomp_of(record, bounding_capabilities(record.host_config))

    # --- at the end ------------------------------------------------------------------------

    def clean(self, record: ContainerRecord) -> None:
        """Remove the bundle and unmount what was mounted for the run. Idempotent."""
        self._processes.pop(record.id, None)
        self._cgroup_paths.pop(record.id, None)
        bundle = self.directory(record.id)
        shm = bundle / "shm"
        if record.host_config.ipc_mode == "shareable" and shm.is_mount():
            umount2(str(shm), MNT_DETACH)
        shutil.rmtree(bundle, ignore_errors=True)
        for point in record.mounts:
            if point.type == "volume":
                self._volumes.unmount(point.name, record.id)


_MAX_CACHED = 64
_VOLUME_MOUNT_S = 30


def _rootfs(mounts: Mounts) -> dict[str, Any]:
    if not mounts.lower:
        return {"path": mounts.upper}
    return {
        "lower": mounts.lower,
        "upper": mounts.upper,
        "work": mounts.work,
        "map_lower": mounts.user_namespace >= 0,
    }


def _log(record: ContainerRecord) -> dict[str, Any]:
    settings = parse_log_config(record.host_config.log_config, record.config)
    if settings.driver == "none":
        return {"driver": "none"}
    return {
        "driver": settings.driver,
        "path": record.log_path,
        "max_size": settings.max_size,
        "max_file": settings.max_file,
        "labels": settings.labels or None,
    }
