"""The namespaces that a document asks for: which to make, which to join, and what may not be.

See: namespaces(7); OCI runtime-spec config-linux.md, Namespaces.
"""

from __future__ import annotations

import os

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.spec import sysctl_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import contextlib
    from collections.abc import Collection
    from typing import Final

    from baleen.runtime.id_mapping import IdMappings
    from baleen.runtime.spec import Spec

__all__ = ["CLONE_FLAGS", "map_mounts", "namespace_flags", "new_namespaces", "open_namespaces"]

CLONE_FLAGS: Final = {
    "network": ns.CLONE_NEWNET,
    "uts": ns.CLONE_NEWUTS,
    "ipc": ns.CLONE_NEWIPC,
    "mount": ns.CLONE_NEWNS,
    "cgroup": ns.CLONE_NEWCGROUP,
    "pid": ns.CLONE_NEWPID,
    "time": ns.CLONE_NEWTIME,
    "user": ns.CLONE_NEWUSER,
}


def namespace_flags(kinds: Collection[str]) -> int:
    """The CLONE_NEW* flags that an exec enters of a container with namespaces of these kinds."""
    flags = ns.CLONE_NEWNS | ns.CLONE_NEWNET | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC
    for kind in ("cgroup", "time", "pid", "user"):
        if kind in kinds:
            flags |= CLONE_FLAGS[kind]
    return flags


def new_namespaces(spec: Spec, *kinds: str) -> int:
    """The CLONE_NEW* flags of those `kinds` that the container gets new."""
    flags = 0
    for kind in kinds:
        if kind in spec.namespaces and spec.namespaces[kind] is None:
            flags |= CLONE_FLAGS[kind]
    return flags


def open_namespaces(held: contextlib.ExitStack, spec: Spec) -> dict[str, Fd]:
    """Descriptors, which `held` closes, of the namespaces to join, a new user namespace included.

    Raises LaunchError for a path that leads nowhere, or to the host's own where that is refused.
    """
    result = {}
    for kind, path in spec.namespaces.items():
        if path is None:
            if kind == "user":
                result[kind] = _new_user_namespace(held, spec)
            continue
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            message = f"cannot join the {kind} namespace {path}: {reason(error)}"
            raise LaunchError("namespaces", error.errno or 0, message, 128) from error
        result[kind] = held.enter_context(Fd(fd))
        if spec.sysctl:
            _check_sysctls(spec, kind, fd)
    return result


def _new_user_namespace(held: contextlib.ExitStack, spec: Spec) -> Fd:
    from baleen.runtime.id_mapping import new_user_namespace

    assert spec.id_mappings is not None
    return held.enter_context(new_user_namespace(spec.id_mappings))


def _check_sysctls(spec: Spec, kind: str, fd: int) -> None:
    """Refuse to set what belongs to the host by way of a path that leads to its own namespace."""
    owner = {"network": "net", "ipc": "ipc", "uts": "uts"}.get(kind)
    if owner is None or not os.path.samestat(os.fstat(fd), os.stat(f"/proc/self/ns/{owner}")):
        return
    for path, _ in spec.sysctl:
        if sysctl_namespace(path) == kind:
            name = path.replace("/", ".")
            message = f'sysctl "{name}" is not allowed in the {kind} namespace of the host'
            raise LaunchError("spec", 0, message, 128)


def map_mounts(held: contextlib.ExitStack, spec: Spec) -> dict[int, int] | None:
    """A user namespace, which `held` closes, for each mount whose owners are to be mapped."""
    wanted = [(i, mount.id_mappings) for i, mount in enumerate(spec.mounts) if mount.id_mappings]
    if not wanted:
        return None
    from baleen.runtime.id_mapping import new_user_namespace

    made: dict[IdMappings, Fd] = {}
    for _, mappings in wanted:
        if mappings not in made:
            made[mappings] = held.enter_context(new_user_namespace(mappings))
    return {index: made[mappings].fileno() for index, mappings in wanted}
