"""The daemon's cgroup driver and parent: what is configured, settled for this host.

See: dockerd reference, native.cgroupdriver and --cgroup-parent.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baleen.engine.cgroup_naming import (
    SYSTEMD,
    check_parent,
    choose_driver,
    default_parent,
    requested_driver,
)
from baleen.errors import InvalidArgument
from baleen.linux.systemd import is_running
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["cgroup_settings"]

_UNIFIED: Final = Path("/sys/fs/cgroup/cgroup.controllers")


def cgroup_settings(exec_opts: Iterable[str], parent: str) -> tuple[str, str]:
    """Return the driver and the parent of all containers.

    Args:
        exec_opts: of the configuration.
        parent: of the configuration, "" for the driver's default.

    Raises:
        InvalidArgument: a driver that this host cannot have, or a parent that the driver cannot.
    """
    # systemd's own socket is for root, and not for that of another user namespace.
    booted = is_running() and os.geteuid() == 0 and in_first_user_namespace()
    driver = choose_driver(requested_driver(exec_opts), unified=_UNIFIED.exists(), booted=booted)
    if driver == SYSTEMD:
        check_parent(parent, driver)
    elif parent and (not parent.startswith("/") or ".." in parent.split("/")):
        raise InvalidArgument(f"cgroup-parent: {parent!r} is no absolute path")
    return driver, parent or default_parent(driver)
