"""The registry client as the engine calls it.

All calls block and may be made from any thread; each may be given a `Cancellation` that ends it
from another. Nothing is kept between calls but downloads that are under way, so settings and
certificates that change are used by the next call.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from baleen.distribution.blobs import Downloads
from baleen.distribution.cancellation import Cancellation
from baleen.distribution.hosts import endpoints, login_domain, search_ways
from baleen.distribution.login import log_in
from baleen.distribution.progress import silent
from baleen.distribution.pulling import Hooks, Pull
from baleen.distribution.pushing import Push
from baleen.distribution.repository import Repository, addresses_of
from baleen.distribution.searching import parse_search_filters, search_at, split_term
from baleen.distribution.tags import list_tags
from baleen.errors import BaleenError, DataLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.documents import Document
    from baleen.distribution.login import Login
    from baleen.distribution.progress import Progress
    from baleen.distribution.pulling import Pulled
    from baleen.distribution.searching import SearchResult
    from baleen.distribution.settings import RegistrySettings
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["Registries"]


def _nowhere(descriptor: Descriptor) -> Sequence[str]:
    del descriptor
    return ()


class Registries:
    """One for a daemon.

    Args:
        settings: used by the calls that begin from now on.
        content: where blobs come from and go to.
    """

    def __init__(self, settings: RegistrySettings, content: ContentStore) -> None:
        self._settings = settings
        self._content = content
        self._downloads = Downloads(content)

    def replace(self, settings: RegistrySettings) -> None:
        """Use other settings for the calls to come."""
        self._settings = settings

    def resolve(
        self,
        reference: Reference,
        *,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
    ) -> Document:
        """Return the manifest or index that a reference means, verified; nothing is stored."""
        cancel = cancel or Cancellation()
        with Repository(self._settings, reference, credentials, cancel) as repository:
            name = reference.digest or reference.tag or "latest"
            try:
                return repository.document(str(name), cancel)
            except BaleenError as err:
                raise repository.explain(err) from err

    def blob(
        self,
        reference: Reference,
        descriptor: Descriptor,
        *,
        limit: int,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
    ) -> bytes:
        """Return a small blob, verified; nothing is stored.

        Raises:
            DataLoss: it is larger than `limit` bytes, or not what its descriptor says.
        """
        cancel = cancel or Cancellation()
        if descriptor.size > limit:
            raise DataLoss(f"blob {descriptor.digest} is larger than {limit} bytes")
        with Repository(self._settings, reference, credentials, cancel) as repository:
            try:
                return repository.small_blob(descriptor, cancel)
            except BaleenError as err:
                raise repository.explain(err) from err

    def tags(
        self,
        reference: Reference,
        *,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
    ) -> list[str]:
        """Return all tags of the repository, in the registry's order."""
        cancel = cancel or Cancellation()
        with Repository(self._settings, reference, credentials, cancel) as repository:
            try:
                return list_tags(repository, cancel)
            except BaleenError as err:
                raise repository.explain(err) from err

    def pull(
        self,
        reference: Reference,
        lease: Lease,
        *,
        platform: Platform | None,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
        hooks: Hooks | None = None,
    ) -> Pulled:
        """Bring an image into the content store under `lease`; see `Pull.run`.

        `platform` chooses from an index; None takes all of it.
        """
        cancel = cancel or Cancellation()
        with Repository(self._settings, reference, credentials, cancel) as repository:
            pull = Pull(repository, self._content, self._downloads, lease, cancel, hooks or Hooks())
            return pull.run(platform)

    def fetch(
        self,
        reference: Reference,
        blobs: Sequence[Descriptor],
        lease: Lease,
        *,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
    ) -> None:
        """Bring single blobs of a repository into the content store under `lease`."""
        cancel = cancel or Cancellation()
        with Repository(self._settings, reference, credentials, cancel) as repository:
            pull = Pull(repository, self._content, self._downloads, lease, cancel, Hooks())
            pull.fetch(blobs)

    def push(
        self,
        reference: Reference,
        target: Descriptor,
        *,
        platform: Platform | None = None,
        mount_from: Callable[[Descriptor], Sequence[str]] = _nowhere,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
        progress: Progress = silent,
    ) -> Descriptor:
        """Push what `target` leads to as the tag of `reference`; see `Push.run`.

        The caller holds a lease, so that nothing of it is collected meanwhile. `mount_from` gives
        the paths of repositories of the same registry where a blob may be already.
        """
        cancel = cancel or Cancellation()
        with Repository(self._settings, reference, credentials, cancel, push=True) as repository:
            push = Push(repository, self._content, mount_from, cancel, progress)
            return push.run(target, reference.tag or "latest", platform)

    def login(
        self, server: str, credentials: Credentials, *, cancel: Cancellation | None = None
    ) -> Login:
        """Try credentials at a registry (an address, a URL, or empty for Docker Hub).

        Raises:
            Unauthorized, Unreachable: see `log_in`.
        """
        cancel = cancel or Cancellation()
        lookup = partial(addresses_of, self._settings, cancel)
        ways = endpoints(self._settings, login_domain(server), lookup, push=True)
        return log_in(self._settings, ways, credentials, cancel)

    def search(
        self,
        term: str,
        *,
        limit: int = 0,
        filters: Mapping[str, Sequence[str]] | None = None,
        credentials: Credentials | None = None,
        cancel: Cancellation | None = None,
    ) -> list[SearchResult]:
        """Return what a registry (Docker Hub, or the one that `term` begins with) finds.

        `limit` is 1 to 100, 0 gives 25; filters are `is-official`, `is-automated` and `stars`.
        """
        cancel = cancel or Cancellation()
        official, automated, stars = parse_search_filters(filters or {})
        domain, name = split_term(term)
        ways = search_ways(self._settings, domain, partial(addresses_of, self._settings, cancel))
        found = search_at(self._settings, ways, name, limit, credentials, cancel)
        return [
            result
            for result in found
            if (result.is_official or not official)
            and (result.is_automated or not automated)
            and result.star_count >= stars
        ]
