"""Asking systemd, the first process, for units that exist as long as a process does.

A transient *scope* is a unit round processes that somebody else has started: systemd makes its
control group and moves them there. It ends with its last process, and is forgotten then.

    Manager()                       a connection to the private socket, or to the system bus
        start_scope(unit, ...)      StartTransientUnit, then the signal JobRemoved: it is there
        set_properties(unit, ...)   limits that systemd writes, now and whenever it writes them
        stop(unit)                  StopUnit, which also ends the processes, and JobRemoved

The private socket is for root and has no daemon between us and systemd: one connection, one call.

See: org.freedesktop.systemd1(5), systemd.scope(5).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from baleen.linux.dbus import Connection, DBusError, Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Self

    from baleen.linux.dbus import Message

__all__ = ["DBusError", "Manager", "Property", "is_running", "slice_path"]

# A property of a unit: its name, and its value with its type.
Property = tuple[str, Variant]

PRIVATE_SOCKET: Final = "/run/systemd/private"
BUS_SOCKET: Final = "/run/dbus/system_bus_socket"
TIMEOUT_S: Final = 30.0

_SERVICE: Final = "org.freedesktop.systemd1"
_PATH: Final = "/org/freedesktop/systemd1"
_INTERFACE: Final = "org.freedesktop.systemd1.Manager"
_EXISTS: Final = "org.freedesktop.systemd1.UnitExists"
_NO_SUCH: Final = "org.freedesktop.systemd1.NoSuchUnit"
# How long the end of a scope may take whose last process has left, before it is stopped.
_LEAVING_S: Final = 3.0


def is_running() -> bool:
    """Whether systemd is the first process. See: sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


def slice_path(name: str) -> str:
    """The control group of a slice, below the root: "a-b.slice" is in "/a.slice/a-b.slice".

    The root slice "-.slice" is "". Raises ValueError for what names no slice.

    See: systemd.slice(5).
    """
    stem = name.removesuffix(".slice")
    if stem == name or "/" in name or len(name) > 255 or not name.isprintable():
        raise ValueError(f"invalid slice name: {name[:256]}")
    if stem == "-":
        return ""
    parts = stem.split("-")
    if "" in parts or "." in parts or ".." in parts:
        raise ValueError(f"invalid slice name: {name[:256]}")
    return "".join(f"/{'-'.join(parts[:count])}.slice" for count in range(1, len(parts) + 1))


class Manager:
    """systemd's manager object, over one connection. Closed by `with`; not for long."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Connect; nothing afterwards takes longer than `timeout_s` in all. Raises DBusError."""
        try:
            self._bus = Connection(PRIVATE_SOCKET, timeout_s)
        except DBusError:
            self._bus = Connection(BUS_SOCKET, timeout_s)
            try:
                self._join_bus()
            except BaseException:
                self._bus.close()
                raise
        self._bus.keep("JobRemoved", "UnitRemoved")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.close()

    def version(self) -> int:
        """Systemd's version, 252 for instance; 0 if its text does not begin with a number."""
        (value,) = self._bus.call(
            _SERVICE, _PATH, "org.freedesktop.DBus.Properties", "Get", "ss", _INTERFACE, "Version"
        )
        text = value.value if isinstance(value, Variant) else value
        digits = ""
        for letter in str(text).removeprefix("v"):
            if letter not in "0123456789":
                break
            digits += letter
        return int(digits or 0)

    def start_scope(self, unit: str, properties: Sequence[Property]) -> None:
        """Have the scope made; the processes of its property PIDs are in it when this returns.

        A unit of that name that has no process any more is waited for: systemd forgets it a
        moment after its last process has ended. Raises DBusError.
        """
        for attempt in (1, 2):
            try:
                job = self._start(unit, properties)
                break
            except DBusError as error:
                if error.name != _EXISTS or attempt == 2:
                    raise
            self._wait_for_removal(unit)
        self._finish(job, unit, "start")

    def _start(self, unit: str, properties: Sequence[Property]) -> object:
        (job,) = self._call(
            "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", [*properties], []
        )
        return job

    def _wait_for_removal(self, unit: str) -> None:
        """The caller knows that nothing is in it."""
        deadline = self._bus.deadline
        self._bus.deadline = min(deadline, time.monotonic() + _LEAVING_S)
        try:
            self._bus.signal(lambda message: _unit_of(message, "UnitRemoved") == unit)
        except DBusError:
            # It has failed, or did not notice.
            self._bus.deadline = deadline
            self.reset_failed(unit)
            self.stop(unit)
        finally:
            self._bus.deadline = deadline

    def stop(self, unit: str) -> None:
        """Have the unit ended, with its processes. Success means *is not there*."""
        try:
            (job,) = self._call("StopUnit", "ss", unit, "replace")
        except DBusError as error:
            if error.name != _NO_SUCH:
                raise
        else:
            self._finish(job, unit, "stop")

    def reset_failed(self, unit: str) -> None:
        """Have a unit forgotten that is kept because it has failed; success if there is none."""
        with suppress(DBusError):
            self._call("ResetFailedUnit", "s", unit)

    def set_properties(self, unit: str, properties: Sequence[Property]) -> None:
        """Change properties of a unit until it ends. Raises DBusError."""
        self._call("SetUnitProperties", "sba(sv)", unit, True, [*properties])

    def _call(self, member: str, signature: str, *values: object) -> tuple[object, ...]:
        return self._bus.call(_SERVICE, _PATH, _INTERFACE, member, signature, *values)

    def _finish(self, job: object, unit: str, what: str) -> None:
        """Wait for the job's end. See: the signal JobRemoved(u id, o job, s unit, s result)."""
        ended = self._bus.signal(
            lambda message: message.member == "JobRemoved" and message.body()[1] == job
        )
        result = str(ended.body()[3])
        if result not in ("done", "skipped"):
            raise DBusError(f"systemd could not {what} {unit}: the job ended as {result!r}")

    def _join_bus(self) -> None:
        """What a bus needs before it passes signals on; a direct connection has them all."""
        bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
        self._bus.call(*bus, "Hello")
        rule = f"type='signal',sender='{_SERVICE}',path='{_PATH}',interface='{_INTERFACE}'"
        for member in ("JobRemoved", "UnitRemoved"):
            self._bus.call(*bus, "AddMatch", "s", f"{rule},member='{member}'")
        self._call("Subscribe", "")


def _unit_of(message: Message, member: str) -> object:
    """Of a signal of that name with (s unit, o path), the unit."""
    return message.body()[0] if message.member == member else None
