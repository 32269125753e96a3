"""Registries on the wire: credentials, login, search, inspection.

See: Engine API v1.55, /auth, /images/search, /distribution/{name}/json, "Authentication".
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from msgspec import field

from baleen.api.images import OCIDescriptor, OCIPlatform
from baleen.api.wire import Int, Wire, decode
from baleen.errors import InvalidArgument

__all__ = [
    "AuthConfig",
    "AuthResponse",
    "DistributionInspect",
    "ImageSearchResult",
    "decode_auth_header",
]


class AuthConfig(Wire, frozen=True, rename="lower"):
    """Who asks, and how that is proved; tokens go before the password.

    `auth` is base64 of `user:password`, as config.json has it; only old clients send it.
    """

    username: str = ""
    password: str = ""
    auth: str = ""
    email: str = ""
    serveraddress: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class AuthResponse(Wire, frozen=True):
    """Answer of /auth."""

    status: str = ""
    identity_token: str = ""


class DistributionInspect(Wire, frozen=True):
    """Answer of /distribution/{name}/json."""

    descriptor: OCIDescriptor = OCIDescriptor()
    platforms: list[OCIPlatform] = field(default_factory=list)


class ImageSearchResult(Wire, frozen=True, rename=None):
    """One result of /images/search."""

    star_count: Int = 0
    is_official: bool = False
    name: str = ""
    is_automated: bool = False
    description: str = ""


def decode_auth_header(text: str) -> AuthConfig:
    """Return what `X-Registry-Auth` says: base64url of a JSON object, padded or not.

    Raises:
        InvalidArgument: `invalid X-Registry-Auth header`.
    """
    if not text:
        return AuthConfig()
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        # Some clients use the other alphabet.
        raw = base64.b64decode(padded.replace("+", "-").replace("/", "_"), "-_", validate=True)
        return decode(AuthConfig, raw)
    except (InvalidArgument, binascii.Error, msgspec.MsgspecError, ValueError) as err:
        raise InvalidArgument("invalid X-Registry-Auth header") from err
