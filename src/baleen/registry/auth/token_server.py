"""The issuer as a server of its own: `baleen registry issuer`, for registries elsewhere.

It reads the sections `http`, `http.tls` and `auth.issuer`. Registries that are to trust it get its
public keys from `/token/keys` (a JWKS, for `auth.token.jwks`) or from the file that
`auth.issuer.key` belongs to (for `rootcertbundle`).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.registry.auth.token_app import TokenApp
from baleen.registry.auth.token_section import IssuerSection, make_issuer
from baleen.registry.client_address import ForwardedClient
from baleen.registry.server import serve_application
from baleen.registry.wiring import trusted_proxies

if TYPE_CHECKING:
    from baleen.registry.messages import Asgi
    from baleen.registry.settings import Settings

__all__ = ["make_token_server", "serve_tokens"]

_LOG = logging.getLogger("baleen.registry")


def make_token_server(settings: Settings) -> Asgi:
    """Return the application.

    Raises:
        InvalidArgument: names the key of the configuration that is wrong.
        OSError: a file cannot be read or made.
    """
    section = settings.tree.section("auth.issuer", IssuerSection)
    made = make_issuer(section, Path(settings.storage.root), _LOG.warning)
    assert made.issuer is not None
    application: Asgi = TokenApp(made.issuer, made.jwks)
    proxies = trusted_proxies(settings)
    return ForwardedClient(application, proxies) if proxies else application


def serve_tokens(settings: Settings) -> int:
    """Serve until a signal; return the exit code.

    Raises:
        InvalidArgument, Unavailable: it cannot start as configured.
    """
    return serve_application(make_token_server(settings), settings, "issuer")
