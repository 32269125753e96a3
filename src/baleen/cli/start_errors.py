"""Exit codes for a process that could not be started.

The API has no field for it; as Docker's own client does, the reason is read from the message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.errors import BaleenError

__all__ = ["start_exit_code"]

_NOT_FOUND = (
    "executable file not found",
    "no such file or directory",
    "system cannot find the file specified",
)
_NOT_EXECUTABLE = ("permission denied", "is a directory", "exec format error")


def start_exit_code(err: BaleenError) -> int:
    """127 when the command was not found, 126 when it cannot be executed, else 125."""
    text = err.message.lower()
    if any(part in text for part in _NOT_FOUND):
        return 127
    if any(part in text for part in _NOT_EXECUTABLE):
        return 126
    return 125
