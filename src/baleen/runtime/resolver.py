"""The DNS server of one container, at 127.0.0.11:53 of its network namespace.

Life cycle, in the supervisor's poll loop:

    resolver = Resolver(netns, names_path=..., upstream=[...], forward=True)
    loop: poll(resolver.fds(), timeout=min(..., resolver.next_timeout()))
          for each readable fd, and also when the timeout passed: resolver.on_readable(fd)
    resolver.close()        # at the container's end

`fds()` is one epoll descriptor that never changes, so it can be registered once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.linux.fd import Fd

__all__ = ["Resolver"]


class Resolver:
    """Answers names of the container's networks, forwards the rest; never blocks.

    Raises:
        OSError: the sockets or the redirect could not be set up in the namespace.
    """

    def __init__(
        self, netns: Fd, *, names_path: str, upstream: Sequence[str], forward: bool
    ) -> None:
        """Listen in `netns` (stays the caller's); forward from the caller's own namespace.

        `upstream` empty: follow the host's resolv.conf, also when it changes. `forward` False
        (internal networks): names we do not know do not leave the host.
        """
        raise NotImplementedError

    def fds(self) -> list[int]:
        """Descriptors to poll for input: always the same one."""
        raise NotImplementedError

    def on_readable(self, fd: int) -> None:
        """Do all work that is due: input, output and expired timers. Also call it on timeout."""
        raise NotImplementedError

    def next_timeout(self) -> float | None:
        """Seconds until a timer is due, or None when there is none."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all descriptors; the redirect dies with the namespace."""
        raise NotImplementedError
