"""What a child needs of the process to run, made ready before the fork.

Encoded arguments, the environment, the limits and capabilities that this host can really give.
"""

from __future__ import annotations

import os
import resource

from baleen.linux import capabilities
from baleen.linux.record import record
from baleen.linux.seccomp import (
    SECCOMP_FILTER_FLAG_NEW_LISTENER,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW,
)
from baleen.runtime.failure import LaunchError
from baleen.runtime.spec import Capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.scheduling import Scheduling
    from baleen.runtime.security_labels import SecurityLabels
    from baleen.runtime.spec import Process, Rlimit, User

__all__ = ["Prepared", "Rootfs", "Stdio", "prepare"]

_CAP_SYS_RESOURCE: Final = 1 << capabilities.CAPABILITIES["CAP_SYS_RESOURCE"]
_DEFAULT_UMASK: Final = 0o022


@record(frozen=True, slots=True)
class Stdio:
    """Descriptors that become 0, 1 and 2 of the process; they stay the caller's."""

    stdin: int
    stdout: int
    stderr: int


# Descriptors that a PID 1 made ahead gets when it comes to use them.
LATER: Final = Stdio(-1, -1, -1)


@record(frozen=True, slots=True)
class Rootfs:
    """Either `path`, a ready directory, or an overlay of `lower` (top first), `upper` and `work`.

    An overlay without `upper` is read-only. `map_lower`: the lower directories have the owners that
    the container's user namespace shows, not those that it has on the host.
    """

    path: str | None = None
    lower: tuple[str, ...] = ()
    upper: str = ""
    work: str = ""
    map_lower: bool = False


@record(frozen=True, slots=True)
class Prepared:
    """A process, ready to be become.

    Attributes:
        search: the PATH of its own environment, in order.
        rlimits: (resource, soft, hard) as the kernel will accept them here.
        warnings: what was asked but is not to be had on this host.
        preserved: descriptors that it gets beside 0, 1 and 2, under the same numbers.
        outlives_parent: it goes on when whoever launches it has ended.
    """

    argv: tuple[bytes, ...]
    env: dict[bytes, bytes]
    search: tuple[str, ...]
    cwd: str
    user: User
    umask: int
    capabilities: Capabilities
    rlimits: tuple[tuple[int, int, int], ...]
    no_new_privileges: bool
    oom_score_adj: int | None
    seccomp: bytes | None
    terminal: bool
    console_size: tuple[int, int] | None
    stdio: Stdio | None
    warnings: tuple[str, ...]
    preserved: tuple[int, ...] = ()
    outlives_parent: bool = False
    scheduling: Scheduling | None = None
    labels: SecurityLabels | None = None
    seccomp_flags: int = SECCOMP_FILTER_FLAG_SPEC_ALLOW

    @property
    def is_ready_before_init(self) -> bool:
        """Whether it takes user, capabilities and filter before our own init is executed.

        Who hands a listener over installs the filter; and the profile of the program holds for
        the init too, but need not let it do what such a change takes.
        """
        return self.labels is not None or bool(
            self.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER
        )


def _limit(wanted: int, hard: int) -> int:
    if hard == resource.RLIM_INFINITY:
        return wanted
    return hard if wanted == resource.RLIM_INFINITY or wanted > hard else wanted


def _rlimits(
    limits: tuple[Rlimit, ...], permitted: int, warnings: list[str]
) -> tuple[tuple[int, int, int], ...]:
    result = []
    for limit in limits:
        soft, hard = limit.soft, limit.hard
        if not permitted & _CAP_SYS_RESOURCE:
            _, ours = resource.getrlimit(limit.resource)
            if _limit(hard, ours) != hard:
                warnings.append(
                    f"{limit.name}: hard limit {hard} is above this host's {ours} and raising it"
                    f" needs CAP_SYS_RESOURCE; it is {ours}"
                )
                soft, hard = _limit(soft, ours), ours
        result.append((limit.resource, soft, hard))
    return tuple(result)


def _capabilities(wanted: Capabilities, permitted: int, warnings: list[str]) -> Capabilities:
    missing = (wanted.bounding | wanted.permitted | wanted.effective) & ~permitted
    if missing:
        names = ", ".join(capabilities.names_of(missing))
        warnings.append(f"capabilities that this host does not have: {names}")
    return Capabilities(
        bounding=wanted.bounding & permitted,
        effective=wanted.effective & wanted.permitted & permitted,
        permitted=wanted.permitted & permitted,
        inheritable=wanted.inheritable & permitted,
        ambient=wanted.ambient & wanted.permitted & wanted.inheritable & permitted,
    )


def prepare(
    process: Process, stdio: Stdio | None, seccomp: bytes | None, *, grantable: int | None = None
) -> Prepared:
    """Everything of `process` that can be computed before the fork. Raises LaunchError.

    `grantable` are capabilities that it can get where that is not a question of our own.
    """
    if stdio is None and not process.terminal:
        raise LaunchError("spec", 0, "a process without a terminal needs descriptors", 128)
    _, permitted, _ = capabilities.capget()
    if grantable is None:
        grantable = permitted
    warnings: list[str] = []
    env: dict[bytes, bytes] = {}
    for entry in process.env:
        name, _, value = entry.partition("=")
        env[os.fsencode(name)] = os.fsencode(value)
    path = os.fsdecode(env.get(b"PATH", b""))
    return Prepared(
        argv=tuple(os.fsencode(argument) for argument in process.args),
        env=env,
        search=tuple(path.split(":")) if path else (),
        cwd=process.cwd,
        user=process.user,
        umask=_DEFAULT_UMASK if process.user.umask is None else process.user.umask,
        capabilities=_capabilities(process.capabilities or Capabilities(), grantable, warnings),
        rlimits=_rlimits(process.rlimits, permitted, warnings),
        no_new_privileges=process.no_new_privileges,
        oom_score_adj=process.oom_score_adj,
        seccomp=seccomp,
        terminal=process.terminal,
        console_size=process.console_size,
        stdio=stdio,
        warnings=tuple(warnings),
        scheduling=process.scheduling,
        labels=process.labels,
    )
