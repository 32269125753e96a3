"""The `Authorization` header, and the challenges that ask for it.

A realm comes from the configuration, never from `Host` or a forwarded header: who could choose it
would be sent other people's passwords.

See: RFC 9110 §11; RFC 7617 (Basic); RFC 6750 (Bearer).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import Unauthorized
from baleen.registry.auth.scopes import Scope, format_scopes

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Basic", "Bearer", "basic_challenge", "bearer_challenge", "parse_credentials"]


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token."""

    token: str


def parse_credentials(header: str | None) -> Basic | Bearer | None:
    """Parse an `Authorization` header; None if there is none, or an empty user and password.

    Raises:
        Unauthorized: it is malformed or of another scheme.
    """
    if header is None or not header.strip():
        return None
    scheme, _, rest = header.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return Bearer(rest)
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(rest, validate=True).decode()
        except (ValueError, binascii.Error) as err:
            raise Unauthorized("invalid authorization credential") from err
        user, colon, password = text.partition(":")
        if text == ":":
            # What skopeo sends when it was asked for a password and has none.
            return None
        if colon:
            return Basic(user, password)
    raise Unauthorized("invalid authorization credential")


def basic_challenge(realm: str) -> str:
    """Ask for a password."""
    return f"Basic realm={_quoted(realm)}"


def bearer_challenge(
    realm: str, service: str, wanted: Iterable[Scope], *, error: str | None = None
) -> str:
    """Ask for a token of `realm` for `service` that holds what is `wanted`.

    Args:
        realm: URL of the issuer.
        service: the audience.
        wanted: may be empty, as for `GET /v2/`.
        error: `invalid_token` or `insufficient_scope`, when there was a token.
    """
    parts = [f"realm={_quoted(realm)}", f"service={_quoted(service)}"]
    scopes = format_scopes(wanted)
    if scopes:
        parts.append(f"scope={_quoted(scopes)}")
    if error is not None:
        parts.append(f"error={_quoted(error)}")
    return "Bearer " + ",".join(parts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
