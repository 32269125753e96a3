"""config.json of the OCI runtime-spec as types that the launch side can trust.

Only what this runtime does is here. Fields that the specification does not know are ignored, as it
says; fields that it knows and we do not do (user namespaces, hooks, ...) are refused before
anything is made, never silently without effect.

See: OCI runtime-spec config.md and config-linux.md.
"""

from __future__ import annotations

import posixpath

from baleen.linux import capabilities
from baleen.linux.record import field, record
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.mount_options import PROPAGATION, MountOptions, parse_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

__all__ = [
    "Capabilities",
    "Device",
    "Mount",
    "Process",
    "Rlimit",
    "Spec",
    "User",
    "parse_process",
    "parse_spec",
]

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
NAMESPACES: Final = frozenset({"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"})
_DEVICE_TYPES: Final = frozenset("cbup")
_MAX_ID: Final = 2**32 - 2
_INFINITY: Final = 2**64 - 1
# What lxcfs and its kin may put below /proc; everything else there would fool the container's
# own and the runtime's reads (CVE-2019-16884).
PROC_ALLOWED: Final = frozenset(
    {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/slabinfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/sys/crypto/fips_enabled",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/uptime",
    }
)
_SYSCTL_IPC: Final = ("kernel.msg", "kernel.shm", "kernel.sem", "fs.mqueue.")


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


@record(frozen=True, slots=True)
class Mount:
    """One entry of `mounts`; `destination` is absolute and lexically clean, not yet resolved."""

    destination: str
    type: str
    source: str
    options: MountOptions


@record(frozen=True, slots=True)
class Device:
    """A node to make; `type` is one of c, b, u, p."""

    path: str
    type: str
    major: int = 0
    minor: int = 0
    file_mode: int = 0o666
    uid: int = 0
    gid: int = 0


@record(frozen=True, slots=True)
class Spec:
    """A whole config.json.

    Attributes:
        namespaces: type -> path of the one to join, or None for a new one; absent types are
            shared with the runtime.
        rootfs_propagation: MS_* flags or None.
        resources, seccomp: as in the document, for their own compilers.
        sysctl: (path below /proc/sys, value).
    """

    process: Process | None
    root_path: str
    root_readonly: bool
    hostname: str
    domainname: str
    mounts: tuple[Mount, ...]
    namespaces: Mapping[str, str | None]
    devices: tuple[Device, ...]
    cgroups_path: str
    resources: Mapping[str, object]
    seccomp: Mapping[str, object] | None
    sysctl: tuple[tuple[str, str], ...]
    masked_paths: tuple[str, ...]
    readonly_paths: tuple[str, ...]
    rootfs_propagation: int | None
    annotations: Mapping[str, str]


def _refuse(message: str) -> LaunchError:
    return LaunchError("spec", 0, message, 128)


def _clean(path: str) -> str:
    # A destination is relative to "/" (config.md, Mounts); POSIX keeps a double slash, we do not.
    return posixpath.normpath("/" + path.lstrip("/"))


def _unsupported(fields: Fields, *names: str) -> None:
    for name in names:
        if fields.raw(name):
            raise _refuse(f"{fields.where}{name} is not supported by this runtime")


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
            raise _refuse(f"invalid rlimit type {name!r}")
        if name in result:
            raise _refuse(f"duplicate rlimit type {name!r}")
        soft, hard = (entry.integer(key, 0, high=_INFINITY) for key in ("soft", "hard"))
        if soft > hard:
            raise _refuse(f"rlimit {name}: soft limit {soft} is above the hard limit {hard}")
        result[name] = Rlimit(name, RLIMITS[name], _rlimit_value(soft), _rlimit_value(hard))
    return tuple(result.values())


def _parse_console_size(process: Fields) -> tuple[int, int] | None:
    if not process.has("consoleSize"):
        return None
    size = process.object("consoleSize")
    return size.integer("width", 0, high=65535), size.integer("height", 0, high=65535)


def parse_process(value: object) -> Process:
    """The `process` object of config.json, or that of an exec. Raises LaunchError."""
    process = Fields(value, "process.")
    _unsupported(
        process,
        "apparmorProfile",
        "selinuxLabel",
        "scheduler",
        "ioPriority",
        "execCPUAffinity",
        "commandLine",
    )
    args = process.texts("args")
    if not args:
        raise _refuse("process.args must not be empty")
    cwd = process.text("cwd")
    if not cwd.startswith("/"):
        raise _refuse("Cwd must be an absolute path")
    env = process.texts("env")
    for entry in env:
        if entry.find("=") < 1:
            raise _refuse(f"invalid environment variable {entry!r}: a name and '=' are needed")
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
    )


def _parse_mount(entry: Fields) -> Mount:
    destination = _clean(entry.text("destination"))
    _unsupported(entry, "uidMappings", "gidMappings")
    try:
        options = parse_options(entry.texts("options"))
    except ValueError as error:
        raise _refuse(f"{error} (mount at {destination!r})") from error
    type_ = entry.text("type", "")
    bind = options.bind or type_ == "bind"
    if destination == "/":
        raise _refuse("a mount cannot replace the root of the container")
    if destination == "/proc" and (bind or type_ != "proc"):
        raise _refuse('"/proc" cannot be mounted because it is not of type proc')
    if destination.startswith("/proc/") and destination not in PROC_ALLOWED:
        raise _refuse(f'"{destination}" cannot be mounted because it is inside /proc')
    if bind and not entry.text("source", ""):
        raise _refuse(f"bind mount at {destination!r} has no source")
    return Mount(destination, "bind" if bind else type_, entry.text("source", ""), options)


