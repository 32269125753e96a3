"""The grammar of CDI names: vendor, class and device.

See: CDI specification, "Kind" and "CDI Devices".
"""

from __future__ import annotations

import re
from typing import Final

from baleen.errors import InvalidArgument

__all__ = ["check_device_name", "check_kind", "is_qualified_name"]

_INNER: Final = r"(?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_KIND: Final = re.compile(rf"[A-Za-z]{_INNER}/[A-Za-z]{_INNER}", re.ASCII)
_DEVICE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?", re.ASCII)
_MAX_LENGTH: Final = 512


def check_kind(kind: str) -> None:
    """Check "vendor/class"; raises InvalidArgument."""
    if len(kind) > _MAX_LENGTH or _KIND.fullmatch(kind) is None:
        raise InvalidArgument(f'invalid kind "{kind[:128]}": want vendor/class')


def check_device_name(name: str) -> None:
    """Check the part behind "="; raises InvalidArgument."""
    if len(name) > _MAX_LENGTH or _DEVICE.fullmatch(name) is None:
        raise InvalidArgument(f'invalid device name "{name[:128]}"')


def is_qualified_name(text: str) -> bool:
    """Whether `text` is "vendor/class=name"; a path of the host never is."""
    kind, equals, name = text.partition("=")
    if not equals or len(text) > _MAX_LENGTH:
        return False
    return _KIND.fullmatch(kind) is not None and _DEVICE.fullmatch(name) is not None
