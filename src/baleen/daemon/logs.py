"""The daemon's own log: one line for each record, as text or JSON, with the record's fields.

    time="2026-01-02T03:04:05.678Z" level=info msg="listening" address=unix:///run/x

Fields come from `extra={...}`. A value can hold no line break and no quote that is not escaped,
so what a client sends cannot forge a line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from time import gmtime, strftime
from typing import TextIO

__all__ = ["LEVELS", "set_up_logging"]

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.WARNING: "warning"}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_BARE = re.compile(r"[A-Za-z0-9._:/@+-]+")


def _facts(record: logging.LogRecord) -> dict[str, str]:
    facts = {
        "time": strftime("%Y-%m-%dT%H:%M:%S", gmtime(record.created)) + f".{record.msecs:03.0f}Z",
        "level": _NAMES.get(record.levelno, "info"),
        "msg": record.getMessage(),
    }
    for name, value in vars(record).items():
        if name not in _STANDARD:
            facts[name] = str(value)
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        facts["error"] = f"{type(error).__name__}: {error}"
        facts["traceback"] = "".join(traceback.format_exception(error))
    return facts


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = _facts(record)
        trace = facts.pop("traceback", "")
        line = " ".join(
            f"{name}={value if _BARE.fullmatch(value) else json.dumps(value)}"
            for name, value in facts.items()
        )
        # A traceback stays readable; each of its lines is marked as a part of the record.
        return line + "".join(f"\n  | {part}" for part in trace.splitlines())


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_facts(record))


def set_up_logging(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send records from `level` up to `stream` (standard error) as `form`: text or json."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
