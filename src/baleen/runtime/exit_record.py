"""exit.json: how a container ended, for a daemon that was not there to hear it.

    {"exit_code": 0, "oom_killed": false, "finished_at": "2024-01-01T00:00:00.1Z", "pid": 4711}

Written to a temporary name and renamed, so a reader sees all of it or none.
"""

from __future__ import annotations

import contextlib
import json
import os

from baleen.linux.record import asdict, record

__all__ = ["ExitRecord", "forget_exit", "write_exit"]

_NAME = "exit.json"


@record(frozen=True, slots=True)
class ExitRecord:
    """How a run ended. `pid` is the one that PID 1 had on the host; `error` why there was none."""

    exit_code: int
    oom_killed: bool
    finished_at: str
    pid: int
    error: str = ""


def write_exit(state_dir: str, record: ExitRecord, *, sync: bool) -> None:
    """Write the record; with `sync` it survives a loss of power.

    A state directory that is gone means that the container was removed: nothing is written.

    Raises:
        OSError: the disk is full or broken; an older record is left as it was.
    """
    path = f"{state_dir}/{_NAME}"
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, json.dumps(asdict(record)).encode())
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
        if sync:
            _sync_directory(state_dir)


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def forget_exit(state_dir: str) -> None:
    """Remove the record of an earlier run, because a new one begins."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{state_dir}/{_NAME}")
