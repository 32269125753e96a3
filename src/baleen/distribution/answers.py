"""What a registry's refusal means: its codes and statuses as our errors, in dockerd's words.

The details of such an error hold `code` (`MANIFEST_UNKNOWN`), `status` and, where the registry
gave one, `retry-after` in seconds. Text of the registry is shown without control characters and
only so much of it.

See: OCI distribution-spec spec.md, "Error Codes"; distribution's registry/client/errors.go.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.errors import (
    BaleenError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from baleen.distribution.challenges import Challenge

__all__ = ["Unreachable", "code_of", "refusal", "retry_after_s", "status_of", "transient"]

_TEXT_LIMIT = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

_CLASSES: dict[str, type[BaleenError]] = {
    "UNAUTHORIZED": Unauthorized,
    "DENIED": PermissionDenied,
    "NAME_UNKNOWN": NotFound,
    "MANIFEST_UNKNOWN": NotFound,
    "BLOB_UNKNOWN": NotFound,
    "TOOMANYREQUESTS": Unavailable,
    "UNAVAILABLE": Unavailable,
}
_MESSAGES = {
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
    "NAME_UNKNOWN": "repository name not known to registry",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "BLOB_UNKNOWN": "blob unknown to registry",
    "TOOMANYREQUESTS": "too many requests",
}
_BY_STATUS = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}


class Unreachable(Unavailable):
    """No answer at all: the message has URL, stage and cause.

    Attributes:
        speaks_http: an insecure registry should be tried by plain HTTP.
        untrusted: its certificate was refused.
        dialing: there was no connection yet.
        final: asking again does not help; of `dialing` where nobody has answered before.
    """

    def __init__(
        self,
        message: str,
        *,
        speaks_http: bool = False,
        untrusted: bool = False,
        dialing: bool = False,
    ) -> None:
        super().__init__(message)
        self.speaks_http = speaks_http
        self.untrusted = untrusted
        self.dialing = dialing
        self.final = untrusted


class _Error(msgspec.Struct):
    code: str = ""
    message: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error] | None = None
    details: Any = None


def refusal(
    status: int, reason: str, challenges: list[Challenge], body: bytes, retry_after: str = ""
) -> BaleenError:
    """Return the error that an answer of status 400 or more means."""
    details = {"status": str(status)}
    if retry_after:
        details["retry-after"] = retry_after
    if status >= 500:
        return Unavailable(
            f"received unexpected HTTP status: {status} {shown(reason)}".rstrip(), details=details
        )
    errors = _parse(status, challenges, body)
    if not errors:
        kind: type[BaleenError] = NotFound if status == 404 else InvalidArgument
        return kind(
            f'error parsing HTTP {status} response body: not the JSON of a registry: "'
            f'{shown(body[:200].decode("utf-8", "replace"))}"',
            details=details,
        )
    details["code"] = errors[0][0]
    texts = [f"{code.lower().replace('_', ' ')}: {message}" for code, message in errors]
    text = texts[0] if len(texts) == 1 else "errors:\n" + "".join(f"{text}\n" for text in texts)
    return _CLASSES.get(errors[0][0], InvalidArgument)(text, details=details)


def _parse(status: int, challenges: list[Challenge], body: bytes) -> list[tuple[str, str]]:
    """Return pairs of code and message; empty when neither status nor body say anything."""
    for challenge in challenges if status == 401 else ():
        # What a token lacks is said there (RFC 6750, section 3.1), and the body is less exact.
        if challenge.scheme == "bearer" and challenge.get("error") == "insufficient_scope":
            return [("DENIED", _MESSAGES["DENIED"])]
    try:
        document = msgspec.json.decode(body, type=_Errors)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = _Errors()
    if document.errors:
        return [
            (_code(error.code), shown(error.message or "") or _MESSAGES.get(error.code, "unknown"))
            for error in document.errors[:8]
        ]
    code = _BY_STATUS.get(status)
    if code is None:
        return []
    details = document.details if isinstance(document.details, str) else ""
    return [(code, shown(details) or _MESSAGES[code])]


def _code(text: str) -> str:
    return text if re.fullmatch(r"[A-Z_]{1,40}", text) else "UNKNOWN"


def shown(text: str) -> str:
    """Return text of a registry as it may stand in a message."""
    return _CONTROL.sub(" ", text[:_TEXT_LIMIT]).strip()


def code_of(err: BaleenError) -> str:
    """Return the registry's code of an error, or an empty string."""
    return err.details.get("code", "")


def status_of(err: BaleenError) -> int:
    """Return the HTTP status that an error came with, or 0."""
    return int(err.details.get("status", "0"))


def transient(err: BaleenError) -> bool:
    """Say whether the same request may succeed in a while."""
    if isinstance(err, Unreachable):
        return not err.final
    return status_of(err) in _TRANSIENT


def retry_after_s(err: BaleenError) -> float | None:
    """Return how long the registry asked to wait, or None.

    See: RFC 9110, section 10.2.3.
    """
    text = err.details.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
