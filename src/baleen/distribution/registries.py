"""The registry client as the engine calls it.

All calls block and may be made from any thread; each may be given a `Cancellation` that ends it
from another. Nothing is kept between calls but downloads that are under way, so settings and
certificates that change are used by the next call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.distribution.blobs import Downloads
from baleen.distribution.cancellation import Cancellation
from baleen.distribution.pulling import Hooks, Pull
from baleen.distribution.repository import Repository
from baleen.errors import BaleenError

if TYPE_CHECKING:
    from baleen.content.store import ContentStore, Lease
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.documents import Document
    from baleen.distribution.pulling import Pulled
    from baleen.distribution.settings import RegistrySettings
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["Registries"]


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
