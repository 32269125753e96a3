"""What a client knows of a user at one registry."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """As in `X-Registry-Auth`; secrets stay out of `repr`.

    Attributes:
        username, password: for basic authentication and for getting tokens.
        identity_token: of an earlier login; exchanged for access tokens instead of a password.
        registry_token: an access token, sent to the registry as it is.
        server: what the client believes them to be for; the caller has chosen by it.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    server: str = ""

    @property
    def has_password(self) -> bool:
        """Whether there is something for basic authentication."""
        return bool(self.username and self.password)
