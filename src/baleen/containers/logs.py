"""Reading json-file logs back, at once or following: what `docker logs` receives.

The stream ends when everything was sent, or, following, when the container has stopped and its
log is read to the end. The supervisor writes the file; the daemon only reads it, so following
means waiting for the kernel's word that the directory changed.

See: Engine API v1.55 /containers/{id}/logs; inotify(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Final, Self, TypeVar

from baleen.containers.log_files import LogFiles
from baleen.containers.log_lines import LineRenderer, LogOptions, fixed_time
from baleen.containers.times import format_time, parse_timestamp
from baleen.errors import InvalidArgument
from baleen.linux import inotify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["read_logs"]

T = TypeVar("T")

_TAIL: Final = re.compile(r"\d{1,18}", re.ASCII)
_CHANGES: Final = inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_MOVED_TO


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
    stopped: asyncio.Future[object] | None = None,
) -> AsyncIterator[bytes]:
    """Return the log as chunks of up to some hundred kilobytes.

    Args:
        path: the current log file; it need not exist yet.
        stdout: send what the container wrote to its standard output.
        stderr: likewise for standard error.
        since: Unix seconds (with fraction) or RFC 3339; earlier messages are left out.
        until: likewise; later ones.
        tail: how many of the last lines to begin with; "all", "" and what is no number: all.
        timestamps: put the time before each message.
        details: put the log labels before each message.
        framed: whether messages are multiplexed (not for a terminal).
        follow: go on until `stopped`.
        stopped: done when the container's process has ended and its output is in the file; None
            when it is not running.

    Closing the iterator gives up all descriptors.

    Raises:
        InvalidArgument: neither stream, or a malformed time; raised by the call itself.
    """
    if not (stdout or stderr):
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    until_ns = parse_timestamp(until, parameter="until")
    options = LogOptions(
        stdout=stdout,
        stderr=stderr,
        since=_bound(parse_timestamp(since, parameter="since")),
        until=_bound(until_ns),
        timestamps=timestamps,
        details=details,
        framed=framed,
    )
    lines = int(tail) if _TAIL.fullmatch(tail) else None
    renderer = LineRenderer(options)
    if not follow or stopped is None:
        return _read(path, renderer, lines)
    return _follow(path, renderer, lines, stopped, until_ns)


def _bound(nanoseconds: int | None) -> str:
    # Zero is how clients say "not given".
    return fixed_time(format_time(nanoseconds)) if nanoseconds else ""


async def _read(path: Path, renderer: LineRenderer, tail: int | None) -> AsyncIterator[bytes]:
    files = LogFiles(path, growing=False)
    try:
        await _in_thread(lambda: files.open(tail))
        while not renderer.finished:
            block = await _in_thread(files.read)
            if not block:
                return
            if output := renderer.render(block):
                yield output
    finally:
        files.close()


async def _follow(
    path: Path,
    renderer: LineRenderer,
    tail: int | None,
    stopped: asyncio.Future[object],
    until_ns: int | None,
) -> AsyncIterator[bytes]:
    files = LogFiles(path)
    with _DirectoryWatch(path.parent) as watch:
        try:
            await _in_thread(lambda: files.open(tail))
            while True:
                # Asked before the read: what was written until the stop is then surely seen.
                ended = stopped.done()
                watch.changed.clear()
                while block := files.read():
                    if output := renderer.render(block):
                        yield output
                    if renderer.finished:
                        return
                    await asyncio.sleep(0)  # others get a turn between two blocks
                if ended or (until_ns is not None and time.time_ns() > until_ns):
                    return
                await _first_of(watch.changed, stopped, until_ns)
        finally:
            files.close()


async def _first_of(
    changed: asyncio.Event, stopped: asyncio.Future[object], until_ns: int | None
) -> None:
    """Return when the log changed, the container stopped, or the time has come."""
    timeout = None if until_ns is None else max(0.0, (until_ns - time.time_ns()) / 1e9)
    waiting: asyncio.Future[object] = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait({waiting, stopped}, timeout=timeout, return_when="FIRST_COMPLETED")
    finally:
        waiting.cancel()


async def _in_thread(call: Callable[[], T]) -> T:
    """Run a short blocking call outside the loop; a cancelled caller still waits for its end.

    Otherwise the descriptors that the thread reads could be closed, and used anew, under it.
    """
    future = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await future
        raise


class _DirectoryWatch:
    """Sets `changed` whenever a file of the directory is written, made or renamed."""

    def __init__(self, directory: Path) -> None:
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._fd = inotify.init()
        try:
            inotify.add_watch(self._fd.fileno(), str(directory), _CHANGES)
        except BaseException:
            self._fd.close()
            raise
        self._loop.add_reader(self._fd.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd.fileno(), 65536)
        self.changed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.remove_reader(self._fd.fileno())
        self._fd.close()
