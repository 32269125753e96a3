"""`kill`: send a signal to PID 1, or to all processes of a container."""

from __future__ import annotations

import contextlib
import os
import signal

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.linux.process import pidfd_send_signal
from baleen.runtime.oci.access import group_of, open_init
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute", "parse_signal"]

_HIGHEST = 64


def parse_signal(text: str) -> int:
    """The number of "9", "KILL", "SIGKILL", "RTMIN+1". Raises InvalidArgument."""
    if text.isascii() and text.isdecimal():
        number = int(text[:4])
        if 0 <= number <= _HIGHEST:
            return number
    name, plus, offset = text.upper().removeprefix("SIG").partition("+")
    if plus and name == "RTMIN" and offset.isascii() and offset.isdecimal() and len(offset) < 3:
        number = signal.SIGRTMIN + int(offset)
        if number <= signal.SIGRTMAX:
            return number
    elif not plus:
        with contextlib.suppress(KeyError):
            return signal.Signals["SIG" + name]
    raise InvalidArgument(f'unknown signal "{text[:64]}"')


def execute(invocation: Invocation) -> int:
    """Returns 0 when the signal was sent."""
    name, *given = invocation.arguments
    number = parse_signal(given[0] if given else "TERM")
    entry = Store(invocation.root).open(name)
    values = entry.read()
    group = group_of(values)
    if invocation.options.flag("all"):
        if group is not None:
            _signal_all(group, number)
        return 0
    with open_init(values) as pidfd:
        if not pidfd_send_signal(pidfd.fileno(), number):
            raise FailedPrecondition("container not running")
    if number == signal.SIGKILL and group is not None:
        if values.shares_pids:
            group.kill()  # nobody else ends what PID 1 has left behind
        elif group.is_frozen():
            group.thaw()  # on v1 a frozen process cannot even die
    return 0


def _signal_all(group: Cgroup, number: int) -> None:
    if number == signal.SIGKILL:
        group.kill()
        return
    for pid in group.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
