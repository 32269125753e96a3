"""How a container's process is scheduled: CPU policy, I/O priority, CPUs of an exec.

Loaded only for documents that ask for it. See: OCI runtime-spec config.md, Linux Process;
sched(7), ioprio_set(2).
"""

from __future__ import annotations

import os

from baleen.linux import scheduler
from baleen.linux.cgroup.cpuset import parse_cpuset
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.fields import Fields

__all__ = ["Policy", "Scheduling", "parse_scheduling"]

_NICE: Final = ("SCHED_OTHER", "SCHED_BATCH")
_REAL_TIME: Final = ("SCHED_FIFO", "SCHED_RR")
_DEADLINE: Final = ("runtime", "deadline", "period")
_UINT64_MAX: Final = 2**64 - 1


@record(frozen=True, slots=True)
class Policy:
    """Arguments of sched_setattr(2)."""

    name: str
    flags: int
    nice: int
    priority: int
    runtime_ns: int
    deadline_ns: int
    period_ns: int

    def apply(self) -> None:
        """Give it to the calling thread (LaunchError)."""
        try:
            scheduler.sched_setattr(
                scheduler.SCHED_POLICIES[self.name],
                flags=self.flags,
                nice=self.nice,
                priority=self.priority,
                runtime_ns=self.runtime_ns,
                deadline_ns=self.deadline_ns,
                period_ns=self.period_ns,
            )
        except OSError as error:
            message = f"cannot set the scheduler to {self.name}: {reason(error)}"
            raise LaunchError("scheduler", error.errno or 0, message, 128) from error


@record(frozen=True, slots=True)
class Scheduling:
    """All of it.

    Attributes:
        io: I/O class and level.
        initial_cpus: where an exec runs before it is in the container's group; empty for anywhere.
        final_cpus: where it runs from then on.
    """

    policy: Policy | None
    io: tuple[int, int] | None
    initial_cpus: frozenset[int]
    final_cpus: frozenset[int]

    def apply(self) -> None:
        """Give policy and I/O priority to the calling thread, in its control group."""
        if self.policy is not None:
            self.policy.apply()
        if self.io is not None:
            try:
                scheduler.ioprio_set(*self.io)
            except OSError as error:
                message = f"cannot set the I/O priority: {reason(error)}"
                raise LaunchError("ioPriority", error.errno or 0, message, 128) from error

    def apply_initial_cpus(self) -> None:
        """For an exec, before it joins the control group."""
        _run_on(self.initial_cpus, "initial")

    def apply_final_cpus(self) -> None:
        """For an exec, once it is in the control group."""
        _run_on(self.final_cpus, "final")


def _run_on(cpus: frozenset[int], which: str) -> None:
    if not cpus:
        return
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        message = f"cannot set execCPUAffinity.{which} to {sorted(cpus)}: {reason(error)}"
        raise LaunchError("execCPUAffinity", error.errno or 0, message, 128) from error


def parse_scheduling(process: Fields) -> Scheduling:
    """Read `scheduler`, `ioPriority` and `execCPUAffinity`. Raises LaunchError."""
    affinity = process.object("execCPUAffinity")
    return Scheduling(
        policy=_parse_policy(process) if process.has("scheduler") else None,
        io=_parse_io(process) if process.has("ioPriority") else None,
        initial_cpus=_parse_cpus(affinity, "initial"),
        final_cpus=_parse_cpus(affinity, "final"),
    )


def _parse_policy(process: Fields) -> Policy:
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
    return Policy(
        name,
        flags,
        fields.integer("nice", 0, low=-20, high=19),
        fields.integer("priority", 0, low=1 if name in _REAL_TIME else 0, high=99),
        *(fields.integer(key, 0, high=_UINT64_MAX) for key in _DEADLINE),
    )


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
