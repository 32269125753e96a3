"""`docker login`: are these credentials good for that registry?

See: moby's registry/auth.go; distribution's docs/spec/auth/oauth.md, "offline_token".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.distribution.answers import Unreachable
from baleen.distribution.exchange import Exchange, Target, error_of
from baleen.distribution.tokens import Authorizer
from baleen.errors import BaleenError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.settings import RegistrySettings

__all__ = ["Login", "log_in"]


@dataclass(frozen=True, slots=True)
class Login:
    """`identity_token` is to be kept instead of the password; empty where there is none."""

    status: str
    identity_token: str = field(default="", repr=False)


def log_in(
    settings: RegistrySettings,
    ways: Sequence[Endpoint],
    credentials: Credentials,
    cancel: Cancellation,
) -> Login:
    """Try the credentials at the first of the endpoints that answers.

    Raises:
        Unauthorized: `Get "https://x/v2/": unauthorized: ...`, in the registry's words.
        Unreachable: nobody is there; with URL, stage and cause.
        Cancelled: the caller gave up.
    """
    for place, endpoint in enumerate(ways):
        try:
            return _try(settings, endpoint, credentials, cancel)
        except Unreachable as err:
            if place + 1 == len(ways) or not err.speaks_http:
                raise
    raise AssertionError  # there is at least one


def _try(
    settings: RegistrySettings, endpoint: Endpoint, credentials: Credentials, cancel: Cancellation
) -> Login:
    target = Target(endpoint, f"{endpoint.prefix}/v2/")
    exchange = Exchange(settings)
    authorizer = Authorizer(exchange, credentials, identity=not credentials.identity_token)
    try:
        proof: dict[str, str] = {}
        for _ in range(2):
            reply = exchange.send(target, "GET", proof, cancel)
            try:
                if reply.status != 401 or not authorizer.challenged(endpoint, reply, proof):
                    break
                exchange.finish(reply)
                proof = authorizer.headers(endpoint, (), cancel)
            except Unauthorized as err:
                exchange.release(reply)
                raise Unauthorized(_at(target, err), details=err.details) from err
        if reply.status == 200:
            exchange.finish(reply)
            return Login("Login Succeeded", authorizer.refresh_token)
        refused = error_of(exchange, reply)
        status = f"{reply.status} {reply.reason}".rstrip()
        raise type(refused)(
            f"login attempt to {target.url} failed with status: {status}: {refused.message}",
            details=refused.details,
        )
    finally:
        exchange.close()


def _at(target: Target, err: BaleenError) -> str:
    return f'Get "{target.url}": {err.message}'
