r"""The json-file log: what a container wrote, line by line, in Docker's format.

    {"log":"hello\n","stream":"stdout","time":"2024-01-01T00:00:00.123456789Z"}

One object in one line. A piece without newline at the end of "log" is part of a longer line: lines
are cut every 16 KiB, and at the end of the stream. Bytes that are no UTF-8 become U+FFFD one by
one, as Go's encoder does. Files rotate as dockerd's do: when a file has reached its maximum it
becomes `.1`, which had become `.2`, and so on.

Lines are not encoded one by one: a whole chunk is escaped by a few passes at memory speed, then one
replacement of the newlines puts the object borders in. Memory held is one chunk and at most 16 KiB
of an unfinished line, whatever a container writes.

A full disk never stops the container: what cannot be written is dropped and counted, an object is
never left half written, and logging goes on when there is space again.

See: moby daemon/logger/jsonfilelog and daemon/logger/copier.go; cli-reference, json-file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from time import gmtime, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LINE_LIMIT", "LineEncoder", "LogFile", "escape", "format_time"]

# A line is cut after so many bytes (moby: defaultBufSize of the copier).
LINE_LIMIT = 16 * 1024

# Bytes that need an escape, without the newline, which is always at the same place.
_FREQUENT = (b"\\", b'"', b"\t", b"\r", b"\x1b", b"<", b">", b"&")
_RARE = bytes(code for code in range(0x20) if code not in b"\n\t\r\x1b")
_SPECIAL = b"".join(_FREQUENT) + _RARE


def _escaped(code: int) -> bytes:
    if code in b'\\"':
        return b"\\" + bytes((code,))
    return {0x0D: b"\\r", 0x0A: b"\\n"}.get(code, b"\\u%04x" % code)


_REPLACEMENTS = tuple((byte, _escaped(byte[0])) for byte in _FREQUENT)
_RARE_PATTERN = re.compile(b"[%s]" % re.escape(_RARE))
_UNDECODABLE = re.compile("[\udc80-\udcff]")


def escape(data: bytes) -> bytes:
    """Return `data` as the inside of a JSON string, except that newlines stay as they are."""
    if len(data.translate(None, _SPECIAL)) != len(data):
        for plain, escaped in _REPLACEMENTS:
            data = data.replace(plain, escaped)
        if len(data.translate(None, _RARE)) != len(data):
            data = _RARE_PATTERN.sub(lambda match: b"\\u%04x" % match[0][0], data)
    return data if data.isascii() else _escape_beyond_ascii(data)


def _escape_beyond_ascii(data: bytes) -> bytes:
    # Both start with a byte that is never inside another character.
    data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    try:
        data.decode()
    except UnicodeDecodeError:
        # "surrogateescape" makes one surrogate of each undecodable byte, as Go makes one U+FFFD.
        text = data.decode(errors="surrogateescape")
        return _UNDECODABLE.sub(r"\\ufffd", text).encode()
    return data


def format_time(nanoseconds: int) -> bytes:
    """Return a UNIX time as RFC 3339 in UTC, without trailing zeros of the fraction, as Go does."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    moment = gmtime(seconds)
    text = b"%04d-%02d-%02dT%02d:%02d:%02d" % moment[:6]
    if fraction:
        text += (b".%09d" % fraction).rstrip(b"0")
    return text + b"Z"


_OPEN = b'{"log":"'
_CLOSE = b'"}\n'


class LineEncoder:
    """Turns one stream's chunks into log lines; keeps what is no whole line yet."""

    __slots__ = ("_cut_time", "_middle", "_pending")

    def __init__(self, stream: str, attrs: bytes = b"") -> None:
        self._middle = b'","stream":"%s",%b"time":"' % (stream.encode(), attrs)
        self._pending = b""
        # While pieces of a cut line are out: the time of the first, which all of them carry.
        self._cut_time = b""

    def feed(self, data: bytes, now: bytes) -> bytes:
        """Return the log lines that `data` completes; `now` is their time."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        parts: list[bytes] = []
        if self._cut_time:
            end = data.find(b"\n") + 1
            if not end:
                self._keep(data, parts, self._cut_time)
                return b"".join(parts)
            self._long_line(data[: end - 1], parts, self._cut_time)
            self._cut_time = b""
            data = data[end:]
        end = data.rfind(b"\n") + 1
        if end:
            self._whole_lines(data[: end - 1], parts, now)
        self._keep(data[end:], parts, now)
        return b"".join(parts)

    def finish(self, now: bytes) -> bytes:
        """Return what is left of an unfinished line: the stream has ended."""
        parts: list[bytes] = []
        if self._pending:
            self._entry(self._pending, parts, self._cut_time or now)
        self._pending = self._cut_time = b""
        return b"".join(parts)

    def _whole_lines(self, lines: bytes, parts: list[bytes], now: bytes) -> None:
        """Encode lines that are joined by newlines; the last one's is left out."""
        if len(lines) >= LINE_LIMIT and _has_long_line(lines):
            for line in lines.split(b"\n"):
                self._long_line(line, parts, now)
            return
        border = b"".join((b"\\n", self._middle, now, _CLOSE, _OPEN))
        parts += (_OPEN, escape(lines).replace(b"\n", border), b"\\n", self._middle, now, _CLOSE)

    def _long_line(self, line: bytes, parts: list[bytes], now: bytes) -> None:
        rest = len(line) - len(line) % LINE_LIMIT
        for start in range(0, rest, LINE_LIMIT):
            self._entry(line[start : start + LINE_LIMIT], parts, now)
        parts += (_OPEN, escape(line[rest:]), b"\\n", self._middle, now, _CLOSE)

    def _keep(self, data: bytes, parts: list[bytes], now: bytes) -> None:
        """Cut what is too long already, keep the rest until its newline comes."""
        start = 0
        while len(data) - start >= LINE_LIMIT:
            self._entry(data[start : start + LINE_LIMIT], parts, now)
            self._cut_time = now
            start += LINE_LIMIT
        self._pending = data[start:]

    def _entry(self, piece: bytes, parts: list[bytes], now: bytes) -> None:
        parts += (_OPEN, escape(piece), self._middle, now, _CLOSE)


