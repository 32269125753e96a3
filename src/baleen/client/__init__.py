"""A synchronous client of the Docker Engine API on plain sockets.

An *endpoint* says where an engine listens (unix socket, TCP with or without TLS, ssh). A *context*
is Docker's named endpoint on disk. A *connection* carries one HTTP/1.1 exchange at a time; a
*hijacked stream* is a connection that stopped speaking HTTP and carries a container's bytes.

    selection ── endpoint ──► transport ── socket ──► http ── Response ──► client.EngineClient
    contexts ──┘                                                            multiplex, jsonstream

Nothing here knows a command line or prints. A process that talks to an engine once must start
fast, therefore no asyncio, no `http.client`, no `ssl` unless the endpoint asks for TLS, and this
package imports nothing by itself: import the module you need.
"""

from __future__ import annotations

__all__: list[str] = []
