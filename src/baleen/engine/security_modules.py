"""What Linux security modules mean for a container: its AppArmor profile, its SELinux contexts.

One of the two is at work on a host at most. What neither has any use for is accepted and has no
effect, as with dockerd.

See: `docker run --security-opt`, apparmor(7), selinux(8); /etc/selinux/config.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from itertools import combinations, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baleen.engine.apparmor import AppArmor
from baleen.engine.relabeling import context_of, relabel, relabel_file
from baleen.engine.security_options import parse_security_options
from baleen.engine.selinux_labels import (
    CATEGORIES,
    DISABLE,
    Context,
    container_labels,
    private_level,
    read_contexts,
    shared_label,
)
from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.linux.lsm import selinux_is_enabled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.api import HostConfig, MountPoint
    from baleen.containers.record import ContainerRecord

__all__ = ["Labels", "SecurityModules"]

log = logging.getLogger(__name__)
_random = secrets.SystemRandom()

_ADMINISTRATORS: Final = Path("/usr/share/containers/selinux/contexts")
_GUESSES: Final = 64
_CONFIG: Final = Path("/etc/selinux/config")
# For files of containers that are not confined: no container that is can have these categories.
_UNCONFINED_LEVEL: Final = private_level(CATEGORIES - 2, CATEGORIES - 1)


@dataclass(frozen=True, slots=True)
class Labels:
    """SELinux contexts of a container's processes and files; "" is none."""

    process: str = ""
    mount: str = ""


class SecurityModules:
    """The modules of this host, as far as this engine uses them.

    Attributes:
        has_selinux: whether containers get SELinux labels.
        warnings: what `info` shows about them; filled by `start`.
    """

    def __init__(
        self,
        *,
        selinux_wanted: bool,
        labels_in_use: Callable[[], Iterable[str]],
        apparmor: AppArmor | None = None,
    ) -> None:
        self._apparmor = AppArmor() if apparmor is None else apparmor
        self._selinux_wanted = selinux_wanted
        self.has_selinux = selinux_wanted and selinux_is_enabled()
        self._contexts = _policy_contexts() if self.has_selinux else {}
        self._in_use = labels_in_use
        self.warnings: list[str] = []

    def start(self, data_root: Path) -> None:
        """Load our AppArmor profile, or label layers and volumes below `data_root` for SELinux.

        Blocks; failures become warnings.
        """
        self.warnings = []
        self._label_directories(data_root)
        if warning := self._apparmor.load_default():
            self.warnings.append(warning)
        if self._selinux_wanted and not self.has_selinux:
            self.warnings.append("WARNING: SELinux could not be enabled: this host has it not")
        elif self.has_selinux and not {"process", "file"} <= self._contexts.keys():
            self.warnings.append(
                "WARNING: containers get no SELinux labels: the policy has no lxc_contexts"
            )
        for warning in self.warnings:
            log.warning("%s", warning.removeprefix("WARNING: "))

    @property
    def has_apparmor(self) -> bool:
        """Whether containers are confined by AppArmor."""
        return self._apparmor.is_enabled

    # --- AppArmor --------------------------------------------------------------------------

    def apparmor_profile(self, host: HostConfig) -> str:
        """Return the name of the container's profile, "" where there is no AppArmor."""
        return self._apparmor.profile_of(host)

    def has_profile(self, profile: object) -> bool:
        """Whether a process may ask for the profile, as far as it is ours to care for."""
        return self._apparmor.has(profile)

    def ensure_profile(self, profile: object) -> None:
        """See that our own profile is loaded before a process asks for it (FailedPrecondition)."""
        self._apparmor.ensure(profile)

    # --- SELinux ---------------------------------------------------------------------------

    def labels(self, host: HostConfig) -> Labels:
        """Choose the contexts of a new container, which have to be among those in use at once.

        Raises:
            InvalidArgument: a malformed `label` option.
        """
        if not {"process", "file"} <= self._contexts.keys():
            return Labels()
        process, file = (Context.parse(self._contexts[name]) for name in ("process", "file"))
        options = parse_security_options(host.security_opt).labels
        if DISABLE in options:
            return Labels("", str(replace(file, level=_UNCONFINED_LEVEL)))
        if process.level:  # a policy without levels has none to give
            level = self._free_level()
            process, file = replace(process, level=level), replace(file, level=level)
        process, file = container_labels(process, file, options)
        return Labels(str(process), str(file))

    def in_force(self, record: ContainerRecord) -> Labels:
        """Return the contexts that a container was given, if SELinux is still at work."""
        if not self.has_selinux:
            return Labels()
        return Labels(record.process_label, record.mount_label)

    def _free_level(self) -> str:
        """Choose a level that no container has."""
        taken = {_UNCONFINED_LEVEL}
        taken.update(":".join(label.split(":")[3:]) for label in self._in_use() if label)
        for _ in range(_GUESSES):
            level = private_level(*_random.sample(range(CATEGORIES), 2))
            if level not in taken:
                return level
        pairs = combinations(range(CATEGORIES), 2)
        free = [level for level in starmap(private_level, pairs) if level not in taken]
        if not free:
            raise FailedPrecondition("all pairs of SELinux categories are in use")
        return _random.choice(free)

    def _label_directories(self, data_root: Path) -> None:
        """Let containers read and execute what lies in layers, and use what lies in volumes.

        What is mapped from a union is, for the kernel, a file of the layer. What is made in a
        labelled directory later has its type; so this is work only once.
        """
        wanted = {}
        if "ro_file" in self._contexts:
            wanted["snapshots"] = self._contexts["ro_file"]
        if "file" in self._contexts:
            wanted["volumes"] = shared_label(self._contexts["file"])
        for name, context in wanted.items():
            try:
                if context_of(data_root / name) != context:
                    relabel(str(data_root / name), context)
            except (OSError, InvalidArgument) as err:
                self.warnings.append(f"WARNING: {name} of the data root have no label: {err}")

    def relabel_mount(self, point: MountPoint, label: str) -> None:
        """Give a bind's or volume's files the context that its mode `z` or `Z` asks for. Blocks.

        Raises:
            FailedPrecondition: it cannot, or must not, be done.
        """
        words = point.mode.split(",")
        if not (self.has_selinux and label and {"z", "Z"}.intersection(words)):
            return
        context = label if "Z" in words else shared_label(label)
        try:
            relabel(point.source, context)
        except FileNotFoundError:
            return  # what is missing is told by whoever mounts it
        except OSError as err:
            raise FailedPrecondition(
                f"error setting label on mount source '{point.source}': {err.strerror}"
            ) from err

    def label_files(self, paths: Iterable[str], label: str) -> None:
        """Give files that were written for a container its context; missing ones do not matter."""
        if not (self.has_selinux and label):
            return
        for path in paths:
            try:
                relabel_file(path, label)
            except FileNotFoundError:
                continue
            except OSError as err:
                raise FailedPrecondition(
                    f"cannot label {path} for SELinux: {err.strerror}"
                ) from err


def _policy_contexts() -> dict[str, str]:
    """Return the contexts that the administrator, else the policy, has for containers."""
    for path in (_ADMINISTRATORS, _policy_root() / "contexts" / "lxc_contexts"):
        try:
            return read_contexts(path.read_text(encoding="utf-8"))
        except OSError:
            continue
    return {}


def _policy_root() -> Path:
    name = "targeted"
    try:
        for line in _CONFIG.read_text(encoding="utf-8").splitlines():
            if line.startswith("SELINUXTYPE="):
                name = line.partition("=")[2].strip()
    except OSError:
        pass
    return _CONFIG.parent / name
