"""The OCI runtime-spec document of a container: what a `docker run` means for the kernel.

Pure: everything that needs the host's state (users, volumes, devices' numbers apart) was prepared
before and comes in as `Facts`. The document is a plain dict, ready for `json.dumps`.

See: OCI runtime-spec config.md, config-linux.md; the options of `docker run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from baleen.engine.capability_sets import capability_names, capability_sets
from baleen.engine.devices import device_nodes, device_rules
from baleen.engine.oci_mounts import container_mounts
from baleen.engine.oci_resources import resources, rlimits
from baleen.engine.resource_checks import host_resources
from baleen.engine.security_options import parse_security_options
from baleen.linux.user_namespace import last_group
from baleen.runtime.default_spec import MASKED_PATHS, READONLY_PATHS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.api import ContainerConfig, HostConfig
    from baleen.engine.mounts_parse import ResolvedMount
    from baleen.images.users import User
    from baleen.runtime.id_mapping import IdMapping, IdMappings

__all__ = [
    "DEFAULT_PATH",
    "Facts",
    "bounding_capabilities",
    "build_exec_process",
    "build_spec",
    "with_default_paths",
]

Document = dict[str, object]

DEFAULT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the engine has prepared for one start.

    Attributes:
        path, args: the command, see `image_config.command_of`.
        hostname, domainname: of the UTS namespace.
        cgroup_path: "/baleen/<id>", or "system.slice:docker:<id>" for systemd.
        cgroup_version: 1 (also hybrid) or 2; decides the default cgroup namespace.
        has_cgroups: whether the container gets a group of its own, and so sees one.
        in_user_namespace: whether the engine itself lives in one, as an ordinary user's does.
        has_one_id: whether root is the only user there, and has no other group.
        user: resolved uid, gid, groups and home.
        mounts: volumes, binds and tmpfs with their resolved sources.
        hostname_path, hosts_path, resolv_conf_path: bound over /etc/...; None: not bound.
        network_path, ipc_path, pid_path: namespace file to join ("/proc/<pid>/ns/net"), or None
            for what the host config's mode says itself (own or host).
        id_mappings: of the user namespace, None to be in the host's.
        user_path: user namespace file to join, with the namespaces that belong to it.
        shm_path: directory bound as /dev/shm (shareable IPC); None: an own tmpfs.
        default_ulimits: the daemon's (soft, hard) by name.
        default_shm_size: bytes of /dev/shm when the client names none.
        has_time_namespaces: whether the kernel has them (CONFIG_TIME_NS).
        apparmor_profile: that the process is confined by; "" where there is no AppArmor.
        process_label, mount_label: SELinux contexts of processes and files, "" for none.
        cpu_count: for the paths that are masked for each CPU; None: those of this host.
    """

    path: str
    args: Sequence[str]
    hostname: str
    domainname: str = ""
    cgroup_path: str
    cgroup_version: int = 1
    has_cgroups: bool = True
    in_user_namespace: bool = False
    has_one_id: bool = False
    user: User
    mounts: Sequence[ResolvedMount] = ()
    hostname_path: str | None = None
    hosts_path: str | None = None
    resolv_conf_path: str | None = None
    network_path: str | None = None
    ipc_path: str | None = None
    pid_path: str | None = None
    id_mappings: IdMappings | None = None
    user_path: str | None = None
    shm_path: str | None = None
    default_ulimits: Mapping[str, tuple[int, int]] | None = None
    default_shm_size: int = 64 * 1024 * 1024
    has_time_namespaces: bool = True
    apparmor_profile: str = ""
    process_label: str = ""
    mount_label: str = ""
    cpu_count: int | None = None


