"""The lowest layer of every container: what is mounted on, and .dockerenv.

One for all, instead of a writable copy for each at its start. Programs look for .dockerenv to
learn that they are in a container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_base"]


def make_base(directory: Path) -> None:
    """Have the layer in `directory`, whatever is there of it already (OSError)."""
    for name in ("", "proc", "sys", "dev", "etc"):
        place = directory / name
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
    for name, mode in (
        (".dockerenv", 0o755),
        ("etc/hosts", 0o644),
        ("etc/hostname", 0o644),
        ("etc/resolv.conf", 0o644),
    ):
        file = directory / name
        file.touch()
        file.chmod(mode)
