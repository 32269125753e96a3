"""How a container's process is scheduled: CPU policy, I/O priority, CPUs of an exec.

Loaded only for documents that ask for it. See: OCI runtime-spec config.md, Linux Process;
sched(7), ioprio_set(2).
"""

from __future__ import annotations

from baleen.linux import scheduler
from baleen.linux.cgroup.cpuset import format_cpuset, parse_cpuset
from baleen.linux.record import record
from baleen.linux.scheduler import SchedAttributes
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.fields import Fields
    from baleen.runtime.process_script import ProcessScript

__all__ = ["Scheduling", "parse_scheduling"]

_NICE: Final = ("SCHED_OTHER", "SCHED_BATCH")
_REAL_TIME: Final = ("SCHED_FIFO", "SCHED_RR")
_DEADLINE: Final = ("runtime", "deadline", "period")
_UINT64_MAX: Final = 2**64 - 1


@record(frozen=True, slots=True)
class Scheduling:
    """All of it.

    A container's first process calls `apply`; an exec is a script, to which the others append.

    Attributes:
        policy: name and attributes.
        io: I/O class and level.
        initial_cpus: where an exec runs before it is in the container's group; empty for anywhere.
        final_cpus: where it runs from then on.
    """

    policy: tuple[str, SchedAttributes] | None
    io: tuple[int, int] | None
    initial_cpus: frozenset[int]
    final_cpus: frozenset[int]

    def apply(self, pid: int = 0) -> None:
        """Give policy and I/O priority to a process in its control group, 0 is the caller."""
        if self.policy is not None:
            name, attributes = self.policy
            try:
                attributes.apply(pid)
            except OSError as error:
                raise _no_policy(name, error.errno or 0) from error
        if self.io is not None:
            try:
                scheduler.ioprio_set(*self.io, pid)
            except OSError as error:
                raise _no_io_priority(error.errno or 0) from error

    def append(self, steps: ProcessScript) -> None:
        """The same as steps of a script; before the process gives up rights."""
        script = steps.script
        if self.policy is not None:
            name, attributes = self.policy
            step = script.call("sched_setattr", 0, script.data(attributes.encode()), 0)
            steps.means(step, lambda number: _no_policy(name, number))
        if self.io is not None:
            value = scheduler.ioprio_value(*self.io)
            step = script.call("ioprio_set", scheduler.IOPRIO_WHO_PROCESS, 0, value)
            steps.means(step, _no_io_priority)

    def append_initial_cpus(self, steps: ProcessScript) -> None:
        """A step for before the process joins the control group."""
        _append_cpus(steps, self.initial_cpus, "initial")

    def append_final_cpus(self, steps: ProcessScript) -> None:
        """A step for when it has joined."""
        _append_cpus(steps, self.final_cpus, "final")


def _append_cpus(steps: ProcessScript, cpus: frozenset[int], which: str) -> None:
    if not cpus:
        return
    mask = scheduler.cpu_mask(cpus)
    step = steps.script.call("sched_setaffinity", 0, len(mask), steps.script.data(mask))
    wanted = format_cpuset(cpus)
    steps.means(
        step,
        lambda number: _failed("execCPUAffinity", f"execCPUAffinity.{which} to {wanted}", number),
    )


def _failed(stage: str, what: str, number: int) -> LaunchError:
    return LaunchError(stage, number, f"cannot set {what}: {reason(OSError(number, ''))}", 128)


def _no_policy(name: str, number: int) -> LaunchError:
    return _failed("scheduler", f"the scheduler to {name}", number)


def _no_io_priority(number: int) -> LaunchError:
    return _failed("ioPriority", "the I/O priority", number)


def parse_scheduling(process: Fields) -> Scheduling:
    """Read `scheduler`, `ioPriority` and `execCPUAffinity`. Raises LaunchError."""
    affinity = process.object("execCPUAffinity")
    return Scheduling(
        policy=_parse_policy(process) if process.has("scheduler") else None,
        io=_parse_io(process) if process.has("ioPriority") else None,
        initial_cpus=_parse_cpus(affinity, "initial"),
        final_cpus=_parse_cpus(affinity, "final"),
    )


def _parse_policy(process: Fields) -> tuple[str, SchedAttributes]:
    fields = process.object("scheduler")
    name = fields.text("policy")
    if name not in scheduler.SCHED_POLICIES:
        raise refuse(f"{fields.where}policy {name!r} is not one that Linux has")
    if fields.raw("nice") and name not in _NICE:
        raise refuse(f"{fields.where}nice needs the policy {' or '.join(_NICE)}")
    if fields.raw("priority") and name not in _REAL_TIME:
        raise refuse(f"{fields.where}priority needs the policy {' or '.join(_REAL_TIME)}")
    for key in _DEADLINE:
        if fields.raw(key) and name != "SCHED_DEADLINE":
            raise refuse(f"{fields.where}{key} needs the policy SCHED_DEADLINE")
    flags = 0
    for flag in fields.texts("flags"):
        if flag not in scheduler.SCHED_FLAGS:
            raise refuse(f"{fields.where}flags: {flag!r} is not a flag of the scheduler")
        if flag.startswith("SCHED_FLAG_UTIL_CLAMP"):
            raise refuse(f"{fields.where}flags: {flag} needs a value, which has no field")
        flags |= scheduler.SCHED_FLAGS[flag]
    if name in _REAL_TIME and not fields.has("priority"):
        raise refuse(f"{fields.where}priority: {name} needs one from 1 to 99")
    attributes = SchedAttributes(
        scheduler.SCHED_POLICIES[name],
        flags,
        fields.integer("nice", 0, low=-20, high=19),
        fields.integer("priority", 0, low=1 if name in _REAL_TIME else 0, high=99),
        *(fields.integer(key, 0, high=_UINT64_MAX) for key in _DEADLINE),
    )
    return name, attributes


def _parse_io(process: Fields) -> tuple[int, int]:
    fields = process.object("ioPriority")
    name = fields.text("class")
    if name not in scheduler.IOPRIO_CLASSES:
        raise refuse(f"{fields.where}class {name!r} is not an I/O class")
    return scheduler.IOPRIO_CLASSES[name], fields.integer("priority", 0, high=7)


def _parse_cpus(affinity: Fields, name: str) -> frozenset[int]:
    # The schema's grammar has spaces, which no kernel file has.
    text = affinity.text(name, "").replace(" ", "")
    try:
        return parse_cpuset(text)
    except ValueError as error:
        raise refuse(f"{affinity.where}{name}: {error}") from error