def _has_long_line(lines: bytes) -> bool:
    """Whether a line has LINE_LIMIT bytes or more, by one backward search for each LINE_LIMIT."""
    start = 0
    while len(lines) - start >= LINE_LIMIT:
        newline = lines.rfind(b"\n", start, start + LINE_LIMIT)
        if newline < 0:
            return True
        start = newline + 1
    return False


class LogFile:
    """Appends streams to a log with rotation; owns its descriptor.

    `max_size` is in bytes (None: never rotated), `max_file` counts the current file too.
    `on_failure` is called once, when the first output had to be dropped.

    Raises:
        OSError: the file cannot be opened for appending.
    """

    def __init__(
        self,
        path: str,
        *,
        max_size: int | None = None,
        max_file: int = 1,
        attrs: Mapping[str, str] | None = None,
        on_failure: Callable[[OSError], None] | None = None,
    ) -> None:
        self._path = path
        self._max_size = max_size
        self._max_file = max_file
        self._on_failure = on_failure
        encoded = b'"attrs":%b,' % json.dumps(attrs).encode() if attrs else b""
        self._encoders = {1: LineEncoder("stdout", encoded), 2: LineEncoder("stderr", encoded)}
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size
        self.dropped_bytes = 0
        self._noted = False

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o640)

    def write(self, stream: int, data: bytes) -> None:
        """Log `data` of stream 1 (stdout) or 2 (stderr) as far as it makes whole lines."""
        self._append(self._encoders[stream].feed(data, format_time(time_ns())))

    def end(self, stream: int) -> None:
        """Log an unfinished last line of a stream that has ended."""
        self._append(self._encoders[stream].finish(format_time(time_ns())))

    def close(self) -> None:
        """End both streams and close the file. A second call does nothing."""
        if self._fd >= 0:
            for stream in self._encoders:
                self.end(stream)
            os.close(self._fd)
            self._fd = -1

    def _append(self, lines: bytes) -> None:
        if self._max_size is None:
            if lines:
                self._write(lines)
            return
        start = 0
        while start < len(lines):
            if self._size >= self._max_size:
                self._rotate()
            room = max(1, self._max_size - self._size)
            # Newlines are only at the ends of objects; the file may exceed by less than one object.
            end = lines.find(b"\n", start + room - 1) + 1 or len(lines)
            self._write(lines[start:end])
            start = end

    def _write(self, lines: bytes) -> None:
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._fd, lines[written:] if written else lines)
        except OSError as err:
            whole = lines.rfind(b"\n", 0, written) + 1
            with contextlib.suppress(OSError):
                if whole < written:
                    # The size is asked for: users do truncate logs by hand.
                    size = os.fstat(self._fd).st_size - written + whole
                    os.ftruncate(self._fd, max(0, size))
            self._size += whole
            self._failed(err, len(lines) - whole)
            return
        self._size += written

    def _failed(self, err: OSError, dropped: int) -> None:
        if not self._noted and self._on_failure is not None:
            self._noted = True
            self._on_failure(err)
        self.dropped_bytes += dropped

    def _rotate(self) -> None:
        """Move the files up by one number and begin a new one; on error go on with the old one."""
        try:
            if self._max_file < 2:
                os.ftruncate(self._fd, 0)
                self._size = 0
                return
            for number in range(self._max_file - 1, 0, -1):
                older = f"{self._path}.{number - 1}" if number > 1 else self._path
                with contextlib.suppress(FileNotFoundError):
                    os.rename(older, f"{self._path}.{number}")
            fd = self._open()
        except OSError as err:
            self._failed(err, 0)
            return
        os.close(self._fd)
        self._fd = fd
        self._size = 0
