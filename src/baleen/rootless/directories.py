"""Where an ordinary user's engine lives, by the XDG base directory specification.

$XDG_RUNTIME_DIR/baleen.sock          the API
$XDG_RUNTIME_DIR/baleen/              exec root, pid file, and the state of the namespaces
$XDG_DATA_HOME/baleen                 data root (~/.local/share/baleen)
$XDG_CONFIG_HOME/baleen/daemon.json   configuration (~/.config/baleen/daemon.json)
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Directories", "user_directories"]


@dataclass(frozen=True, slots=True)
class Directories:
    """The places; `runtime` is the user's own and forgotten at the end of the last session."""

    runtime: Path
    data: Path
    config: Path

    @property
    def state(self) -> Path:
        """What belongs to the namespaces: lock, sockets, the note of what there is."""
        return self.runtime / "baleen"


def user_directories(environment: Mapping[str, str]) -> Directories:
    """Return the places for the user that we are.

    Raises:
        FailedPrecondition: there is no runtime directory that is only ours.
    """
    home = Path(environment.get("HOME") or "/nonexistent")
    given = environment.get("XDG_RUNTIME_DIR", "")
    runtime = Path(given or f"/run/user/{os.geteuid()}")
    try:
        info = runtime.stat()
    except OSError as err:
        raise FailedPrecondition(
            f"the runtime directory {str(runtime)!r} cannot be used: {err.strerror}",
            hint="log in with a session (loginctl), or set XDG_RUNTIME_DIR to a directory of "
            "yours with mode 0700",
        ) from err
    if info.st_uid != os.geteuid() or not stat.S_ISDIR(info.st_mode) or info.st_mode & 0o022:
        raise FailedPrecondition(
            f"the runtime directory {str(runtime)!r} is not only yours",
            hint="set XDG_RUNTIME_DIR to a directory of yours with mode 0700",
        )
    return Directories(
        runtime,
        _absolute(environment.get("XDG_DATA_HOME", ""), home / ".local/share") / "baleen",
        _absolute(environment.get("XDG_CONFIG_HOME", ""), home / ".config") / "baleen",
    )


def _absolute(text: str, default: Path) -> Path:
    """Return the path; the specification says that relative ones are to be ignored."""
    return Path(text) if text.startswith("/") else default
