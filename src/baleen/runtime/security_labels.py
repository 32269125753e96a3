"""Labels of Linux security modules, which a process or a mount may be given by a document.

A process asks for its AppArmor profile and its SELinux label before its execve, which then makes
the change; so nothing of us is confined by them, and all of the program is. What is written goes
to files of the kernel's, and whoever could put another file in their place would have us write to
that one (CVE-2019-16884, CVE-2025-52881). So the files are only ever reached through a procfs that
was verified: one of our own that nobody else can reach or, before we have entered anything of the
container, that of the host; and nothing mounted in it is crossed.

See: OCI runtime-spec config.md (apparmorProfile, selinuxLabel), config-linux.md (mountLabel);
Documentation/admin-guide/LSM in the kernel's tree.
"""

from __future__ import annotations

import errno
import os
import struct

from baleen.linux import lsm
from baleen.linux.files import PROC_SUPER_MAGIC
from baleen.linux.record import record
from baleen.linux.script import Label
from baleen.runtime.failure import LaunchError, reason_of
from baleen.runtime.masks import private_proc
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.fields import Fields
    from baleen.runtime.process_script import ProcessScript

__all__ = ["SecurityLabels", "parse_labels", "parse_mount_label"]

_UNCONFINED: Final = "unconfined"
_SELINUX_EXEC: Final = "self/attr/exec"
_SELINUX_KEYS: Final = "self/attr/keycreate"
# A file of attributes takes no more than a page.
_MAX_LABEL: Final = 4000
_STAGE: Final = "security labels"
_OPEN_HOW: Final = struct.Struct("=QQQ")
_AT_FDCWD: Final = -100


@record(frozen=True, slots=True)
class SecurityLabels:
    """What the program of a process is to be confined by; "" leaves it as its parent.

    Attributes:
        apparmor: name of the profile, "unconfined" for none.
        selinux: the security context, `user:role:type[:level]`.
    """

    apparmor: str = ""
    selinux: str = ""

    def _writes(self) -> list[tuple[str, str]]:
        writes = []
        if self.apparmor:
            writes.append((lsm.apparmor_attribute("exec"), f"exec {self.apparmor}"))
        if self.selinux:
            writes.append((_SELINUX_EXEC, self.selinux))
        return writes

    def label_keys(self) -> None:
        """Give the keyrings that we make from now on the label of the program (LaunchError)."""
        if not self.selinux:
            return
        with lsm.host_proc() as proc:
            try:
                lsm.write_attribute(proc, _SELINUX_KEYS, self.selinux)
            except OSError as error:
                raise self._failure(error.errno or 0) from error

    def apply(self) -> None:
        """Have our next execve change the labels, and that of each clone of ours (LaunchError).

        To be called in a mount namespace of our own while the host's tree is still its root.
        """
        with _any_proc() as proc:
            for path, value in self._writes():
                try:
                    lsm.write_attribute(proc, path, value)
                except OSError as error:
                    raise self._failure(error.errno or 0) from error

    def append(self, steps: ProcessScript, free: int) -> None:
        """The steps that do the same, and label the keys, before anything is entered.

        `free` is the number of a descriptor that nothing else uses; it is left open.
        """
        script = steps.script
        writes = self._writes()
        if self.selinux:
            writes.append((_SELINUX_KEYS, self.selinux))
        steps.stage(_STAGE)
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        proc = script.call("openat", _AT_FDCWD, script.text("/proc"), flags)
        script.hand_on(proc, script.call("dup3", 0, free, os.O_CLOEXEC), 0)
        found = script.data(bytes(256))
        script.call("fstatfs", free, found)
        for offset, byte in enumerate(PROC_SUPER_MAGIC.to_bytes(8, "little")):
            right = Label()
            script.jump_if_equal(found + offset, 0xFF, byte, right)
            steps.means(script.fail(), lambda _number: self._failure(errno.ENODEV))
            script.place(right)
        how = script.data(_OPEN_HOW.pack(os.O_WRONLY | os.O_CLOEXEC, 0, lsm.ATTRIBUTE_RESOLVE))
        for path, value in writes:
            opened = script.call("openat2", free, script.text(path), how, _OPEN_HOW.size)
            content = os.fsencode(value)
            written = script.call("write", 0, script.data(content), len(content))
            script.hand_on(opened, written, 0)
            for step in (opened, written):
                steps.means(step, self._failure)

    def _failure(self, number: int) -> LaunchError:
        """Why the kernel did not take a label: it names it, as the caller may have misspelt it."""
        if self.apparmor:
            if number == errno.ENOENT:
                why = "the profile is not loaded on this host"
            else:
                why = reason_of(number)
            message = f'unable to apply apparmor profile "{self.apparmor}": {why}'
        else:
            if number == errno.EINVAL:
                why = "the policy of this host has no such context"
            else:
                why = reason_of(number)
            message = f'unable to apply selinux label "{self.selinux}": {why}'
        return LaunchError(_STAGE, number, message, 128)


def _any_proc() -> Fd:
    """A procfs of our own; that of the host where another one must not be mounted.

    In a user namespace one can only be had where all of the present one is visible.
    """
    try:
        return private_proc()
    except PermissionError:
        return lsm.host_proc()


def _label(fields: Fields, name: str) -> str:
    label = fields.text(name, "")
    if len(label) > _MAX_LABEL or not label.isprintable():
        raise refuse(f"{fields.where}{name} {label[:64]!r} is not a label")
    return label


def _needs(fields: Fields, name: str, label: str, module: str, *, enabled: bool) -> None:
    if not enabled:
        message = f"{fields.where}{name} {label!r} cannot be applied: {module} is not enabled"
        raise refuse(f"{message} on this host")


def parse_labels(process: Fields) -> SecurityLabels | None:
    """Read `apparmorProfile` and `selinuxLabel`. Raises LaunchError where there is no such module.

    The profile "unconfined" is none, and to be had without AppArmor too.
    """
    profile, context = _label(process, "apparmorProfile"), _label(process, "selinuxLabel")
    if profile:
        enabled = lsm.apparmor_is_enabled()
        if profile == _UNCONFINED and not enabled:
            profile = ""
        else:
            _needs(process, "apparmorProfile", profile, "AppArmor", enabled=enabled)
    if context:
        _needs(process, "selinuxLabel", context, "SELinux", enabled=lsm.selinux_is_enabled())
    return SecurityLabels(profile, context) if profile or context else None


def parse_mount_label(linux: Fields) -> str:
    """Read `mountLabel`, "" for none. Raises LaunchError where there is no SELinux."""
    context = _label(linux, "mountLabel")
    if '"' in context:
        raise refuse(f"{linux.where}mountLabel {context!r} is not a label")
    if context:
        _needs(linux, "mountLabel", context, "SELinux", enabled=lsm.selinux_is_enabled())
    return context
