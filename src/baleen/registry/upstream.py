"""The seam of the pull-through cache: a registry from which missing content is fetched.

An application with an `Upstream` refuses every write with 405 UNSUPPORTED. Before it answers a GET
or HEAD it lets the upstream make local what was asked for; then it serves what is local, so that
limits, ranges and conditions are the same in both modes. The upstream writes through `Contents`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.oci.digest import Digest
    from baleen.registry.access import Actor
    from baleen.registry.contents import Contents

__all__ = ["Incoming", "Upstream"]


class Incoming(Protocol):
    """A blob that is still on its way; many requests may read the same one."""

    @property
    def size(self) -> int:
        """Bytes of the whole blob, as the upstream says."""
        ...

    def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Give bytes from `start` to before `stop` as they come; ends early if the fetch fails."""
        ...


class Upstream(Protocol):
    """Fetches. Each method does nothing when what is local is good enough.

    Raises:
        ApiError: UNAVAILABLE when the upstream cannot be asked and nothing local will do.
    """

    async def manifest(
        self, repository: str, reference: Digest | str, contents: Contents, actor: Actor
    ) -> None:
        """Make the manifest, and the tag if `reference` is one, local and fresh.

        A manifest that neither side has stays absent: the application answers MANIFEST_UNKNOWN.
        """
        ...

    async def blob(
        self, repository: str, digest: Digest, contents: Contents, actor: Actor
    ) -> Incoming | None:
        """Make the blob local, or return it on its way; None when local or when nobody has it."""
        ...

    async def tags(self, repository: str, contents: Contents, actor: Actor) -> list[str] | None:
        """Return the upstream's tags in order; None to serve the local ones."""
        ...
