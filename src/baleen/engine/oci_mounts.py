"""The `mounts` of the OCI document: what every container has, and what this one asked for.

Order matters: the runtime mounts in sequence, and a parent has to be there before its children.

See: OCI runtime-spec config.md, Mounts; config-linux.md, Default Filesystems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.api import HostConfig
    from baleen.engine.mounts_parse import ResolvedMount
    from baleen.engine.oci_spec import Facts

__all__ = ["container_mounts"]

Document = dict[str, object]


def container_mounts(host: HostConfig, facts: Facts) -> list[Document]:
    """Return all mounts; one of the client's replaces a default at the same place."""
    wanted = {mount.request.target: _user_mount(mount, host) for mount in facts.mounts}
    mounts = [mount for mount in _default_mounts(host, facts) if mount["destination"] not in wanted]
    for target, source in (
        ("/etc/resolv.conf", facts.resolv_conf_path),
        ("/etc/hostname", facts.hostname_path),
        ("/etc/hosts", facts.hosts_path),
    ):
        if source is not None and target not in wanted:
            options = ["rbind", "rprivate", *(["ro"] if host.readonly_rootfs else [])]
            mounts.append(_mount(target, "bind", source, options))
    mounts += wanted.values()
    # Stable: /dev before /dev/pts, /data before /data/x, else as listed.
    return sorted(mounts, key=lambda mount: str(mount["destination"]).count("/"))


def _mount(destination: str, kind: str, source: str, options: list[str]) -> Document:
    return {"destination": destination, "type": kind, "source": source, "options": options}


def _default_mounts(host: HostConfig, facts: Facts) -> list[Document]:
    system = [] if host.privileged else ["ro"]
    mounts = [
        _proc(host, facts),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            [
                *("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
                *(() if facts.has_one_id else ("gid=5",)),
            ],
        ),
        _sysfs(host, system),
    ]
    if facts.has_cgroups:
        options = [*system, "nosuid", "noexec", "nodev"]
        mounts.append(_mount("/sys/fs/cgroup", "cgroup", "cgroup", options))
    if facts.id_mappings is None or host.ipc_mode != "host":
        # A fresh mount shows the queues of the IPC namespace that the container is in; that takes
        # the rights over it which the host's does not give a user namespace.
        mounts.append(_mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]))
    if host.ipc_mode != "none":
        mounts.append(_shared_memory(host, facts))
    return mounts


def _proc(host: HostConfig, facts: Facts) -> Document:
    options = ["nosuid", "noexec", "nodev"]
    if host.pid_mode == "host" and facts.in_user_namespace:
        # A proc of a pid namespace is only mounted by who owns that; the host's is the very one.
        return _mount("/proc", "bind", "/proc", ["rbind", *options])
    return _mount("/proc", "proc", "proc", options)


def _sysfs(host: HostConfig, system: list[str]) -> Document:
    # sysfs can only be mounted afresh by the owner of the network namespace; root is that for
    # any of them, so one form serves every network mode.
    return _mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", *system])


def _shared_memory(host: HostConfig, facts: Facts) -> Document:
    options = ["nosuid", "noexec", "nodev"]
    if host.ipc_mode == "host":
        return _mount("/dev/shm", "bind", "/dev/shm", ["rbind", *options])  # noqa: S108
    if facts.shm_path is not None:
        return _mount("/dev/shm", "bind", facts.shm_path, ["rbind", *options])  # noqa: S108
    size = host.shm_size or facts.default_shm_size
    return _mount("/dev/shm", "tmpfs", "shm", [*options, "mode=1777", f"size={size}"])  # noqa: S108


def _user_mount(mount: ResolvedMount, host: HostConfig) -> Document:
    request = mount.request
    if request.type == "tmpfs":
        return _mount(request.target, "tmpfs", "tmpfs", list(request.options))
    options = [
        "rbind" if request.recursive else "bind",
        request.propagation or "rprivate",
    ]
    if request.read_only:
        # Mounts below a read-only bind are made read-only too, unless asked otherwise.
        recursive = request.recursive and request.read_only_recursion != "none"
        options += ["ro", "rro"] if recursive else ["ro"]
    return _mount(request.target, "bind", mount.source, options)
