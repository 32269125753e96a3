"""The section `proxy` of the configuration: which upstream, and how it is asked."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument
from baleen.registry.configuration import seconds
from baleen.registry.proxy.cache import Cache
from baleen.registry.proxy.upstream_client import Login, UpstreamClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.registry.watching.numbers import Numbers

__all__ = ["Proxy", "make_cache"]


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `proxy`; the first three names are those of distribution.

    Attributes:
        remoteurl: of the upstream; empty for no cache.
        username: at the upstream.
        password: at the upstream.
        passwordfile: holds the password instead.
        tagttl: how long a tag is served without asking the upstream.
        ca: a file with the authorities of the upstream's certificate; the system's without it.
        shareprivate: without `auth` of our own, serve what only our login may see to everybody.
    """

    remoteurl: str = ""
    username: str = ""
    password: str = ""
    passwordfile: str = ""
    tagttl: str = "60s"
    ca: str = ""
    shareprivate: bool = False


def make_cache(
    proxy: Proxy,
    *,
    has_auth: bool,
    spool: str | None,
    metrics: Numbers,
    complain: Callable[[str], None],
) -> Cache | None:
    """Return the cache that the section asks for, or None.

    Raises:
        InvalidArgument: with the key that is wrong.
    """
    if not proxy.remoteurl:
        return None
    tag_ttl_s = seconds(proxy.tagttl, "proxy.tagttl")
    password = proxy.password
    try:
        if proxy.passwordfile:
            password = Path(proxy.passwordfile).read_text().strip()
        context = ssl.create_default_context(cafile=proxy.ca) if proxy.ca else None
    except (OSError, ValueError) as err:
        raise InvalidArgument(f"proxy: passwordfile or ca cannot be used: {err}") from err
    if bool(proxy.username) != bool(password):
        raise InvalidArgument("proxy.username and its password belong together")
    login = Login(proxy.username, password)
    asks_what_is_public = bool(proxy.username) and not has_auth and not proxy.shareprivate
    return Cache(
        UpstreamClient(proxy.remoteurl, login, context=context),
        UpstreamClient(proxy.remoteurl, Login(), context=context) if asks_what_is_public else None,
        tag_ttl_s=tag_ttl_s,
        spool=spool,
        metrics=metrics,
        complain=complain,
    )
