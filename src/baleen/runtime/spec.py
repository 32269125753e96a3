"""config.json of the OCI runtime-spec as types that the launch side can trust.

Only what this runtime does is here. Fields that the specification does not know are ignored, as it
says; fields that it knows and we do not do (user namespaces, hooks, ...) are refused before
anything is made, never silently without effect.

See: OCI runtime-spec config.md and config-linux.md.
"""

from __future__ import annotations

import posixpath

from baleen.linux.record import record
from baleen.runtime.fields import Fields
from baleen.runtime.mount_options import PROPAGATION, MountOptions, parse_options
from baleen.runtime.process_spec import (
    Capabilities,
    Process,
    Rlimit,
    User,
    parse_process,
    refuse,
    unsupported,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from baleen.runtime.execution_domain import ExecutionDomain
    from baleen.runtime.hooks import Hook
    from baleen.runtime.id_mapping import IdMappings
    from baleen.runtime.seccomp_listener import SeccompUse

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
    "sysctl_namespace",
]

NAMESPACES: Final = frozenset({"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"})
_DEVICE_TYPES: Final = frozenset("cbup")
_MAX_ID: Final = 2**32 - 2
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
class Mount:
    """One entry of `mounts`; `destination` is absolute and lexically clean, not yet resolved."""

    destination: str
    type: str
    source: str
    options: MountOptions
    id_mappings: IdMappings | None = None


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
        time_offsets: as /proc/PID/timens_offsets takes them.
        net_devices: (name on the host, name in the container).
        mount_label: SELinux context of all files of the root and of new file systems, or "".
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
    hooks: Mapping[str, tuple[Hook, ...]] | None = None
    domain: ExecutionDomain | None = None
    id_mappings: IdMappings | None = None
    time_offsets: str = ""
    net_devices: tuple[tuple[str, str], ...] = ()
    seccomp_use: SeccompUse | None = None
    mount_label: str = ""


def _clean(path: str) -> str:
    # A destination is relative to "/" (config.md, Mounts); POSIX keeps a double slash, we do not.
    return posixpath.normpath("/" + path.lstrip("/"))


def _parse_mount(entry: Fields, container: IdMappings | None) -> Mount:
    destination = _clean(entry.text("destination"))
    options = parse_options(entry.texts("options"))
    type_, source = entry.text("type", ""), entry.text("source", "")
    bind = options.bind or type_ == "bind"
    if destination == "/":
        raise refuse("a mount cannot replace the root of the container")
    # A bind of the host's own, as runc allows it, is what a shared pid namespace shows anyway.
    if destination == "/proc" and (source != "/proc" if bind else type_ != "proc"):
        raise refuse('"/proc" cannot be mounted because it is not of type proc')
    if destination.startswith("/proc/") and destination not in PROC_ALLOWED:
        raise refuse(f'"{destination}" cannot be mounted because it is inside /proc')
    if bind and not source and not options.remount:
        raise refuse(f"bind mount at {destination!r} has no source")
    mappings = None
    if options.idmap or "uidMappings" in entry.values or "gidMappings" in entry.values:
        mappings = _mount_mappings(entry, options, container, destination, bind=bind)
    if options.copy_up:
        if type_ != "tmpfs" or options.remount:
            raise refuse(f"tmpcopyup at {destination!r} needs a new mount of type tmpfs")
        import baleen.runtime.copy_up  # noqa: F401  # no module is loaded after the fork
    return Mount(destination, "bind" if bind else type_, source, options, mappings)


def _mount_mappings(
    entry: Fields,
    options: MountOptions,
    container: IdMappings | None,
    destination: str,
    *,
    bind: bool,
) -> IdMappings | None:
    from baleen.runtime.id_mapping import parse_id_mappings

    mappings = parse_id_mappings(entry)
    if mappings is None and not options.idmap:
        return None
    if not bind or options.remount:
        raise refuse(f"ids of the mount at {destination!r} cannot be mapped: it is not a bind")
    mappings = mappings or container
    if mappings is None:
        raise refuse(
            f"the mount option idmap at {destination!r} needs uidMappings and gidMappings, of the"
            " mount or of the container"
        )
    return mappings


def _parse_namespaces(linux: Fields) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    for entry in linux.objects("namespaces"):
        kind = entry.text("type")
        path = entry.text("path", "")
        if kind not in NAMESPACES:
            raise refuse(f"unknown namespace type {kind!r}")
        if kind in result:
            raise refuse(f"duplicate namespace {kind!r}")
        if path and not path.startswith("/"):
            raise refuse(f"namespace path {path!r} is not absolute")
        result[kind] = path or None
    if "mount" not in result:
        raise refuse("a container without a mount namespace of its own is not supported")
    if result["mount"] is not None:
        raise refuse("joining a mount namespace by path is not supported")
    return result


def _parse_device(entry: Fields) -> Device:
    kind = entry.text("type")
    if kind not in _DEVICE_TYPES:
        raise refuse(f"invalid device type {kind!r}")
    path = entry.text("path")
    if not path.startswith("/"):
        raise refuse(f"device path {path!r} is not absolute")
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


def sysctl_namespace(path: str) -> str:
    """The kind of namespace that a path below /proc/sys belongs to, "" for the whole host."""
    dotted = path.replace("/", ".")
    if dotted.startswith(_SYSCTL_IPC):
        return "ipc"
    if dotted.startswith("net."):
        return "network"
    return "uts" if dotted == "kernel.domainname" else ""