def build_spec(config: ContainerConfig, host: HostConfig, facts: Facts) -> Document:
    """Return config.json.

    Args:
        config: merged with the image's, see `image_config`.
        host: checked by `host_checks`.
        facts: see there.

    Raises:
        InvalidArgument: what only shows here: a device that is not there, a bad capability.
    """
    options = parse_security_options(host.security_opt)
    host_uts = host.uts_mode == "host"
    document: Document = {
        "ociVersion": "1.2.0",
        "process": _process(config, host, facts, no_new_privileges=options.no_new_privileges),
        "root": {"path": "rootfs", "readonly": host.readonly_rootfs},
        "mounts": container_mounts(host, facts),
        "linux": {
            "namespaces": _namespaces(host, facts),
            "cgroupsPath": facts.cgroup_path,
            "devices": device_nodes(host),
            "resources": resources(host) | {"devices": device_rules(host)},
            "rootfsPropagation": _root_propagation(facts.mounts),
            **({"mountLabel": facts.mount_label} if facts.mount_label else {}),
            "sysctl": _sysctls(host, facts),
            "maskedPaths": _paths(
                host, host.masked_paths, _masked(facts.cpu_count), unmasked=options.unmasked
            ),
            "readonlyPaths": _paths(
                host, host.readonly_paths, READONLY_PATHS, unmasked=options.unmasked
            ),
        },
        "annotations": dict(host.annotations),
    }
    if facts.id_mappings is not None:
        linux = document["linux"]
        assert isinstance(linux, dict)
        linux["uidMappings"] = _mappings(facts.id_mappings.uids)
        linux["gidMappings"] = _mappings(facts.id_mappings.gids)
    if not host_uts:
        document["hostname"] = facts.hostname
        if facts.domainname:
            document["domainname"] = facts.domainname
    return document


def with_default_paths(host: HostConfig) -> HostConfig:
    """Return the host config with the paths that are masked and read-only, as `inspect` shows."""
    unmasked = host.privileged or parse_security_options(host.security_opt).unmasked
    masked = [] if unmasked else _masked(None)
    read_only = [] if unmasked else READONLY_PATHS
    return msgspec.structs.replace(
        host,
        masked_paths=list(masked) if host.masked_paths is None else host.masked_paths,
        readonly_paths=list(read_only) if host.readonly_paths is None else host.readonly_paths,
    )


def bounding_capabilities(host: HostConfig) -> list[str]:
    """Return the capabilities that the container is bounded by; the seccomp profile asks."""
    return capability_names(host)


# --- process ---------------------------------------------------------------------------------


def _process(
    config: ContainerConfig, host: HostConfig, facts: Facts, *, no_new_privileges: bool
) -> Document:
    process: Document = {
        "terminal": config.tty,
        "user": _user(facts.user),
        "args": [facts.path, *facts.args],
        "env": _environment(config, facts),
        "cwd": config.working_dir or "/",
        "capabilities": capability_sets(capability_names(host), uid=facts.user.uid),
        "rlimits": rlimits(host, facts.default_ulimits or {}),
        "noNewPrivileges": no_new_privileges,
        "oomScoreAdj": host.oom_score_adj,
    }
    if config.tty and any(host.console_size):
        height, width = host.console_size[:2]
        process["consoleSize"] = {"height": height, "width": width}
    if facts.apparmor_profile:
        process["apparmorProfile"] = facts.apparmor_profile
    if facts.process_label:
        process["selinuxLabel"] = facts.process_label
    return process


def _user(user: User) -> Document:
    return {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)}


def _environment(config: ContainerConfig, facts: Facts) -> list[str]:
    """Return PATH, HOSTNAME, TERM and HOME as defaults, and what image and client say."""
    variables = {"PATH": DEFAULT_PATH, "HOSTNAME": f"HOSTNAME={facts.hostname}"}
    if config.tty:
        variables["TERM"] = "TERM=xterm"
    _apply_environment(variables, config.env)
    variables.setdefault("HOME", f"HOME={facts.user.home}")
    return list(variables.values())


def _apply_environment(variables: dict[str, str], entries: Sequence[str]) -> None:
    for entry in entries:
        name, equals, _ = entry.partition("=")
        if equals:
            variables[name] = entry
        else:
            variables.pop(name, None)


