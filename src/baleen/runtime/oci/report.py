"""Where errors and warnings of a command go: a log file, in the two formats of runc's.

    time="2026-01-02T03:04:05Z" level=error msg="container does not exist"
    {"level":"error","msg":"container does not exist","time":"2026-01-02T03:04:05Z"}

Callers such as containerd read the last line of the JSON form to tell their users what happened.
An error goes to standard error too, as a plain line, unless the log is there anyway.
"""

from __future__ import annotations

import os
import time

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["Report"]

_STDERR: Final = 2


def quoted(text: str) -> str:
    """`text` as a JSON string; it is also how Go quotes what is printable."""
    parts = ['"']
    for character in text:
        if character in '"\\':
            parts.append("\\" + character)
        elif character == "\n":
            parts.append("\\n")
        elif character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff":
            parts.append(f"\\u{ord(character):04x}")
        else:
            parts.append(character)
    return "".join([*parts, '"'])


class Report:
    """Writes lines to one log; `to_stderr` says whether that is our standard error."""

    __slots__ = ("_debug", "_fd", "_json", "to_stderr")

    def __init__(self, path: str = "", form: str = "text", *, debug: bool = False) -> None:
        if form not in ("", "text", "json"):
            raise InvalidArgument(f'invalid log-format: "{form[:64]}"')
        self._json = form == "json"
        self._debug = debug
        self._fd = _STDERR
        self.to_stderr = path in ("", "/dev/stderr")
        if not self.to_stderr:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            try:
                self._fd = os.open(path, flags, 0o644)
            except OSError as error:
                raise InvalidArgument(f"cannot open the log {path}: {error.strerror}") from error

    def error(self, message: str) -> None:
        """Log why the command failed, and tell the user."""
        self._write("error", message)
        if not self.to_stderr:
            _put(_STDERR, message + "\n")

    def warning(self, message: str) -> None:
        """Log what is not as it was asked for."""
        self._write("warning", message)

    def debug(self, message: str) -> None:
        """Log a step, with --debug."""
        if self._debug:
            self._write("debug", message)

    def _write(self, level: str, message: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self._json:
            line = f'{{"level":"{level}","msg":{quoted(message)},"time":"{now}"}}\n'
        else:
            line = f'time="{now}" level={level} msg={quoted(message)}\n'
        _put(self._fd, line)


def _put(fd: int, text: str) -> None:
    try:
        os.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # a full disk or a closed pipe: there is nobody left to tell