def _parse_sysctl(
    linux: Fields, namespaces: Mapping[str, str | None]
) -> tuple[tuple[str, str], ...]:
    result = []
    for name, value in linux.text_map("sysctl").items():
        path = _sysctl_path(name)
        if sysctl_namespace(path) not in namespaces or ".." in path.split("/"):
            raise refuse(f'sysctl "{name}" is not in a separate kernel namespace')
        result.append((path, value))
    return tuple(result)


def _parse_absolute(linux: Fields, name: str) -> tuple[str, ...]:
    paths = linux.texts(name)
    for path in paths:
        if not path.startswith("/"):
            raise refuse(f"linux.{name}: {path!r} is not absolute")
    return tuple(_clean(path) for path in paths)


def _parse_hooks(document: Fields) -> dict[str, tuple[Hook, ...]] | None:
    if not document.has("hooks"):
        return None
    from baleen.runtime.hooks import parse_hooks

    return parse_hooks(document)


def _parse_mappings(linux: Fields, namespaces: Mapping[str, str | None]) -> IdMappings | None:
    if "user" not in namespaces:
        if linux.raw("uidMappings") or linux.raw("gidMappings"):
            raise refuse(f"{linux.where}uidMappings and gidMappings need a user namespace")
        return None
    import baleen.runtime.user_namespace  # noqa: F401  # no module is loaded after the fork
    from baleen.runtime.id_mapping import parse_id_mappings

    mappings = parse_id_mappings(linux)
    if mappings is None:
        if namespaces["user"] is None:
            raise refuse("a new user namespace needs linux.uidMappings and linux.gidMappings")
    elif mappings.host_uid(0) is None or mappings.host_gid(0) is None:
        raise refuse("linux.uidMappings and linux.gidMappings must map the container's id 0")
    return mappings


def _parse_time_offsets(linux: Fields, namespaces: Mapping[str, str | None]) -> str:
    if not linux.raw("timeOffsets"):
        return ""
    lines = ""
    offsets = linux.object("timeOffsets")
    for clock in ("monotonic", "boottime"):
        if offsets.has(clock):
            entry = offsets.object(clock)
            seconds = entry.integer("secs", 0, low=-(2**63), high=2**63 - 1)
            lines += f"{clock} {seconds} {entry.integer('nanosecs', 0, high=999_999_999)}\n"
    if lines and namespaces.get("time", "") is not None:
        raise refuse(f"{linux.where}timeOffsets need a new time namespace")
    return lines


def _parse_net_devices(
    linux: Fields, namespaces: Mapping[str, str | None]
) -> tuple[tuple[str, str], ...]:
    if not linux.raw("netDevices"):
        return ()
    from baleen.runtime.net_devices import parse_net_devices

    if "network" not in namespaces:
        raise refuse(f"{linux.where}netDevices need a network namespace of the container's own")
    return parse_net_devices(linux)


def _parse_seccomp_use(linux: Fields) -> SeccompUse | None:
    if not linux.has("seccomp"):
        return None
    from baleen.runtime.seccomp_listener import parse_seccomp_use

    return parse_seccomp_use(linux)


def _parse_domain(linux: Fields) -> ExecutionDomain | None:
    if not (linux.has("personality") or linux.has("memoryPolicy")):
        return None
    from baleen.runtime.execution_domain import parse_execution_domain

    return parse_execution_domain(linux)


def _parse_mount_label(linux: Fields) -> str:
    if not linux.raw("mountLabel"):
        return ""
    from baleen.runtime.security_labels import parse_mount_label

    return parse_mount_label(linux)


def parse_spec(value: object) -> Spec:
    """The document of a config.json. Raises LaunchError (stage "spec") naming the field."""
    document = Fields(value, "")
    version = document.text("ociVersion")
    if not version.startswith("1."):
        raise refuse(f"ociVersion {version!r} is not supported, only 1.x is")
    # Sections of other platforms: nothing here could be meant by them.
    unsupported(document, "solaris", "windows", "vm", "zos", "freebsd")
    linux = document.object("linux")
    unsupported(linux, "intelRdt")
    namespaces = _parse_namespaces(linux)
    mappings = _parse_mappings(linux, namespaces)
    hostname, domainname = document.text("hostname", ""), document.text("domainname", "")
    if (hostname or domainname) and "uts" not in namespaces:
        raise refuse("unable to set hostname without a private UTS namespace")
    propagation = linux.text("rootfsPropagation", "")
    if propagation and propagation not in PROPAGATION:
        raise refuse(f"rootfsPropagation={propagation} is not supported")
    root = document.object("root")
    return Spec(
        process=parse_process(document.raw("process")) if document.has("process") else None,
        root_path=root.text("path", ""),
        root_readonly=root.flag("readonly"),
        hostname=hostname,
        domainname=domainname,
        mounts=tuple(_parse_mount(entry, mappings) for entry in document.objects("mounts")),
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
        hooks=_parse_hooks(document),
        domain=_parse_domain(linux),
        id_mappings=mappings,
        time_offsets=_parse_time_offsets(linux, namespaces),
        net_devices=_parse_net_devices(linux, namespaces),
        seccomp_use=_parse_seccomp_use(linux),
        mount_label=_parse_mount_label(linux),
    )
