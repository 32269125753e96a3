"""`checkpoint` and `restore`: not there yet, said clearly."""

from __future__ import annotations

from baleen.errors import NotImplemented as Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Always raises NotImplemented."""
    raise Unsupported(
        f"{invocation.command.name} is not available in this version of baleen-runtime"
    )
