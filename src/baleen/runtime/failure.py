"""Why a process could not be started: one exception, made in a child and raised in its parent.

The child cannot raise across a fork, so it sends the fields of a `LaunchError` over its
synchronisation socket. Texts are those that Docker's clients match on, reason last and in lower
case, and the exit code follows from the text by Docker's own rule.
"""

from __future__ import annotations

import errno
import json
import os

from baleen.errors import BaleenError, StartFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "LaunchError",
    "as_launch_error",
    "decode_failure",
    "encode_failure",
    "exit_code_for",
    "no_working_directory",
    "not_executable",
    "not_executed",
    "not_in_path",
    "outside_of_root",
    "reason",
    "reason_of",
]

_NOT_FOUND: Final = ("executable file not found", "no such file or directory", "not a directory")
_NOT_EXECUTABLE: Final = ("permission denied", "is a directory", "exec format error")
_MAX_MESSAGE: Final = 4096


class LaunchError(StartFailed):
    """A container's or an exec's process could not be started; nothing of it is left.

    Attributes:
        stage: the step that failed ("spec", "cgroup", "mount", "exec"...).
        errno: the kernel's errno, or 0 if we refused before asking.
        exit_code: 126, 127 or 128 as `docker run` reports them.
    """

    def __init__(
        self, stage: str, errno: int, message: str, exit_code: int | None = None, *, hint: str = ""
    ) -> None:
        code = exit_code_for(message) if exit_code is None else exit_code
        super().__init__(message, exit_code=code, hint=hint)
        self.stage = stage
        self.errno = errno


def exit_code_for(message: str) -> int:
    """The exit code that dockerd derives from the text of a start failure."""
    text = message.lower()
    if any(pattern in text for pattern in _NOT_FOUND):
        return 127
    if any(pattern in text for pattern in _NOT_EXECUTABLE):
        return 126
    return 128


def reason(error: OSError) -> str:
    """The errno's text as the incumbents' messages spell it: first letter in lower case."""
    if error.errno:
        return reason_of(error.errno)
    text = str(error)
    return text[:1].lower() + text[1:]


def reason_of(number: int) -> str:
    """As `reason`, of an errno."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]


def no_working_directory(cwd: str, number: int) -> LaunchError:
    """The working directory cannot be entered, in runc's words."""
    message = f'chdir to cwd ("{cwd}") set in config.json failed: {reason_of(number)}'
    return LaunchError("cwd", number, message)


def outside_of_root() -> LaunchError:
    """The working directory is not below the root (CVE-2024-21626), in runc's words."""
    message = (
        "current working directory is outside of container mount namespace root"
        " -- possible container breakout detected"
    )
    return LaunchError("cwd", 0, message, 128)


def not_executable(name: str, number: int, what: str = "") -> LaunchError:
    """A program that was named by its path is none, in the words of Go's exec.LookPath."""
    return LaunchError("exec", number, f'exec: "{name}": {what}{reason_of(number)}')


def not_in_path(name: str) -> LaunchError:
    """No directory of PATH has the program, in the words of Go's exec.LookPath."""
    message = f'exec: "{name}": executable file not found in $PATH'
    return LaunchError("exec", errno.ENOENT, message, 127)


def not_executed(path: str, number: int) -> LaunchError:
    """The kernel does not execute `path`."""
    return LaunchError("exec", number, f"exec {path}: {reason_of(number)}")


def as_launch_error(error: Exception) -> LaunchError:
    """The failure of a start that `error`, of one of its steps, is."""
    if isinstance(error, LaunchError):
        return error
    if isinstance(error, BaleenError):
        stage = str(getattr(error, "stage", "start"))
        return LaunchError(stage, getattr(error, "errno", 0), str(error), 128)
    steps = [*getattr(error, "__notes__", ())]
    if isinstance(error, OSError) and error.filename is not None:
        steps.append(str(error.filename))
    text = reason(error) if isinstance(error, OSError) else str(error)
    number = getattr(error, "errno", None) or 0
    return LaunchError("start", number, ": ".join([*steps, text]), 128)


def encode_failure(stage: str, error: BaseException) -> bytes:
    """What a child sends about `error`, which ended its step `stage`."""
    code: int | None = None
    number = 0
    if isinstance(error, LaunchError):
        stage, number, code = error.stage, error.errno, error.exit_code
        message = str(error)
    elif isinstance(error, OSError):
        number = error.errno or 0
        call = " ".join(getattr(error, "__notes__", ()))
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        message = f"{stage}: {' '.join(part for part in (call, path) if part)}"
        message = f"{message.rstrip(': ')}: {reason(error)}"
    elif isinstance(error, BaleenError):
        number = getattr(error, "errno", 0)
        message = str(error)
    else:
        message = f"{stage}: {type(error).__name__}: {error}"
    fields = {
        "stage": stage,
        "errno": number,
        "message": message[:_MAX_MESSAGE],
        "exit_code": code,
    }
    return json.dumps(fields).encode()


def decode_failure(data: bytes) -> LaunchError:
    """The exception that a child described."""
    try:
        fields = json.loads(data)
        stage, message = str(fields["stage"]), str(fields["message"])
        number, code = int(fields["errno"]), fields["exit_code"]
        return LaunchError(stage, number, message, None if code is None else int(code))
    except (ValueError, KeyError, TypeError, RecursionError):
        return LaunchError("init", 0, f"an unintelligible message: {data[:100]!r}", 128)
