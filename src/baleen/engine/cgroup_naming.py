"""Which driver makes the containers' control groups, and how each group is called.

    cgroupfs    "<parent>/<id>"                  a directory that our runtime makes
    systemd     "<slice>:docker:<id>"            docker-<id>.scope, which systemd makes

The unit's name is Docker's, so that what people have for its containers (`systemctl`, exporters,
agents of monitoring) finds ours.

See: dockerd reference, native.cgroupdriver; `baleen.linux.cgroup.systemd`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument
from baleen.linux.systemd import slice_path

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CGROUPFS",
    "SYSTEMD",
    "check_parent",
    "choose_driver",
    "default_parent",
    "group_name",
    "requested_driver",
]

CGROUPFS: Final = "cgroupfs"
SYSTEMD: Final = "systemd"
_OPTION: Final = "native.cgroupdriver"
_PREFIX: Final = "docker"


def requested_driver(options: Iterable[str]) -> str:
    """The driver that the daemon's exec-opts ask for, "" for the host's default.

    Raises:
        InvalidArgument: no such driver, or another option.
    """
    chosen = ""
    for option in options:
        name, equals, value = option.partition("=")
        if name.strip().lower() != _OPTION or not equals:
            raise InvalidArgument(f"exec-opts: {option[:64]!r} is not supported")
        chosen = chosen or value.strip()
    if chosen not in ("", CGROUPFS, SYSTEMD):
        raise InvalidArgument(f"native.cgroupdriver option {chosen[:64]} not supported")
    return chosen


def choose_driver(requested: str, *, unified: bool, booted: bool) -> str:
    """The driver of this host: without a wish systemd where that runs on cgroup v2 alone.

    Raises:
        InvalidArgument: systemd is asked for and not there, or the host has cgroup v1.
    """
    if not requested:
        return SYSTEMD if unified and booted else CGROUPFS
    if requested == SYSTEMD and not booted:
        raise InvalidArgument(
            "native.cgroupdriver=systemd: systemd is not the first process of this host, or we are "
            "not its root; leave the option out"
        )
    if requested == SYSTEMD and not unified:
        raise InvalidArgument(
            "native.cgroupdriver=systemd needs cgroup v2, and this host has v1; leave the option "
            "out, or boot with systemd.unified_cgroup_hierarchy=1"
        )
    return requested


def default_parent(driver: str) -> str:
    """Where containers are unless the daemon or the container says otherwise."""
    return "system.slice" if driver == SYSTEMD else "/baleen"


def check_parent(parent: str, driver: str) -> None:
    """Check a container's `--cgroup-parent`, "" for the daemon's, in dockerd's words.

    Raises:
        InvalidArgument: with systemd it has to be a slice.
    """
    if not parent or driver != SYSTEMD:
        return
    if len(parent) <= len(".slice") or not parent.endswith(".slice"):
        raise InvalidArgument(
            'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        )
    try:
        slice_path(parent)
    except ValueError as err:
        raise InvalidArgument(str(err)) from err


def group_name(parent: str, container_id: str, driver: str) -> str:
    """The OCI `cgroupsPath` of a container."""
    if driver == SYSTEMD:
        return f"{parent}:{_PREFIX}:{container_id}"
    return f"/{parent.strip('/')}/{container_id}"
