"""The `process` object of config.json, of a container or of an exec, as a type to be trusted.

See: OCI runtime-spec config.md, Process.
"""

from __future__ import annotations

from baleen.linux import capabilities
from baleen.linux.record import field, record
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.scheduling import Scheduling
    from baleen.runtime.security_labels import SecurityLabels

__all__ = ["Capabilities", "Process", "Rlimit", "User", "parse_process", "refuse", "unsupported"]

# <asm-generic/resource.h>
RLIMITS: Final = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
_MAX_ID: Final = 2**32 - 2
_INFINITY: Final = 2**64 - 1


@record(frozen=True, slots=True)
class Capabilities:
    """The five sets as bit masks, see `linux.capabilities`."""

    bounding: int = 0
    effective: int = 0
    permitted: int = 0
    inheritable: int = 0
    ambient: int = 0


@record(frozen=True, slots=True)
class User:
    """Numbers only: names are resolved by whoever wrote the document."""

    uid: int = 0
    gid: int = 0
    umask: int | None = None
    additional_gids: tuple[int, ...] = ()


@record(frozen=True, slots=True)
class Rlimit:
    """`resource` is the kernel's number; values in the resource's unit, -1 for no limit."""

    name: str
    resource: int
    soft: int
    hard: int


@record(frozen=True, slots=True)
class Process:
    """What is executed, as whom and with which rights.

    Attributes:
        console_size: (width, height) in characters, or None.
        capabilities: None leaves nothing: an absent object means no capability at all.
        scheduling: how the kernel is to schedule it, or None for as its parent.
        labels: what security modules confine it by, or None for as its parent.
    """

    args: tuple[str, ...]
    cwd: str
    env: tuple[str, ...] = ()
    terminal: bool = False
    console_size: tuple[int, int] | None = None
    user: User = field(default_factory=User)
    capabilities: Capabilities | None = None
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    scheduling: Scheduling | None = None
    labels: SecurityLabels | None = None


def refuse(message: str) -> LaunchError:
    """What is raised for a document that is wrong or asks for what we do not do."""
    return LaunchError("spec", 0, message, 128)


def unsupported(fields: Fields, *names: str) -> None:
    """Refuse any of these members if it is there and not empty."""
    for name in names:
        if fields.raw(name):
            raise refuse(f"{fields.where}{name} is not supported by this runtime")


def _capability_mask(fields: Fields, name: str) -> int:
    # An unknown name is a capability that cannot be granted: that must not fail (config.md).
    names = [cap for cap in fields.texts(name) if cap in capabilities.CAPABILITIES]
    return capabilities.parse_mask(names)


def _parse_capabilities(process: Fields) -> Capabilities | None:
    if not process.has("capabilities"):
        return None
    sets = process.object("capabilities")
    return Capabilities(
        bounding=_capability_mask(sets, "bounding"),
        effective=_capability_mask(sets, "effective"),
        permitted=_capability_mask(sets, "permitted"),
        inheritable=_capability_mask(sets, "inheritable"),
        ambient=_capability_mask(sets, "ambient"),
    )


def _parse_user(process: Fields) -> User:
    user = process.object("user")
    unsupported(user, "username")
    return User(
        uid=user.integer("uid", 0, high=_MAX_ID),
        gid=user.integer("gid", 0, high=_MAX_ID),
        umask=user.integer("umask", 0, high=0o777) if user.has("umask") else None,
        additional_gids=user.integers("additionalGids", high=_MAX_ID),
    )


def _rlimit_value(value: int) -> int:
    # setrlimit(2) of the C library takes a signed number; no resource has 2**63 units.
    return -1 if value >= 2**63 else value


def _parse_rlimits(process: Fields) -> tuple[Rlimit, ...]:
    result: dict[str, Rlimit] = {}
    for entry in process.objects("rlimits"):
        name = entry.text("type")
        if name not in RLIMITS:
            raise refuse(f"invalid rlimit type {name!r}")
        if name in result:
            raise refuse(f"duplicate rlimit type {name!r}")
        soft, hard = (entry.integer(key, 0, high=_INFINITY) for key in ("soft", "hard"))
        if soft > hard:
            raise refuse(f"rlimit {name}: soft limit {soft} is above the hard limit {hard}")
        result[name] = Rlimit(name, RLIMITS[name], _rlimit_value(soft), _rlimit_value(hard))
    return tuple(result.values())


def _parse_console_size(process: Fields) -> tuple[int, int] | None:
    if not process.has("consoleSize"):
        return None
    size = process.object("consoleSize")
    return size.integer("width", 0, high=65535), size.integer("height", 0, high=65535)


def _parse_scheduling(process: Fields) -> Scheduling | None:
    if not (
        process.has("scheduler") or process.has("ioPriority") or process.has("execCPUAffinity")
    ):
        return None
    # Hardly anybody asks for it, so it is not loaded before.
    from baleen.runtime.scheduling import parse_scheduling

    return parse_scheduling(process)


def _parse_labels(process: Fields) -> SecurityLabels | None:
    if not (process.raw("apparmorProfile") or process.raw("selinuxLabel")):
        return None
    from baleen.runtime.security_labels import parse_labels

    return parse_labels(process)


def parse_process(value: object) -> Process:
    """The `process` object of config.json, or that of an exec. Raises LaunchError."""
    process = Fields(value, "process.")
    unsupported(process, "commandLine")
    args = process.texts("args")
    if not args:
        raise refuse("process.args must not be empty")
    cwd = process.text("cwd")
    if not cwd.startswith("/"):
        raise refuse("Cwd must be an absolute path")
    env = process.texts("env")
    for entry in env:
        if entry.find("=") < 1:
            raise refuse(f"invalid environment variable {entry!r}: a name and '=' are needed")
    adjust = None
    if process.has("oomScoreAdj"):
        adjust = process.integer("oomScoreAdj", 0, low=-1000, high=1000)
    return Process(
        args=args,
        cwd=cwd,
        env=env,
        terminal=process.flag("terminal"),
        console_size=_parse_console_size(process),
        user=_parse_user(process),
        capabilities=_parse_capabilities(process),
        rlimits=_parse_rlimits(process),
        no_new_privileges=process.flag("noNewPrivileges"),
        oom_score_adj=adjust,
        scheduling=_parse_scheduling(process),
        labels=_parse_labels(process),
    )
