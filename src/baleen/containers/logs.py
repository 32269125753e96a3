"""Reading json-file logs back: signature, body follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["read_logs"]


def read_logs(
    path: Path,
    *,
    stdout: bool,
    stderr: bool,
    since: str = "",
    until: str = "",
    tail: str = "all",
    timestamps: bool = False,
    details: bool = False,
    framed: bool = True,
    follow: bool = False,
    is_running: Callable[[], bool] = lambda: False,
) -> AsyncIterator[bytes]:
    """Yield big chunks (up to 64 KiB and more); InvalidArgument at once for bad tail/since."""
    raise NotImplementedError
