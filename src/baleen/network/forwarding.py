"""net.ipv4.ip_forward: turned on when containers need it, and written down that it was us.

A host that was no router must not become one for everybody: as long as the change is ours, the
firewall drops what does not concern our bridges (N11). The note holds for one boot of the host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from baleen.linux.netns import write_sysctl

if TYPE_CHECKING:
    from baleen.state.database import Database

__all__ = ["disable_forwarding", "enable_forwarding"]

_KEY: Final = "network.ip_forward"
_SYSCTL: Final = "net/ipv4/ip_forward"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class _Note(msgspec.Struct, frozen=True):
    """In which boot we turned it on."""

    boot_id: str


def enable_forwarding(database: Database) -> bool:
    """Turn forwarding on; returns whether the host was no router before us in this boot."""
    boot_id = _BOOT_ID.read_text().strip()
    if _is_on():
        return _noted(database) == boot_id
    # The note first: a crash in between leaves a note of a change that was not made, and
    # undoing that is harmless.
    database.put("settings", _KEY, msgspec.json.encode(_Note(boot_id)))
    write_sysctl(_SYSCTL, "1")
    return True


def disable_forwarding(database: Database) -> None:
    """Undo `enable_forwarding` if it changed anything in this boot; idempotent."""
    if _noted(database) == _BOOT_ID.read_text().strip() and _is_on():
        write_sysctl(_SYSCTL, "0")
    database.delete("settings", _KEY)


def _is_on() -> bool:
    return Path("/proc/sys", _SYSCTL).read_text().strip() == "1"


def _noted(database: Database) -> str:
    document = database.get("settings", _KEY)
    return "" if document is None else msgspec.json.decode(document, type=_Note).boot_id
