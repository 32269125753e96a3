"""Remapped user ids (`--userns-remap`): whose containers have them, and what then cannot be had.

With it, root of a container is an ordinary user of the host: the container lives in a user
namespace whose ids 0, 1, ... are a range of the host's that nobody else uses. `--userns=host`
takes one container out.

    on disk, image layers            ids as in the image; shown mapped, by idmapped mounts
    on disk, writable layer,         ids of the host, inside the range
    volumes, /etc files

See: dockerd reference, "Daemon user namespace options"; user_namespaces(7).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.engine.container_networks import shared_with
from baleen.errors import Conflict, FailedPrecondition, Internal, InvalidArgument
from baleen.snapshots.root_view import read_only_view
from baleen.snapshots.snapshotter import Mounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.api import HostConfig
    from baleen.containers import ContainerStore
    from baleen.engine.config import EngineConfig
    from baleen.images.users import User
    from baleen.runtime.id_mapping import IdMapping, IdMappings

__all__ = ["Remapping", "check_remapped", "check_support", "user_namespace_to_join"]

# What the kernel shows for an id that has no place in a mapping, see /proc/sys/kernel/overflowuid.
_NOBODY: Final = 65534


@dataclass(frozen=True, slots=True)
class Remapping:
    """The ids of this engine's containers.

    Attributes:
        mappings: container's ids to the host's; 0 is among them.
        user_namespace: descriptor of one with these mappings, open as long as the engine.
    """

    mappings: IdMappings
    user_namespace: int

    @property
    def root(self) -> tuple[int, int]:
        """User and group of the host that a container's root is."""
        return self.to_host(0, 0)

    def to_host(self, uid: int, gid: int) -> tuple[int, int]:
        """Return the host's ids of a container's (InvalidArgument: it has no such)."""
        user, group = self.mappings.host_uid(uid), self.mappings.host_gid(gid)
        if user is None or group is None:
            number = uid if user is None else gid
            raise InvalidArgument(f"Container ID {number} cannot be mapped to a host ID")
        return user, group

    def to_container(self, uid: int, gid: int) -> tuple[int, int]:
        """Return the ids that a container sees for the host's; 65534 for those outside."""
        return _inside(self.mappings.uids, uid), _inside(self.mappings.gids, gid)

    def check_user(self, user: User) -> User:
        """Return the user unchanged (InvalidArgument: it has an id that no container has)."""
        if self.mappings.host_uid(user.uid) is None:
            raise InvalidArgument(
                f"cannot set uid to unmapped user in user namespace: {user.uid}",
            )
        for gid in (user.gid, *user.groups):
            if self.mappings.host_gid(gid) is None:
                raise InvalidArgument(f"cannot set gid to unmapped user in user namespace: {gid}")
        return user

    def applies_to(self, host: HostConfig) -> bool:
        """Whether a container with this configuration lives in a user namespace."""
        return host.userns_mode != "host"


def _inside(mappings: Sequence[IdMapping], number: int) -> int:
    for mapping in mappings:
        if mapping.host_id <= number < mapping.host_id + mapping.size:
            return mapping.container_id + number - mapping.host_id
    return _NOBODY


def check_remapped(host: HostConfig) -> None:
    """Refuse what a container in a user namespace cannot have; the words are dockerd's.

    Raises:
        InvalidArgument: it works with `--userns=host` only.
    """
    if host.privileged:
        raise InvalidArgument(
            "privileged mode is incompatible with user namespaces.  You must run the container "
            "in the host namespace when running privileged mode"
        )
    if host.network_mode == "host":
        raise InvalidArgument(
            "cannot share the host's network namespace when user namespaces are enabled"
        )
    if host.pid_mode == "host":
        raise InvalidArgument(
            "cannot share the host PID namespace when user namespaces are enabled"
        )


def user_namespace_to_join(
    host: HostConfig, config: EngineConfig, store: ContainerStore
) -> str | None:
    """Return the file of the one that the namespaces joined by `container:<ref>` belong to.

    Root has rights over a network, IPC or pid namespace only in the user namespace that owns it.
    None: nothing is joined.

    Raises:
        Conflict: it is the host's, or there are several.
    """
    found: dict[tuple[int, int], str] = {}
    for mode in (host.network_mode, host.ipc_mode, host.pid_mode):
        other = shared_with(mode)
        if other is None or not (target := store.get(other)).is_running:
            continue
        if config.remapping_of(target.host_config) is None:
            raise Conflict(
                f"cannot join namespaces of container {target.id}, which is in the host's user "
                "namespace",
                hint="run this container with --userns=host too",
            )
        path = f"/proc/{target.pid}/ns/user"
        with suppress(FileNotFoundError):  # it has ended, as the runtime will say
            info = os.stat(path)  # noqa: PTH116
            found[info.st_dev, info.st_ino] = path
    if len(found) > 1:
        raise Conflict("cannot join namespaces of containers in different user namespaces")
    return next(iter(found.values()), None)


def check_support(remapping: Remapping, directory: Path) -> None:
    """Make sure that layers below `directory` can be shown with mapped owners.

    Args:
        remapping: what they are to be mapped to.
        directory: an empty one on the file system of the layers; stays empty.

    Raises:
        FailedPrecondition: the kernel or the file system cannot.
    """
    layers = [directory / "a", directory / "b"]
    try:
        for layer in layers:
            layer.mkdir()
        with read_only_view(
            Mounts(tuple(map(str, layers)), None, None, remapping.user_namespace)
        ) as view:
            found = os.fstat(view.fileno())
    except (Internal, OSError) as err:
        raise FailedPrecondition(
            f"userns-remap: layers in {directory.parent} can not be shown with other owners: {err}",
            hint="it needs Linux 5.19 and a data root on ext4, xfs, btrfs or another file system "
            "with idmapped mounts",
        ) from err
    finally:
        for layer in layers:
            if layer.exists():
                layer.rmdir()
    assert (found.st_uid, found.st_gid) == remapping.to_host(os.geteuid(), os.getegid())
