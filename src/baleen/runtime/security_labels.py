"""Labels of Linux security modules, which a process or a mount may be given by a document.

See: OCI runtime-spec config.md (apparmorProfile, selinuxLabel), config-linux.md (mountLabel);
Documentation/admin-guide/LSM in the kernel's tree.
"""

from __future__ import annotations

import os

from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.fields import Fields

__all__ = ["is_enabled", "refuse_label"]

_MODULES: Final = {
    "apparmorProfile": "AppArmor",
    "selinuxLabel": "SELinux",
    "mountLabel": "SELinux",
}
_APPARMOR: Final = "/sys/module/apparmor/parameters/enabled"
_SELINUX: Final = "/sys/fs/selinux/enforce"


def is_enabled(module: str) -> bool:
    """Whether the running kernel has "AppArmor" or "SELinux" at work."""
    if module == "SELinux":
        return os.path.exists(_SELINUX)
    try:
        fd = os.open(_APPARMOR, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return os.read(fd, 16).strip() == b"Y"
    finally:
        os.close(fd)


def refuse_label(fields: Fields, name: str) -> None:
    """Refuse the label in the member `name` if there is one, and say why (LaunchError).

    "unconfined" is no profile, and always to be had.
    """
    label = fields.text(name, "")
    if not label or (name == "apparmorProfile" and label == "unconfined"):
        return
    module = _MODULES[name]
    why = "this runtime does not set it yet"
    if not is_enabled(module):
        why = f"{module} is not enabled on this host"
    raise refuse(f"{fields.where}{name} {label!r} cannot be applied: {why}")
