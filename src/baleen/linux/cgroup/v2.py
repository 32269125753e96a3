"""The driver for cgroup v2: one hierarchy, controllers enabled from parent to child.

Groups that hold processes cannot pass controllers on, except the root: containers are leaves, and
each group above them passes on all controllers that it has.

See: the kernel's admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from contextlib import suppress

from baleen.linux.cgroup import v2_limits
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
from baleen.linux.cgroup.oom import OomWatch, watch_v2
from baleen.linux.cgroup.stats import CgroupStats, CpuStats, IoEntry, MemoryStats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.cgroup.driver import Cgroup

__all__ = ["V2Cgroup", "V2Driver"]

# The kernel implements these for every v2 group without a controller of that name.
_BUILT_IN = frozenset({"devices", "freezer"})


class V2Driver:
    """The unified hierarchy mounted at `mount`. Raises OSError if there is none."""

    version = 2

    def __init__(self, mount: str) -> None:
        self.mount = mount
        self._own = tuple(read(mount + "/cgroup.controllers").decode().split())
        self.controllers: frozenset[str] = _BUILT_IN.union(self._own)
        # memory.swap.max is in no root group; a kernel without swap has neither.
        self.limits_swap = "memory" in self.controllers and os.path.exists("/proc/swaps")

    def create(self, path: str, resources: Mapping[str, object]) -> V2Cgroup:
        """See CgroupDriver.create."""
        group = V2Cgroup(self, path)
        try:
            try:
                os.mkdir(group.directory, 0o755)
            except FileNotFoundError:
                self._make_parents(os.path.dirname(group.directory))
                os.mkdir(group.directory, 0o755)
            except FileExistsError:
                # A leftover of a killed predecessor may carry old limits; one in use stays.
                remove_tree(group.directory)
                os.mkdir(group.directory, 0o755)
            # A parent that others have made may not pass on what limits and accounting need.
            have = read(group.directory + "/cgroup.controllers").decode().split()
            if not set(have).issuperset(self._own):
                self._make_parents(os.path.dirname(group.directory))
        except CgroupError:
            with suppress(OSError):
                os.rmdir(group.directory)
            raise
        except OSError as error:
            raise _failed("create", f"cannot create the cgroup {path}", error) from error
        try:
            v2_limits.apply(group.files, group.directory, resources)
        except BaseException:
            with suppress(OSError):
                os.rmdir(group.directory)
            raise
        return group

    def create_ahead(self, _path: str) -> None:
        """See CgroupDriver.create_ahead: the unified hierarchy renames nothing."""

    def rename(self, group: Cgroup, path: str, _resources: Mapping[str, object]) -> V2Cgroup:
        """See CgroupDriver.rename: there is no such operation."""
        raise CgroupError("rename", f"cannot rename the cgroup {group.path} to {path}")

    def below(self, path: str) -> list[str]:
        """See CgroupDriver.below."""
        return [f"{path}/{os.path.basename(one)}" for one in subgroups(self.mount + path)]

    def open(self, path: str) -> V2Cgroup:
        """See CgroupDriver.open."""
        return V2Cgroup(self, path)

    def _make_parents(self, directory: str) -> None:
        if directory != self.mount:
            self._make_parents(os.path.dirname(directory))
            with suppress(FileExistsError):
                os.mkdir(directory, 0o755)
        self._pass_on(directory)

    def _pass_on(self, directory: str) -> None:
        """Enables all controllers for the children of a group; those that refuse stay off."""
        have = set(read(directory + "/cgroup.controllers").decode().split())
        enabled = set(read(directory + "/cgroup.subtree_control").decode().split())
        missing = sorted(have - enabled)
        if not missing:
            return
        try:
            write(
                directory + "/cgroup.subtree_control", " ".join("+" + c for c in missing).encode()
            )
        except OSError as error:
            if error.errno == errno.EBUSY and directory != self.mount:
                raise CgroupError(
                    "create",
                    f"cannot enable controllers below the cgroup {directory}: it holds processes",
                    errno=errno.EBUSY,
                    hint="choose another parent cgroup or move its processes away",
                ) from error
            # One that cannot be enabled (cpu with real-time processes about) spoils the whole line.
            for controller in missing:
                with suppress(OSError):
                    write(directory + "/cgroup.subtree_control", b"+" + controller.encode())


def _failed(stage: str, attempt: str, error: OSError) -> CgroupError:
    return CgroupError(stage, f"{attempt}: {error.strerror}", errno=error.errno or 0)


def _start_time(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None if it is gone.

    See: proc_pid_stat(5), field 22.
    """
    try:
        return int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


