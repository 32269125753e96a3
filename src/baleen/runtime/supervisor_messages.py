"""Fields of the requests to a supervisor, checked, and what it says of errors. See `supervisor`."""

from __future__ import annotations

import binascii

from baleen.errors import InvalidArgument
from baleen.runtime.execs import AttachOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.protocol import Message

__all__ = ["attach_options", "describe", "flag", "integer"]


def describe(err: Exception) -> Message:
    """Return the error object of a reply."""
    return {
        "stage": str(getattr(err, "stage", "request")),
        "errno": getattr(err, "errno", None) or 0,
        "message": str(err),
        "exit_code": getattr(err, "exit_code", 0),
    }


def integer(message: Message, name: str) -> int:
    """Return a field that has to be an integer (InvalidArgument)."""
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument(f"{name}: an integer is needed")
    return value


def flag(message: Message, name: str) -> bool:
    """Return a field that is true, false or absent (InvalidArgument)."""
    value = message.get(name, False)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name}: true or false is needed")
    return value


def attach_options(attach: object, message: Message) -> AttachOptions:
    """Return what the client asked for (InvalidArgument).

    An exec has its detach keys beside `attach`.
    """
    if not isinstance(attach, dict):
        raise InvalidArgument("attach: an object is needed")
    try:
        early = binascii.a2b_base64(str(attach.get("early") or ""), strict_mode=True)
    except ValueError as err:
        raise InvalidArgument(f"early: {err}") from err
    return AttachOptions(
        stdin=flag(attach, "stdin"),
        stdout=flag(attach, "stdout"),
        stderr=flag(attach, "stderr"),
        framed=flag(attach, "framed"),
        early=early,
        detach_keys=str(message.get("detach_keys") or ""),
    )