def _parse_namespaces(linux: Fields) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    for entry in linux.objects("namespaces"):
        kind = entry.text("type")
        path = entry.text("path", "")
        if kind not in NAMESPACES:
            raise _refuse(f"unknown namespace type {kind!r}")
        if kind in result:
            raise _refuse(f"duplicate namespace {kind!r}")
        if path and not path.startswith("/"):
            raise _refuse(f"namespace path {path!r} is not absolute")
        result[kind] = path or None
    if "user" in result:
        raise _refuse("user namespaces are not supported by this runtime yet")
    if "mount" not in result:
        raise _refuse("a container without a mount namespace of its own is not supported")
    if result["mount"] is not None:
        raise _refuse("joining a mount namespace by path is not supported")
    return result


def _parse_device(entry: Fields) -> Device:
    kind = entry.text("type")
    if kind not in _DEVICE_TYPES:
        raise _refuse(f"invalid device type {kind!r}")
    path = entry.text("path")
    if not path.startswith("/"):
        raise _refuse(f"device path {path!r} is not absolute")
    return Device(
        path=_clean(path),
        type=kind,
        major=entry.integer("major", 0, high=2**32 - 1),
        minor=entry.integer("minor", 0, high=2**32 - 1),
        file_mode=entry.integer("fileMode", 0o666, high=0o177777) & 0o7777,
        uid=entry.integer("uid", 0, high=_MAX_ID),
        gid=entry.integer("gid", 0, high=_MAX_ID),
    )


def _sysctl_path(name: str) -> str:
    # sysctl(8): the first separator decides; with dots, a slash inside a part stands for a dot.
    dot, slash = name.find("."), name.find("/")
    if slash >= 0 and (dot < 0 or slash < dot):
        return name
    return name.translate({ord("."): "/", ord("/"): "."})


def _parse_sysctl(
    linux: Fields, namespaces: Mapping[str, str | None]
) -> tuple[tuple[str, str], ...]:
    result = []
    for name, value in linux.text_map("sysctl").items():
        path = _sysctl_path(name)
        dotted = path.replace("/", ".")
        if dotted.startswith(_SYSCTL_IPC):
            allowed = "ipc" in namespaces
        elif dotted.startswith("net."):
            allowed = "network" in namespaces
        elif dotted == "kernel.domainname":
            allowed = "uts" in namespaces
        else:
            allowed = False
        if not allowed or ".." in path.split("/"):
            raise _refuse(f'sysctl "{name}" is not in a separate kernel namespace')
        result.append((path, value))
    return tuple(result)


def _parse_absolute(linux: Fields, name: str) -> tuple[str, ...]:
    paths = linux.texts(name)
    for path in paths:
        if not path.startswith("/"):
            raise _refuse(f"linux.{name}: {path!r} is not absolute")
    return tuple(_clean(path) for path in paths)


def parse_spec(value: object) -> Spec:
    """The document of a config.json. Raises LaunchError (stage "spec") naming the field."""
    document = Fields(value, "")
    version = document.text("ociVersion")
    if not version.startswith("1."):
        raise _refuse(f"ociVersion {version!r} is not supported, only 1.x is")
    hooks = document.object("hooks")
    _unsupported(
        hooks,
        "prestart",
        "createRuntime",
        "createContainer",
        "startContainer",
        "poststart",
        "poststop",
    )
    linux = document.object("linux")
    _unsupported(
        linux,
        "uidMappings",
        "gidMappings",
        "timeOffsets",
        "intelRdt",
        "personality",
        "netDevices",
        "mountLabel",
        "memoryPolicy",
    )
    namespaces = _parse_namespaces(linux)
    hostname, domainname = document.text("hostname", ""), document.text("domainname", "")
    if (hostname or domainname) and "uts" not in namespaces:
        raise _refuse("unable to set hostname without a private UTS namespace")
    propagation = linux.text("rootfsPropagation", "")
    if propagation and propagation not in PROPAGATION:
        raise _refuse(f"rootfsPropagation={propagation} is not supported")
    root = document.object("root")
    return Spec(
        process=parse_process(document.raw("process")) if document.has("process") else None,
        root_path=root.text("path", ""),
        root_readonly=root.flag("readonly"),
        hostname=hostname,
        domainname=domainname,
        mounts=tuple(_parse_mount(entry) for entry in document.objects("mounts")),
        namespaces=namespaces,
        devices=tuple(_parse_device(entry) for entry in linux.objects("devices")),
        cgroups_path=linux.text("cgroupsPath", ""),
        resources=linux.object("resources").values,
        seccomp=linux.object("seccomp").values if linux.has("seccomp") else None,
        sysctl=_parse_sysctl(linux, namespaces),
        masked_paths=_parse_absolute(linux, "maskedPaths"),
        readonly_paths=_parse_absolute(linux, "readonlyPaths"),
        rootfs_propagation=PROPAGATION[propagation] if propagation else None,
        annotations=document.text_map("annotations"),
    )
