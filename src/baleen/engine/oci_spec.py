"""The OCI runtime-spec document of a container: what a `docker run` means for the kernel.

Signatures first; bodies follow in the same modules:

 engine/image_config.py   merge_image_config(config, image: ImageConfig) -> ContainerConfig
                          command_of(config) -> tuple[str path, list[str] args]  (InvalidArgument "no command specified")
 engine/host_checks.py    check_create(config, host, *, cpus, api networks...) -> list[str] warnings; raises InvalidArgument
 engine/mounts_parse.py   parse_mounts(host, config) -> list[MountRequest]   (binds, mounts, tmpfs, image VOLUMEs, anonymous -v)
 engine/users.py          read_user_files(root_fd) -> UserFiles ; resolve_user(files, spec, groups) -> User(uid, gid, groups, home)
 engine/devices.py        parse_devices(host) -> (device nodes, cgroup rules)
 engine/security_options.py parse_security_options(list[str]) -> SecurityOptions(no_new_privileges, seccomp, apparmor, unmasked)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.api import ContainerConfig, HostConfig
    from baleen.engine.mounts_parse import ResolvedMount
    from baleen.engine.users import User

__all__ = ["Facts", "build_exec_process", "build_spec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the engine has prepared for one start.

    Attributes:
        hostname, domainname: of the UTS namespace.
        cgroup_path: absolute path below each hierarchy, "/baleen/<id>".
        cgroup_version: 1 (also hybrid) or 2; decides the default cgroup namespace.
        user: resolved uid, gid, groups and home.
        mounts: volumes, binds and tmpfs with their resolved sources.
        hostname_path, hosts_path, resolv_conf_path: bound over /etc/...; None: not bound.
        network_path, ipc_path, pid_path: namespace file to join ("/proc/<pid>/ns/net"), or None
            for what the host config's mode says itself (own or host).
        shm_path: directory bound as /dev/shm (shareable IPC); None: an own tmpfs.
    """

    hostname: str
    domainname: str = ""
    cgroup_path: str
    cgroup_version: int = 1
    user: User
    path: str
    args: Sequence[str]
    mounts: Sequence[ResolvedMount] = ()
    hostname_path: str | None = None
    hosts_path: str | None = None
    resolv_conf_path: str | None = None
    network_path: str | None = None
    ipc_path: str | None = None
    pid_path: str | None = None
    shm_path: str | None = None
    default_ulimits: Mapping[str, tuple[int, int]] | None = None


def build_spec(config: ContainerConfig, host: HostConfig, facts: Facts) -> dict[str, object]:
    """Return config.json as a dict ready for `json.dumps`."""
    raise NotImplementedError


def build_exec_process(
    container_process: Mapping[str, object],
    *,
    command: Sequence[str],
    env: Sequence[str],
    working_dir: str,
    user: User | None,
    tty: bool,
    privileged: bool,
) -> dict[str, object]:
    """Return the OCI process object of an exec, from the container's own `process`."""
    raise NotImplementedError
