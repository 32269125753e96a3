"""What the section `auth` comes to: a gate, and perhaps an issuer.

Apart from `section`, which loads what passwords and tokens need: a registry without `auth` has no
use for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument
from baleen.registry.auth.accounts import EverybodyMay
from baleen.registry.auth.rights import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.registry.access import Access
    from baleen.registry.auth.accounts import Rights
    from baleen.registry.auth.issuer import Issuer

__all__ = ["Admission", "required", "rights_of"]


@dataclass(frozen=True, slots=True)
class Admission:
    """What a configuration asks for.

    Attributes:
        access: the gate.
        issuer: answers for tokens in this process, or None.
        jwks: its public keys.
        is_open: there is no `auth` at all.
        close: releases threads and files.
    """

    access: Access
    issuer: Issuer | None = None
    jwks: bytes = b""
    is_open: bool = False
    close: Callable[[], None] = lambda: None


def rights_of(policy: str, complain: Callable[[str], None]) -> Rights:
    """Return the rights of a policy file; without one each account may do everything."""
    return PolicyFile(Path(policy), complain=complain) if policy else EverybodyMay()


def required(key: str, path: str) -> Path:
    """Return the path that `key` of the configuration has.

    Raises:
        InvalidArgument: it has none.
    """
    if not path:
        raise InvalidArgument(f"{key} is missing")
    return Path(path)
