"""The driver for cgroup v1: one directory per hierarchy, and the unified one in a hybrid layout.

A process is in every hierarchy at once; a container's group has the same path in all of them. In
the hybrid layout the unified hierarchy has no controllers but takes part: its cgroup.kill kills a
whole tree without a race.

See: the kernel's admin-guide/cgroup-v1/cgroups.rst.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import suppress

from baleen.linux.cgroup import v1_limits
from baleen.linux.cgroup.driver import CgroupError
from baleen.linux.cgroup.files import (
    GroupFiles,
    check_path,
    parse_flat,
    pause,
    processes,
    read,
    read_int,
    remove_tree,
    subgroups,
    write,
)
from baleen.linux.cgroup.oom import OomWatch, watch_v1
from baleen.linux.cgroup.stats import CgroupStats, CpuStats, IoEntry, MemoryStats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.cgroup.driver import Cgroup

__all__ = ["V1Cgroup", "V1Driver"]

# memory.limit_in_bytes of an unlimited group: 2^63 - 1 rounded down to a page (at most 64 KiB).
_UNLIMITED = 2**63 - 65536


class V1Driver:
    """All v1 hierarchies of the host.

    `hierarchies` maps each mount point to the controllers on it (none for a named hierarchy);
    `unified` is the mount point of a hybrid layout's v2 hierarchy, or None.
    """

    version = 1

    def __init__(
        self, hierarchies: Mapping[str, frozenset[str]], unified: str | None = None
    ) -> None:
        self.hierarchies = dict(hierarchies)
        self.unified = unified
        self.controllers: frozenset[str] = frozenset().union(*self.hierarchies.values())
        self.mounts: tuple[str, ...] = (*self.hierarchies, *([unified] if unified else []))
        self.by_controller = {
            controller: mount
            for mount, controllers in self.hierarchies.items()
            for controller in controllers
        }

    @property
    def limits_swap(self) -> bool:
        """See CgroupDriver.limits_swap: kernels may be started without it."""
        memory = self.by_controller.get("memory")
        return memory is not None and os.path.exists(memory + "/memory.memsw.limit_in_bytes")

    def create(self, path: str, resources: Mapping[str, object]) -> V1Cgroup:
        """See CgroupDriver.create."""
        group = V1Cgroup(self, path)
        made: list[str] = []
        try:
            for directory in group.directories:
                self._make(directory)
                made.append(directory)
            if cpuset := group.files.directories.get("cpuset"):
                inherit_cpuset(cpuset, self.by_controller["cpuset"])
            v1_limits.apply(group.files, resources, fresh=True)
        except BaseException as error:
            for directory in made:
                with suppress(OSError):
                    os.rmdir(directory)
            if isinstance(error, OSError):
                raise CgroupError(
                    "create",
                    f"cannot create the cgroup {path}: {error.strerror}: {error.filename}",
                    errno=error.errno or 0,
                ) from error
            raise
        return group

    def open(self, path: str) -> V1Cgroup:
        """See CgroupDriver.open."""
        return V1Cgroup(self, path)

    def create_ahead(self, path: str) -> V1Cgroup | None:
        """See CgroupDriver.create_ahead: in the unified hierarchy there is none."""
        return V1Driver(self.hierarchies).create(path, {})

    def rename(self, group: Cgroup, path: str, resources: Mapping[str, object]) -> V1Cgroup:
        """See CgroupDriver.rename."""
        target = V1Cgroup(self, path)
        done: list[tuple[str, str]] = []
        try:
            for mount in self.hierarchies:
                _rename(mount + group.path, mount + path)
                done.append((mount + group.path, mount + path))
            v1_limits.apply(target.files, resources, fresh=True)
            if self.unified is not None:
                self._make(self.unified + path)
        except BaseException as error:
            for old, new in done:
                with suppress(OSError):
                    os.rename(new, old)
            if isinstance(error, OSError):
                raise CgroupError(
                    "rename",
                    f"cannot rename the cgroup {group.path} to {path}: {error.strerror}",
                    errno=error.errno or 0,
                ) from error
            raise
        return target

    def below(self, path: str) -> list[str]:
        """See CgroupDriver.below."""
        found = {os.path.basename(one) for mount in self.mounts for one in subgroups(mount + path)}
        return [f"{path}/{name}" for name in sorted(found)]

    def _make(self, directory: str) -> None:
        try:
            os.mkdir(directory, 0o755)
        except FileNotFoundError:
            self._make_parents(os.path.dirname(directory))
            os.mkdir(directory, 0o755)
        except FileExistsError:
            # A leftover of a killed predecessor may carry old limits; one in use stays.
            remove_tree(directory)
            os.mkdir(directory, 0o755)

    def _make_parents(self, directory: str) -> None:
        if os.path.isdir(directory):
            return
        self._make_parents(os.path.dirname(directory))
        with suppress(FileExistsError):
            os.mkdir(directory, 0o755)
        cpuset = self.by_controller.get("cpuset")
        if cpuset is not None and directory.startswith(cpuset + "/"):
            inherit_cpuset(directory, cpuset)
            # Groups made below copy the CPUs and nodes by themselves from now on.
            write(directory + "/cgroup.clone_children", b"1")


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except FileExistsError:
        # As in `_make`: a leftover.
        remove_tree(new)
        os.rename(old, new)


def inherit_cpuset(directory: str, mount: str) -> None:
    """Copies empty cpuset.cpus and cpuset.mems from the parent; no process can join without.

    Raises OSError.
    """
    for file in ("cpuset.cpus", "cpuset.mems"):
        _inherit(directory, file, mount)


def _inherit(directory: str, file: str, mount: str) -> bytes:
    path = f"{directory}/{file}"
    value = read(path).strip()
    if value or directory == mount:
        return value
    value = _inherit(os.path.dirname(directory), file, mount)
    write(path, value)
    return value


class V1Cgroup:
    """One path in all hierarchies; holds no descriptor. See the Cgroup protocol."""

    def __init__(self, driver: V1Driver, path: str) -> None:
        self.path = check_path(path)
        self._driver = driver
        self.directories: tuple[str, ...] = tuple(mount + path for mount in driver.mounts)
        self.files = GroupFiles(
            {controller: mount + path for controller, mount in driver.by_controller.items()}
        )
        # Where the members are listed: the freezer's view is the one that killing needs.
        self._members = next(
            (
                self.files.directories[controller]
                for controller in ("freezer", "pids", "memory")
                if controller in self.files.directories
            ),
            self.directories[0],
        )
        self._unified = None if driver.unified is None else driver.unified + path

    @property
    def member_files(self) -> tuple[str, ...]:
        """See Cgroup.member_files."""
        return tuple(directory + "/cgroup.procs" for directory in self.directories)

    def add(self, pid: int) -> None:
        """See Cgroup.add."""
        text = b"%d" % pid
        for directory in self.directories:
            try:
                write(directory + "/cgroup.procs", text)
            except OSError as error:
                self._add_again(directory, text, error)

    def _add_again(self, directory: str, text: bytes, error: OSError) -> None:
        """Repairs the two failures that are not final, else raises CgroupError."""
        cpuset = self.files.directories.get("cpuset")
        try:
            if error.errno == errno.ENOSPC and directory == cpuset:
                inherit_cpuset(cpuset, self._driver.by_controller["cpuset"])
                write(directory + "/cgroup.procs", text)
                return
            if error.errno == errno.EINVAL:  # a task that fork has not finished yet
                pause(0.002)
                write(directory + "/cgroup.procs", text)
                return
        except OSError as again:
            error = again
        raise CgroupError(
            "add",
            f"cannot move process {text.decode()} to the cgroup {directory}: {error.strerror}",
            errno=error.errno or 0,
        ) from error

    def join_rest(self, pid: int) -> None:
        """See Cgroup.join_rest."""
        if self._unified is not None:
            with suppress(ProcessLookupError):
                write(self._unified + "/cgroup.procs", b"%d" % pid)

    def pids(self) -> list[int]:
        """See Cgroup.pids."""
        return processes(self._members)

    def kill(self, timeout_s: float = 10.0) -> None:
        """See Cgroup.kill."""
        left = self.pids()
        if not left:
            return
        deadline = time.monotonic() + timeout_s
        # Without a hybrid layout or before 5.14 there is no cgroup.kill.
        if self._unified is not None and os.path.exists(self._unified + "/cgroup.kill"):
            with suppress(FileNotFoundError):
                write(self._unified + "/cgroup.kill", b"1")
            self.thaw()  # a frozen process cannot die
            pause(0.0002)
            left = self.pids()
        wait_s = 0.0002
        while left:
            if time.monotonic() > deadline:
                raise CgroupError(
                    "kill", f"{len(left)} processes of the cgroup {self.path} do not die"
                )
            self._kill_frozen(left)
            pause(wait_s)
            wait_s = min(wait_s * 2, 0.02)
            left = self.pids()

    def _kill_frozen(self, pids: list[int]) -> None:
        """Kills while frozen: a tree can neither fork away nor give its numbers to strangers."""
        try:
            self.freeze(0.1)
            pids = self.pids()
        except CgroupError:
            pass  # a process in an uninterruptible wait: kill what can be killed
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.thaw()

    def freeze(self, timeout_s: float = 5.0) -> None:
        """See Cgroup.freeze."""
        directory = self.files.directory("freezer", "freezer.state")
        deadline = time.monotonic() + timeout_s
        wait_s = 0.0002
        try:
            while True:
                # Writing again also catches tasks that were moved in or forked meanwhile.
                write(directory + "/freezer.state", b"FROZEN")
                if read(directory + "/freezer.state").strip() == b"FROZEN":
                    return
                if time.monotonic() > deadline:
                    break
                pause(wait_s)
                wait_s = min(wait_s * 2, 0.02)
        except OSError as error:
            raise CgroupError(
                "freeze",
                f"cannot freeze the cgroup {self.path}: {error.strerror}",
                errno=error.errno or 0,
            ) from error
        self.thaw()
        raise CgroupError(
            "freeze",
            f"cannot freeze the cgroup {self.path}: a process did not stop in {timeout_s:g} s",
            errno=errno.ETIMEDOUT,
        )

    def thaw(self) -> None:
        """See Cgroup.thaw."""
        directory = self.files.directories.get("freezer")
        if directory is None:
            return
        try:
            write(directory + "/freezer.state", b"THAWED")
        except FileNotFoundError:
            return
        except OSError as error:
            raise CgroupError(
                "thaw",
                f"cannot thaw the cgroup {self.path}: {error.strerror}",
                errno=error.errno or 0,
            ) from error

    def is_frozen(self) -> bool:
        """See Cgroup.is_frozen."""
        directory = self.files.directories.get("freezer")
        return directory is not None and read_int(directory + "/freezer.self_freezing") == 1

    def update(self, resources: Mapping[str, object]) -> None:
        """See Cgroup.update."""
        v1_limits.apply(self.files, resources, fresh=False)

    def oom_events(self) -> int:
        """See Cgroup.oom_events."""
        directory = self.files.directories.get("memory")
        if directory is None:
            return 0
        try:
            return parse_flat(read(directory + "/memory.oom_control")).get("oom_kill", 0)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENODEV):
                return 0
            raise

    def oom_watch(self) -> OomWatch | None:
        """See Cgroup.oom_watch."""
        directory = self.files.directories.get("memory")
        if directory is None:
            return None
        try:
            return watch_v1(directory, self.oom_events)
        except FileNotFoundError:
            return None

    def remove(self, timeout_s: float = 2.0) -> None:
        """See Cgroup.remove."""
        deadline = time.monotonic() + timeout_s
        for directory in self.directories:
            wait_s = 0.0002
            while True:
                try:
                    remove_tree(directory)
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise CgroupError(
                            "remove",
                            f"cannot remove the cgroup {directory}: {error.strerror}",
                            errno=error.errno or 0,
                        ) from error
                pause(wait_s)
                wait_s = min(wait_s * 2, 0.02)

    def stats(self) -> CgroupStats:
        """See Cgroup.stats."""
        try:
            pids_limit = self.files.number("pids", "pids.max", -1)
            return CgroupStats(
                version=1,
                cpu=self._cpu_stats(),
                memory=self._memory_stats(),
                pids_current=self.files.number("pids", "pids.current", 0),
                pids_limit=pids_limit if pids_limit >= 0 else None,
                io_service_bytes=self._io_stats("io_service_bytes"),
                io_serviced=self._io_stats("io_serviced"),
            )
        except OSError as error:
            raise CgroupError(
                "stats",
                f"cannot read the cgroup {self.path}: {error.strerror}",
                errno=error.errno or 0,
            ) from error

    def _cpu_stats(self) -> CpuStats:
        usage = user = system = 0
        per_cpu: tuple[int, ...] = ()
        if directory := self.files.directories.get("cpuacct"):
            usage = read_int(directory + "/cpuacct.usage")
            user = read_int(directory + "/cpuacct.usage_user")
            system = read_int(directory + "/cpuacct.usage_sys")
            per_cpu = tuple(
                int(value) for value in read(directory + "/cpuacct.usage_percpu").split()
            )
        throttling: dict[str, int] = {}
        if directory := self.files.directories.get("cpu"):
            throttling = parse_flat(read(directory + "/cpu.stat"))
        return CpuStats(
            usage_ns=usage,
            user_ns=user,
            system_ns=system,
            per_cpu_ns=per_cpu,
            periods=throttling.get("nr_periods", 0),
            throttled_periods=throttling.get("nr_throttled", 0),
            throttled_ns=throttling.get("throttled_time", 0),
        )

    def _memory_stats(self) -> MemoryStats:
        directory = self.files.directories.get("memory")
        if directory is None:
            return MemoryStats()
        limit = read_int(directory + "/memory.limit_in_bytes", _UNLIMITED)
        return MemoryStats(
            usage=read_int(directory + "/memory.usage_in_bytes"),
            max_usage=read_int(directory + "/memory.max_usage_in_bytes"),
            limit=None if limit >= _UNLIMITED else limit,
            failcnt=read_int(directory + "/memory.failcnt"),
            oom_kills=self.oom_events(),
            detail=parse_flat(read(directory + "/memory.stat")),
        )

    def _io_stats(self, kind: str) -> tuple[IoEntry, ...]:
        directory = self.files.directories.get("blkio")
        if directory is None:
            return ()
        # Since 5.8 the throttling policy counts hierarchically under the longer name.
        for file in (f"blkio.throttle.{kind}_recursive", f"blkio.throttle.{kind}"):
            with suppress(FileNotFoundError):
                return _parse_io(read(f"{directory}/{file}"))
        return ()


def _parse_io(text: bytes) -> tuple[IoEntry, ...]:
    entries = []
    for line in text.decode("ascii", "replace").splitlines():
        fields = line.replace(":", " ").split()
        if len(fields) == 4:  # the last line is a total without a device
            entries.append(IoEntry(int(fields[0]), int(fields[1]), fields[2], int(fields[3])))
    return tuple(entries)
