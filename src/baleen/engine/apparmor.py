"""AppArmor on this host: whether it is there, which profile a container gets, and its loading.

Where AppArmor is not at work, what a client asks of it has no effect, as with dockerd.

See: apparmor_parser(8), /sys/kernel/security/apparmor.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baleen.engine.apparmor_profile import PROFILE, profile_text
from baleen.engine.security_options import parse_security_options
from baleen.errors import FailedPrecondition
from baleen.linux.fd import Fd
from baleen.linux.lsm import apparmor_is_enabled
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from baleen.api import HostConfig

__all__ = ["AppArmor"]

log = logging.getLogger(__name__)

_SECURITYFS: Final = "/sys/kernel/security/apparmor"
_PARSERS: Final = ("/usr/sbin/apparmor_parser", "/sbin/apparmor_parser")
_HINT: Final = (
    "install the package 'apparmor' of this host's distribution, "
    "or use --security-opt apparmor=unconfined"
)
_LIMIT_MS: Final = 60_000
_MAX_OUTPUT: Final = 2000
_UNCONFINED: Final = "unconfined"


class AppArmor:
    """What the engine knows and does of AppArmor. Safe to use from several threads.

    Attributes:
        is_enabled: whether containers are confined by it on this host.
    """

    def __init__(self, *, is_enabled: bool | None = None) -> None:
        self.is_enabled = _is_usable() if is_enabled is None else is_enabled
        self._lock = threading.Lock()

    def profile_of(self, host: HostConfig) -> str:
        """Return the name of the container's profile, "unconfined", or "" without AppArmor."""
        if not self.is_enabled:
            return ""
        if host.privileged:
            return _UNCONFINED
        return parse_security_options(host.security_opt).apparmor or PROFILE

    def has(self, profile: object) -> bool:
        """Whether that is not our profile, or it is loaded."""
        return profile != PROFILE or _is_loaded(PROFILE)

    def ensure(self, profile: object) -> None:
        """Load our profile again if it is that one and somebody has removed it. May block.

        Raises:
            FailedPrecondition: it cannot be loaded, with the parser's words.
        """
        if self.has(profile):
            return
        with self._lock:
            if not _is_loaded(PROFILE):
                _load(profile_text(PROFILE, _own_profile()))

    def load_default(self) -> str:
        """Load our profile, as the engine does at its start; returns a warning, or "". Blocks.

        A profile of that name that is there already stays: it may be the administrator's.
        """
        if not self.is_enabled:
            return ""
        try:
            self.ensure(PROFILE)
        except FailedPrecondition as err:
            log.error("%s", err)
            return f"WARNING: {err}"
        return ""


def _is_usable() -> bool:
    # An ordinary user (who is root in a user namespace: the file's mode does not tell), or a
    # container of another engine, has no say in the host's policy.
    may_load = in_first_user_namespace() and os.access(f"{_SECURITYFS}/.replace", os.W_OK)
    in_container = os.environ.get("container")  # noqa: SIM112  # systemd's and LXC's spelling
    return apparmor_is_enabled() and may_load and not in_container


def _is_loaded(name: str) -> bool:
    """Whether the kernel has a profile of that name, in any mode."""
    try:
        with open(f"{_SECURITYFS}/profiles", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return any(line.rpartition(" (")[0] == name for line in file)
    except OSError:  # an older kernel shows it to nobody, or we may not look
        return False


def _own_profile() -> str:
    """Return the profile that we are confined by ourselves."""
    try:
        text = Path("/proc/self/attr/current").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return _UNCONFINED
    return text.rstrip("\0\n").rpartition(" (")[0] or _UNCONFINED


def _load(text: str) -> None:
    """Have the parser compile and load a profile (FailedPrecondition)."""
    what = f"AppArmor enabled on system but the {PROFILE} profile could not be loaded"
    parser = next((path for path in _PARSERS if os.access(path, os.X_OK)), None)
    if parser is None:
        raise FailedPrecondition(f"{what}: there is no {_PARSERS[0]}", hint=_HINT)
    try:
        status, output = _run([parser, "--skip-cache", "--replace"], text.encode())
    except OSError as err:
        raise FailedPrecondition(f"{what}: running {parser}: {err.strerror}", hint=_HINT) from err
    if status != 0:
        raise FailedPrecondition(f"{what}: {parser} ended with {status}: {output}", hint=_HINT)
    log.info("AppArmor profile loaded", extra={"profile": PROFILE})


def _run(command: list[str], content: bytes) -> tuple[int, str]:
    """Run a program of the host with `content` as its input; returns its status and output.

    One that takes too long is killed. It gets no descriptor of ours and an environment of its own.
    """
    with (
        Fd(os.memfd_create("input", os.MFD_CLOEXEC)) as given,
        Fd(os.memfd_create("output", os.MFD_CLOEXEC)) as taken,
    ):
        os.pwrite(given.fileno(), content, 0)
        output = [(os.POSIX_SPAWN_DUP2, taken.fileno(), target) for target in (1, 2)]
        pid = os.posix_spawn(
            command[0],
            command,
            {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            file_actions=[(os.POSIX_SPAWN_DUP2, given.fileno(), 0), *output],
            setsigmask=[],
            setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE],
        )
        with Fd(os.pidfd_open(pid)) as pidfd:
            end = select.poll()
            end.register(pidfd.fileno(), select.POLLIN)
            if not end.poll(_LIMIT_MS):
                signal.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        said = os.pread(taken.fileno(), _MAX_OUTPUT, 0).decode(errors="replace").strip()
        return os.waitstatus_to_exitcode(status), said
