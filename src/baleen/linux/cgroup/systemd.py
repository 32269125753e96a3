"""The driver for groups that systemd makes: a transient scope round each container.

A group that is named "slice:prefix:name", as OCI documents have it, is the unit
"<prefix>-<name>.scope" in that slice; its directory follows from the names. systemd makes it
with the container's first process in it, and takes it away behind the last one. In between it is
ours (`Delegate=`): limits, freezing, killing and counting are those of the v2 driver.

A path that begins with "/" is a group of our own, made by the v2 driver.

See: systemd's CONTROL_GROUP_INTERFACE.md and CGROUP_DELEGATION.md; systemd.scope(5).
"""

from __future__ import annotations

import errno
import os
import time

from baleen.linux import systemd
from baleen.linux.cgroup import v2_limits
from baleen.linux.cgroup.driver import CgroupError
from baleen.linux.cgroup.files import check_path, pause
from baleen.linux.cgroup.unit_properties import INFINITY, NEEDS_VERSION, limit_properties
from baleen.linux.cgroup.v2 import V2Cgroup, V2Driver
from baleen.linux.dbus import DBusError, Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from baleen.linux.systemd import Property

__all__ = ["ScopeCgroup", "SystemdDriver", "scope_of"]

DEFAULT_SLICE: Final = "system.slice"


def scope_of(path: str) -> tuple[str, str, str]:
    """The slice, the scope and the directory below the root that "slice:prefix:name" means.

    Raises CgroupError.
    """
    parts = path.split(":")
    if len(parts) != 3:
        raise CgroupError(
            "path",
            f'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got '
            f'"{path[:256]}" instead',
        )
    parent, prefix, name = parts
    parent = parent or DEFAULT_SLICE
    unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"
    if not name or not _is_unit_name(unit):
        raise CgroupError("path", f"{unit[:256]!r} is no name for a systemd scope")
    try:
        directory = systemd.slice_path(parent)
    except ValueError as error:
        raise CgroupError("path", str(error)) from error
    return parent, unit, f"{directory}/{unit}"


def _is_unit_name(unit: str) -> bool:
    """See: systemd.unit(5), names of units."""
    return len(unit) < 256 and unit.isascii() and unit.replace("-", "a").translate(_PLAIN).isalnum()


_PLAIN: Final = {ord(letter): "a" for letter in ":_.\\"}


class SystemdDriver(V2Driver):
    """Scopes of systemd, and groups of our own, on the unified hierarchy mounted at `mount`."""

    def create(self, path: str, resources: Mapping[str, object], pid: int = 0) -> V2Cgroup:
        """See CgroupDriver.create. A scope needs `pid`, and goes with it if this fails."""
        if path.startswith("/"):
            return super().create(path, resources, pid)
        parent, unit, _ = scope_of(path)
        group = ScopeCgroup(self, path)
        if pid <= 0:
            raise CgroupError("create", f"the scope {unit} cannot be made without a process")
        if group.pids():
            raise CgroupError(
                "create", f"the scope {unit} exists and holds processes", errno=errno.EBUSY
            )
        limits = limit_properties(resources)
        if all(name != "TasksMax" for name, _ in limits):
            limits.append(("TasksMax", Variant("t", INFINITY)))  # else 15 % of what there may be
        properties = [*_scope_properties(parent, unit, pid), *limits]
        try:
            with systemd.Manager() as manager:
                manager.start_scope(unit, _known(manager, properties))
        except DBusError as error:
            raise CgroupError(
                "create", f"systemd cannot make the scope {unit}: {error}", errno=error.errno
            ) from error
        self._pass_on_to(group, resources)
        v2_limits.apply(group.files, group.directory, resources)
        return group

    def open(self, path: str) -> V2Cgroup:
        """See CgroupDriver.open."""
        return super().open(path) if path.startswith("/") else ScopeCgroup(self, path)

    def _pass_on_to(self, group: V2Cgroup, resources: Mapping[str, object]) -> None:
        """Enable what is asked for and systemd has no property for (huge pages, RDMA)."""
        if resources.get("hugepageLimits") or resources.get("rdma") or resources.get("unified"):
            try:
                self._make_parents(os.path.dirname(group.directory))
            except OSError as error:
                raise CgroupError(
                    "create",
                    f"cannot enable controllers for {group.path}: {error.strerror}",
                    errno=error.errno or 0,
                ) from error


class ScopeCgroup(V2Cgroup):
    """The group of a scope. See the Cgroup protocol."""

    is_transient = True

    def __init__(self, driver: V2Driver, path: str) -> None:
        _, self.unit, directory = scope_of(path)
        super().__init__(driver, check_path(directory))

    def update(self, resources: Mapping[str, object]) -> None:
        """See Cgroup.update: systemd is told first, for it may write its own values once more."""
        properties = limit_properties(resources, self._cpu_max())
        if properties:
            try:
                with systemd.Manager() as manager:
                    manager.set_properties(self.unit, _known(manager, properties))
            except DBusError as error:
                raise CgroupError(
                    "update", f"systemd cannot update {self.unit}: {error}", errno=error.errno
                ) from error
        super().update(resources)

    def _cpu_max(self) -> tuple[int, int]:
        quota, _, period = self.files.text("cpu", "cpu.max").partition(" ")
        return int(quota) if quota.isdigit() else -1, int(period or 100_000)

    def remove(self, timeout_s: float = 2.0) -> None:
        """See Cgroup.remove. Success means that nothing is left in it.

        systemd removes it then, a moment later. It is not done here: were the directory gone before
        systemd is told that it is empty, the unit would stay for ever. Nor is it waited for:
        systemd may be busy for seconds (`daemon-reload`), and supervisors have other containers.
        """
        deadline = time.monotonic() + timeout_s
        wait_s = 0.0002
        while self.pids():
            if time.monotonic() > deadline:
                raise CgroupError(
                    "remove",
                    f"cannot remove the scope {self.unit}: it holds processes",
                    errno=errno.EBUSY,
                )
            pause(wait_s)
            wait_s = min(wait_s * 2, 0.02)


def _scope_properties(parent: str, unit: str, pid: int) -> list[Property]:
    yes = Variant("b", True)
    return [
        ("Description", Variant("s", f"Container {unit.removesuffix('.scope')}")),
        ("Slice", Variant("s", parent)),
        ("PIDs", Variant("au", [pid])),
        ("Delegate", yes),
        # Or the scope would be stopped at shutdown before the daemon.
        ("DefaultDependencies", Variant("b", False)),
        ("CollectMode", Variant("s", "inactive-or-failed")),
        ("MemoryAccounting", yes),
        ("CPUAccounting", yes),
        ("IOAccounting", yes),
        ("TasksAccounting", yes),
    ]


def _known(manager: systemd.Manager, properties: Sequence[Property]) -> list[Property]:
    """Without those that are too new for this systemd, which are then in the files alone."""
    if all(name not in NEEDS_VERSION for name, _ in properties):
        return [*properties]
    version = manager.version()
    return [pair for pair in properties if NEEDS_VERSION.get(pair[0], 0) <= version]
