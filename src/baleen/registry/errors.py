"""What a registry answers when it refuses: codes, their statuses, and the body.

    {"errors": [{"code": "BLOB_UNKNOWN", "message": "...", "detail": ...}]}

`CODES` is the one table that knows which status belongs to which code, and `from_error` the one
place where an error of the tree becomes an answer.

See: OCI distribution-spec spec.md, "Error Codes"; distribution's api.md, "Errors".
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from baleen.errors import BaleenError, InvalidArgument, ResourceExhausted, Unavailable

__all__ = ["ApiError", "Code", "body_of", "from_error"]


class Code(StrEnum):
    """The codes of the specification, and those of Docker's registry that clients know."""

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    BLOB_UPLOAD_INVALID = "BLOB_UPLOAD_INVALID"
    BLOB_UPLOAD_UNKNOWN = "BLOB_UPLOAD_UNKNOWN"
    DENIED = "DENIED"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_BLOB_UNKNOWN = "MANIFEST_BLOB_UNKNOWN"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_INVALID = "NAME_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    PAGINATION_NUMBER_INVALID = "PAGINATION_NUMBER_INVALID"
    RANGE_INVALID = "RANGE_INVALID"
    SIZE_INVALID = "SIZE_INVALID"
    TAG_INVALID = "TAG_INVALID"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    UNAUTHORIZED = "UNAUTHORIZED"
    UNAVAILABLE = "UNAVAILABLE"
    UNKNOWN = "UNKNOWN"
    UNSUPPORTED = "UNSUPPORTED"


CODES: dict[Code, tuple[int, str]] = {
    Code.BLOB_UNKNOWN: (404, "blob unknown to registry"),
    Code.BLOB_UPLOAD_INVALID: (400, "blob upload invalid"),
    Code.BLOB_UPLOAD_UNKNOWN: (404, "blob upload unknown to registry"),
    Code.DENIED: (403, "requested access to the resource is denied"),
    Code.DIGEST_INVALID: (400, "provided digest did not match uploaded content"),
    Code.MANIFEST_BLOB_UNKNOWN: (400, "manifest references a manifest or blob unknown to registry"),
    Code.MANIFEST_INVALID: (400, "manifest invalid"),
    Code.MANIFEST_UNKNOWN: (404, "manifest unknown to registry"),
    Code.NAME_INVALID: (400, "invalid repository name"),
    Code.NAME_UNKNOWN: (404, "repository name not known to registry"),
    Code.PAGINATION_NUMBER_INVALID: (400, "invalid number of results requested"),
    Code.RANGE_INVALID: (416, "invalid content range"),
    Code.SIZE_INVALID: (400, "provided length did not match content length"),
    Code.TAG_INVALID: (400, "manifest tag did not match URI"),
    Code.TOOMANYREQUESTS: (429, "too many requests"),
    Code.UNAUTHORIZED: (401, "authentication required"),
    Code.UNAVAILABLE: (503, "service unavailable"),
    Code.UNKNOWN: (500, "unknown error"),
    Code.UNSUPPORTED: (405, "the operation is unsupported"),
}


class ApiError(BaleenError):
    """A refusal of the registry.

    Attributes:
        code: what goes into the body.
        status: of the answer; the code's own unless given.
        detail: JSON data that helps the client, or None.
        headers: more headers of the answer, such as `WWW-Authenticate`; names in lower case.
    """

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        detail: object = None,
        status: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        own_status, own_message = CODES[code]
        super().__init__(message or own_message)
        self.code = code
        self.status = status or own_status
        self.detail = detail
        self.headers = headers or {}


def body_of(error: ApiError) -> bytes:
    """Return the JSON that describes `error`."""
    entry: dict[str, object] = {"code": error.code.value, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    return msgspec.json.encode({"errors": [entry]}, enc_hook=str)


def from_error(error: BaleenError) -> ApiError:
    """Return the answer for an error of the tree that no handler has turned into one."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InvalidArgument):
        return ApiError(Code.MANIFEST_INVALID, error.message)
    if isinstance(error, ResourceExhausted):
        return ApiError(Code.UNKNOWN, error.message, status=507)
    if isinstance(error, Unavailable):
        return ApiError(Code.UNAVAILABLE, error.message, headers={"retry-after": "1"})
    return ApiError(Code.UNKNOWN)