class V2Cgroup:
    """One directory of the unified hierarchy; holds no descriptor. See the Cgroup protocol."""

    def __init__(self, driver: V2Driver, path: str) -> None:
        self.path = check_path(path)
        self.directory = driver.mount + path
        self.files = GroupFiles(dict.fromkeys(driver.controllers, self.directory))

    @property
    def member_files(self) -> tuple[str, ...]:
        """See Cgroup.member_files: of a group that passes controllers on, its first process'."""
        try:
            passes_on = read(self.directory + "/cgroup.subtree_control").strip()
        except FileNotFoundError:
            passes_on = b""
        place = (self._group_of_first() if passes_on else None) or self.directory
        return (place + "/cgroup.procs",)

    def add(self, pid: int) -> None:
        """See Cgroup.add."""
        try:
            try:
                write(self.directory + "/cgroup.procs", b"%d" % pid)
            except OSError as error:
                # It passes controllers on, so its own processes have moved to groups below.
                if error.errno != errno.EBUSY:
                    raise
                place = self._group_of_first()
                if place is None:
                    self._take_back()
                write((place or self.directory) + "/cgroup.procs", b"%d" % pid)
        except OSError as error:
            raise _failed(
                "add", f"cannot move process {pid} to the cgroup {self.directory}", error
            ) from error

    def _group_of_first(self) -> str | None:
        """The directory of the group, here or below, of the process that was here first.

        In a container that is its PID 1 (an init system, a nested engine). None without a process.
        """
        begun = [(time, pid) for pid in self.pids() if (time := _start_time(pid)) is not None]
        if not begun:
            return None
        try:
            place = os.fsdecode(read(f"/proc/{min(begun)[1]}/cgroup"))
        except (FileNotFoundError, ProcessLookupError):
            return None
        path = place.rpartition("0::")[2].removesuffix("\n")
        below = path[len(self.path) :] if path.startswith(self.path + "/") else ""
        return self.directory + below

    def _take_back(self) -> None:
        """Remove the groups that an earlier life has made below, and keep the controllers."""
        for leftover in subgroups(self.directory):
            remove_tree(leftover)
        passed_on = read(self.directory + "/cgroup.subtree_control").split()
        write(self.directory + "/cgroup.subtree_control", b" ".join(b"-" + c for c in passed_on))

    def join_rest(self, _pid: int) -> None:
        """See Cgroup.join_rest: there is nothing."""

    def pids(self) -> list[int]:
        """See Cgroup.pids."""
        return processes(self.directory)

    def kill(self, timeout_s: float = 10.0) -> None:
        """See Cgroup.kill."""
        try:
            write(self.directory + "/cgroup.kill", b"1")
        except FileNotFoundError:
            self._kill_frozen()  # before 5.14, or gone
        except OSError as error:
            if error.errno == errno.ENODEV:
                return
            raise _failed("kill", f"cannot kill the cgroup {self.path}", error) from error
        if not self._wait_event("populated", 0, timeout_s):
            raise CgroupError("kill", f"processes of the cgroup {self.path} do not die")

    def _kill_frozen(self) -> None:
        """Kills while frozen, so that nothing forks away; SIGKILL works on frozen v2 groups."""
        if not os.path.isdir(self.directory):
            return
        with suppress(CgroupError):  # something does not stop: kill what can be killed
            self.freeze(0.5)
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.thaw()

    def freeze(self, timeout_s: float = 5.0) -> None:
        """See Cgroup.freeze."""
        try:
            write(self.directory + "/cgroup.freeze", b"1")
        except OSError as error:
            raise _failed("freeze", f"cannot freeze the cgroup {self.path}", error) from error
        if not self._wait_event("frozen", 1, timeout_s):
            self.thaw()
            raise CgroupError(
                "freeze",
                f"cannot freeze the cgroup {self.path}: a process did not stop in {timeout_s:g} s",
                errno=errno.ETIMEDOUT,
            )

    def thaw(self) -> None:
        """See Cgroup.thaw."""
        try:
            write(self.directory + "/cgroup.freeze", b"0")
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failed("thaw", f"cannot thaw the cgroup {self.path}", error) from error

    def _wait_event(self, name: str, value: int, timeout_s: float) -> bool:
        """Waits until cgroup.events says so; True also when the group is gone."""
        deadline = time.monotonic() + timeout_s
        try:
            fd = os.open(self.directory + "/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            poller = select.poll()
            poller.register(fd, select.POLLPRI)
            while parse_flat(os.pread(fd, 4096, 0)).get(name) != value:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                poller.poll(left_s * 1000)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
        finally:
            os.close(fd)
        return True

    def is_frozen(self) -> bool:
        """See Cgroup.is_frozen."""
        return read_int(self.directory + "/cgroup.freeze") == 1

    def update(self, resources: Mapping[str, object]) -> None:
        """See Cgroup.update."""
        v2_limits.apply(self.files, self.directory, resources)

    def oom_events(self) -> int:
        """See Cgroup.oom_events."""
        return self._events().get("oom_kill", 0)

    def _events(self) -> dict[str, int]:
        try:
            return parse_flat(read(self.directory + "/memory.events"))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENODEV):
                return {}
            raise

    def oom_watch(self) -> OomWatch | None:
        """See Cgroup.oom_watch."""
        try:
            return watch_v2(self.directory)
        except FileNotFoundError:
            return None

    def remove(self, timeout_s: float = 2.0) -> None:
        """See Cgroup.remove."""
        deadline = time.monotonic() + timeout_s
        wait_s = 0.0002
        while True:
            try:
                remove_tree(self.directory)
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    attempt = f"cannot remove the cgroup {self.directory}"
                    raise _failed("remove", attempt, error) from error
            else:
                return
            pause(wait_s)
            wait_s = min(wait_s * 2, 0.02)

    def stats(self) -> CgroupStats:
        """See Cgroup.stats."""
        try:
            cpu = parse_flat(read(self.directory + "/cpu.stat"))
            limit = self.files.number("pids", "pids.max", -1)
            service_bytes, serviced = _parse_io(self.files.text("io", "io.stat"))
            return CgroupStats(
                version=2,
                cpu=CpuStats(
                    usage_ns=cpu.get("usage_usec", 0) * 1000,
                    user_ns=cpu.get("user_usec", 0) * 1000,
                    system_ns=cpu.get("system_usec", 0) * 1000,
                    periods=cpu.get("nr_periods", 0),
                    throttled_periods=cpu.get("nr_throttled", 0),
                    throttled_ns=cpu.get("throttled_usec", 0) * 1000,
                ),
                memory=self._memory_stats(),
                pids_current=self.files.number("pids", "pids.current", 0),
                pids_limit=None if limit < 0 else limit,
                io_service_bytes=service_bytes,
                io_serviced=serviced,
            )
        except OSError as error:
            raise _failed("stats", f"cannot read the cgroup {self.path}", error) from error

    def _memory_stats(self) -> MemoryStats:
        limit = self.files.number("memory", "memory.max", -1)
        events = self._events()
        return MemoryStats(
            usage=self.files.number("memory", "memory.current", 0),
            max_usage=self.files.number("memory", "memory.peak", 0),
            limit=None if limit < 0 else limit,
            failcnt=events.get("max", 0),
            oom_kills=events.get("oom_kill", 0),
            detail=parse_flat(self.files.text("memory", "memory.stat").encode()),
        )


def _parse_io(text: str) -> tuple[tuple[IoEntry, ...], tuple[IoEntry, ...]]:
    """io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" for each device."""
    service_bytes: list[IoEntry] = []
    serviced: list[IoEntry] = []
    for line in text.splitlines():
        device, *pairs = line.split()
        major, _, minor = device.partition(":")
        for pair in pairs:
            key, _, value = pair.partition("=")
            op = {"r": "read", "w": "write", "d": "discard"}.get(key[:1])
            if op is None or not value.isdigit() or key[1:] not in ("bytes", "ios"):
                continue
            entries = service_bytes if key[1:] == "bytes" else serviced
            entries.append(IoEntry(int(major), int(minor), op, int(value)))
    return tuple(service_bytes), tuple(serviced)
