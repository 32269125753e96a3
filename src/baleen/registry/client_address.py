"""The address of a client behind a reverse proxy.

`X-Forwarded-For` is anybody's to write, so it is read only if the peer is one of the proxies that
the configuration names, and then from the right: the last address that is not such a proxy's is the
one that our own proxy has seen. Nothing else that a proxy forwards is looked at; URLs come from the
configuration.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.registry.messages import Asgi, Receive, Scope, Send

__all__ = ["ForwardedClient"]

_MOST_HOPS = 32


class ForwardedClient:
    """An application that sees the client's own address.

    Raises:
        InvalidArgument: one of `proxies` is neither an address nor a network.
    """

    def __init__(self, behind: Asgi, proxies: Iterable[str]) -> None:
        self._behind = behind
        try:
            self._proxies = [ipaddress.ip_network(text, strict=False) for text in proxies]
        except ValueError as err:
            raise InvalidArgument(f"http.trustedproxies: {err}") from err

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        peer = scope.get("client") if scope["type"] == "http" else None
        if peer and self._is_proxy(peer[0]):
            lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            hops = b",".join(lines).decode("latin-1").split(",")[-_MOST_HOPS:]
            for hop in reversed(hops):
                text = _address(hop.strip())
                if text is None:
                    break
                scope["client"] = (text, 0)
                if not self._is_proxy(text):
                    break
        await self._behind(scope, receive, send)

    def _is_proxy(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
