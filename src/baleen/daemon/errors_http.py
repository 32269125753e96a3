"""The one place where the exception tree becomes HTTP statuses and bodies.

An exception that is not of our tree is a bug: the client gets 500 with a request id, the log
gets the traceback under that id, and nothing of the traceback leaves the daemon.

See: moby `daemon/server/httpstatus/status.go`.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
from typing import Final

import msgspec

from baleen import errors
from baleen.daemon.http_messages import Response

__all__ = ["note", "plain", "respond", "status_of"]

_log = logging.getLogger(__name__)

_STATUS: Final[tuple[tuple[type[errors.BaleenError], int], ...]] = (
    (errors.InvalidArgument, 400),
    (errors.NotModified, 304),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.FailedPrecondition, 409),
    (errors.Unauthorized, 401),
    (errors.PermissionDenied, 403),
    (errors.ResourceExhausted, 500),
    (errors.Unavailable, 503),
    (errors.NotImplemented, 501),
    (errors.DataLoss, 500),
    (errors.Internal, 500),
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_COMMAND_EXIT_CODES = (126, 127)
_requests = itertools.count(1)


def status_of(err: errors.BaleenError) -> int:
    """Return the HTTP status for an error of our tree."""
    if isinstance(err, errors.StartFailed):
        # dockerd blames the request when the command is missing or cannot be executed.
        return 400 if err.exit_code in _COMMAND_EXIT_CODES else 500
    return next((status for kind, status in _STATUS if isinstance(err, kind)), 500)


def respond(err: Exception, method: str, path: str) -> Response:
    """Return the answer for whatever a handler raised, and log what people must look at."""
    if isinstance(err, OSError) and err.errno in _FULL:
        where = f": {err.filename}" if err.filename else ""
        err = errors.ResourceExhausted(f"no space left on device{where}")
    if isinstance(err, errors.BaleenError):
        status = status_of(err)
        if status == 500:
            _log.error("handler failed", extra={"request": f"{method} {path}"}, exc_info=err)
        else:
            _log.debug(
                "handler refused",
                extra={"request": f"{method} {path}", "status": status, "error": str(err)},
            )
        return plain(status, str(err))
    return plain(500, f"internal error, see the daemon's log for request {note(err, method, path)}")


def note(err: Exception, method: str, path: str) -> str:
    """Log an exception that nobody expected; return the id it is logged under."""
    request_id = f"{os.getpid():x}-{next(_requests):x}"
    _log.error(
        "request failed unexpectedly",
        extra={"request_id": request_id, "request": f"{method} {path}"},
        exc_info=err,
    )
    return request_id


def plain(status: int, message: str) -> Response:
    """Return an answer with Docker's error body; text that is not UTF-8 is made so."""
    if status == 304:
        return Response(304)
    text = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Response(status, msgspec.json.encode({"message": text}) + b"\n")
