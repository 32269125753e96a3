"""The one exception tree of Baleen: classes of what the caller can do about it.

    BaleenError
    ├── InvalidArgument      the request is malformed; change it
    ├── NotModified          nothing to do, it is already so
    ├── NotFound             the named thing does not exist
    ├── Conflict             another object or state is in the way
    │   └── AlreadyExists    that name or object is taken
    ├── FailedPrecondition   the object is not in a state that allows this
    ├── Unauthorized         who are you?
    ├── PermissionDenied     you may not
    ├── ResourceExhausted    no space, no address, no descriptor left
    ├── Unavailable          try again later
    ├── NotImplemented       not built yet, or not supported on this host
    ├── DataLoss             stored content is corrupt
    └── Internal             a bug of ours or the kernel said something unexpected
        └── StartFailed      a container's or exec's process could not be started

Raised where the fact is known; turned into an HTTP status in `daemon` and into an exit code in
`cli`, each in one table. A message is lower case, names what was attempted and with which value,
and holds no secret; where clients match on Docker's wording, it is exactly that wording.
"""

from __future__ import annotations

__all__ = [
    "AlreadyExists",
    "BaleenError",
    "Conflict",
    "DataLoss",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "NotImplemented",
    "NotModified",
    "PermissionDenied",
    "ResourceExhausted",
    "StartFailed",
    "Unauthorized",
    "Unavailable",
]


class BaleenError(Exception):
    """Base of all errors that a user may see.

    Attributes:
        message: what went wrong, for a person.
        hint: what to do about it, or an empty string.
        details: machine-readable facts.
    """

    def __init__(
        self, message: str, *, hint: str = "", details: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class InvalidArgument(BaleenError):
    """The request is malformed or contradicts itself; repeating it unchanged cannot help."""


class NotModified(BaleenError):
    """The object already is in the wanted state; nothing was done."""


class NotFound(BaleenError):
    """The named object does not exist."""


class Conflict(BaleenError):
    """Another object, or the state of this one, is in the way."""


class AlreadyExists(Conflict):
    """The name or object is already taken."""


class FailedPrecondition(BaleenError):
    """The object is in a state in which this operation has no meaning."""


class Unauthorized(BaleenError):
    """The caller did not prove who it is."""


class PermissionDenied(BaleenError):
    """The caller is known but may not do this."""


class ResourceExhausted(BaleenError):
    """Something finite is used up: disk, addresses, ports, descriptors, a configured limit."""


class Unavailable(BaleenError):
    """The service or a part of it cannot answer now; a later try may succeed."""


class NotImplemented(BaleenError):  # noqa: A001  # the field's name for this class of error
    """This version, or this host's kernel, does not offer the operation."""


class DataLoss(BaleenError):
    """Stored or received content is corrupt: it does not have the digest or form it claims."""


class Internal(BaleenError):
    """A bug of ours, or an answer of the kernel that we did not expect."""


class StartFailed(Internal):
    """A process could not be started in its container.

    Attributes:
        exit_code: 126 when the command cannot be executed, 127 when it was not found, 128
            otherwise; what `docker run` reports and `docker inspect` shows.
    """

    def __init__(self, message: str, *, exit_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