def build_exec_process(
    container_process: Mapping[str, object],
    *,
    command: Sequence[str],
    env: Sequence[str],
    working_dir: str,
    user: User | None,
    tty: bool,
    privileged: bool,
) -> Document:
    """Return the OCI process object of an exec, from the container's own `process`.

    It inherits the container's environment, directory, limits, rights and labels; a privileged
    exec has every capability, but is confined by the same security modules, as with dockerd.
    `user` None is the container's.
    """
    process = dict(container_process)
    process.pop("consoleSize", None)
    variables: dict[str, str] = {}
    inherited = container_process.get("env")
    assert isinstance(inherited, list)
    _apply_environment(variables, inherited)
    if tty:
        variables.setdefault("TERM", "TERM=xterm")
    if user is not None:
        variables["HOME"] = f"HOME={user.home}"
        process["user"] = _user(user)
    _apply_environment(variables, env)
    process |= {"terminal": tty, "args": list(command), "env": list(variables.values())}
    if working_dir:
        process["cwd"] = working_dir
    names = _bounding_of(container_process)
    if privileged:
        names = capability_names(None)
    process["capabilities"] = capability_sets(names, uid=_uid_of(process))
    return process


def _bounding_of(process: Mapping[str, object]) -> list[str]:
    sets = process.get("capabilities")
    bounding = sets.get("bounding") if isinstance(sets, dict) else None
    return list(bounding) if isinstance(bounding, list) else []


def _uid_of(process: Mapping[str, object]) -> int:
    user = process.get("user")
    uid = user.get("uid") if isinstance(user, dict) else None
    return uid if isinstance(uid, int) else 0


# --- namespaces, paths, sysctls ----------------------------------------------------------------


def _namespaces(host: HostConfig, facts: Facts) -> list[Document]:
    """Return the namespaces that are new or joined; one that is not listed is the host's."""
    result: list[Document] = [{"type": "mount"}]
    wanted = (
        ("network", host.network_mode, facts.network_path),
        ("pid", host.pid_mode, facts.pid_path),
        ("ipc", host.ipc_mode, facts.ipc_path),
        ("uts", host.uts_mode, None),
        ("cgroup", _cgroup_mode(host, facts), None),
        ("time", _time_mode(facts), None),
        ("user", "host" if facts.id_mappings is None else "private", facts.user_path),
    )
    for kind, mode, path in wanted:
        if path is not None:
            result.append({"type": kind, "path": path})
        elif mode != "host":
            result.append({"type": kind})
    return result


def _mappings(ranges: Sequence[IdMapping]) -> list[Document]:
    return [
        {"containerID": one.container_id, "hostID": one.host_id, "size": one.size} for one in ranges
    ]


def _time_mode(facts: Facts) -> str:
    """Without root none: whoever makes one by unshare(2) cannot go back to the host's."""
    return "private" if facts.has_time_namespaces and not facts.in_user_namespace else "host"


def _cgroup_mode(host: HostConfig, facts: Facts) -> str:
    if host.cgroupns_mode:
        return host.cgroupns_mode
    return "private" if facts.cgroup_version == 2 and not host.privileged else "host"


def _masked(cpu_count: int | None) -> tuple[str, ...]:
    count = max(host_resources().cpus) + 1 if cpu_count is None else cpu_count
    return MASKED_PATHS + tuple(
        f"/sys/devices/system/cpu/cpu{number}/thermal_throttle" for number in range(count)
    )


def _paths(
    host: HostConfig, chosen: list[str] | None, default: Sequence[str], *, unmasked: bool
) -> list[str]:
    if host.privileged or unmasked:
        return []
    return list(default) if chosen is None else list(chosen)


def _sysctls(host: HostConfig, facts: Facts) -> dict[str, str]:
    """Return the sysctls: in an own network, low ports and ping are everybody's."""
    result: dict[str, str] = {}
    if host.network_mode != "host" and not host.network_mode.startswith("container:"):
        # Of groups that the user namespace does not have, the kernel takes no range.
        last = 2147483647
        if facts.id_mappings is not None:
            last = sum(mapping.size for mapping in facts.id_mappings.gids) - 1
        result["net.ipv4.ip_unprivileged_port_start"] = "0"
        result["net.ipv4.ping_group_range"] = f"0 {min(last, last_group(), 2147483647)}"
    return result | host.sysctls


def _root_propagation(mounts: Sequence[ResolvedMount]) -> str:
    """Return what the root needs for the binds that want to see or send later mounts."""
    kinds = {mount.request.propagation.removeprefix("r") for mount in mounts}
    if "shared" in kinds:
        return "rshared"
    return "rslave" if "slave" in kinds else "rprivate"
