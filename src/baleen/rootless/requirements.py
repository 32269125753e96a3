"""What this host and user have for an engine without root, in words: `--rootless --validate`.

Each finding is looked up, not tried: nothing is made.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import NamedTuple

from baleen.errors import BaleenError
from baleen.rootless.connectivity import installed_programs
from baleen.rootless.delegation import delegated_parent
from baleen.rootless.id_ranges import maps_of_user

__all__ = ["Finding", "findings"]

_SINCE = (5, 12)
"""mount_setattr(2); overlay in user namespaces is of 5.11."""


class Finding(NamedTuple):
    """One line. `level` is "ok", "limited" (works without) or "missing"."""

    level: str
    text: str


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def findings(*, single: bool) -> list[Finding]:
    """Return what there is, what is limited and what is missing, most important first."""
    return [
        *_user_namespaces(),
        *_kernel(),
        *_ids(single=single),
        _network(),
        _groups(),
    ]


def _user_namespaces() -> list[Finding]:
    refusals = [
        Finding("missing", f"sysctl {name.replace('/', '.')} is {value}: set it to {wanted}")
        for name, refused, wanted in (
            ("user/max_user_namespaces", "0", "15000 or more"),
            ("kernel/unprivileged_userns_clone", "0", "1"),
            ("kernel/apparmor_restrict_unprivileged_userns", "1", "0, or add a profile"),
        )
        if (value := _sysctl(name)) == refused
    ]
    return refusals or [Finding("ok", "ordinary users may make user namespaces")]


def _kernel() -> list[Finding]:
    release = os.uname().release
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < _SINCE:
        return [Finding("missing", f"Linux {release}: 5.12 or newer is needed")]
    return [Finding("ok", f"Linux {release} has what an engine without root needs")]


def _ids(*, single: bool) -> list[Finding]:
    try:
        maps = maps_of_user(single=single)
    except BaleenError as err:
        return [Finding("missing", f"{err.message}; {err.hint}")]
    found = [Finding("limited", text) for text in maps.warnings]
    for program in () if single else ("newuidmap", "newgidmap"):
        path = shutil.which(program)
        if path and not Path(path).stat().st_mode & stat.S_ISUID and not _has_capability(path):
            found.append(Finding("missing", f"{path} is neither setuid root nor has capabilities"))
    users = sum(count for _, _, count in maps.users)
    return found or [Finding("ok", f"{users} user and group ids are granted")]


def _has_capability(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def _network() -> Finding:
    programs = installed_programs()
    if not programs:
        return Finding(
            "limited",
            "neither slirp4netns nor pasta (package passt) is installed: "
            "containers reach nothing outside, published ports work all the same",
        )
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return Finding(
            "limited",
            f"/dev/net/tun cannot be opened, which {programs[0]} needs: as root, modprobe tun and "
            "chmod 0666 /dev/net/tun",
        )
    return Finding("ok", f"{programs[0]} leads out of the containers' networks")


def _groups() -> Finding:
    parent = delegated_parent()
    if parent is None:
        return Finding(
            "limited",
            "no control group is delegated: limits of memory, CPU and processes are not available "
            "(cgroup v2 and a systemd user session are needed: systemd-run --user, or a user unit)",
        )
    controllers = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
    return Finding("ok", f"control groups below {parent}: {', '.join(controllers) or 'none'}")
