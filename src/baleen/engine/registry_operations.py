"""What the API asks of registries besides images: login, search, inspection.

See: Engine API, SystemAuth, ImageSearch, DistributionInspect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.registries import AuthResponse, DistributionInspect, ImageSearchResult
from baleen.distribution.credentials import Credentials
from baleen.engine.descriptor_views import descriptor_view, platform_view
from baleen.engine.registry_access import credentials_of
from baleen.oci.image import CONFIG_LIMIT, parse_image_config
from baleen.oci.manifest import Index
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.api.registries import AuthConfig
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.documents import Document
    from baleen.engine.registry_access import RegistryAccess
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["INDEX_SERVER", "RegistryOperations"]

INDEX_SERVER = "https://index.docker.io/v1/"


class RegistryOperations:
    """Asks registries on behalf of one request each; nothing is kept."""

    def __init__(self, access: RegistryAccess) -> None:
        self._access = access

    async def login(self, auth: AuthConfig) -> AuthResponse:
        """Check credentials with a registry; may return an identity token instead of them.

        Raises:
            Unauthorized: they are wrong; the registry's words.
        """
        server = auth.serveraddress or INDEX_SERVER
        # No name is a login too: the registry says whether it lets anybody in.
        credentials = credentials_of(auth) or Credentials()

        def ask(cancel: Cancellation) -> AuthResponse:
            found = self._access.client.login(server, credentials, cancel=cancel)
            return AuthResponse(status=found.status, identity_token=found.identity_token)

        return await self._access.run(ask)

    async def search(
        self, term: str, *, limit: int, filters: Mapping[str, Sequence[str]], auth: AuthConfig
    ) -> list[ImageSearchResult]:
        """Search Docker Hub, or the registry that the term begins with; 0 for the usual number.

        Raises:
            InvalidArgument: the limit or a filter's value.
        """

        def ask(cancel: Cancellation) -> list[ImageSearchResult]:
            found = self._access.client.search(
                term,
                limit=limit,
                filters=filters,
                credentials=credentials_of(auth),
                cancel=cancel,
            )
            return [
                ImageSearchResult(
                    name=result.name,
                    description=result.description or "",
                    star_count=result.star_count,
                    is_official=result.is_official,
                    is_automated=result.is_automated,
                )
                for result in found
            ]

        return await self._access.run(ask)

    async def inspect(self, name: str, *, auth: AuthConfig) -> DistributionInspect:
        """Return an image's descriptor and platforms as its registry has them; pulls nothing.

        Raises:
            InvalidArgument: not a name.
            NotFound, Unauthorized, Unavailable: what the registry says.
        """
        reference = parse_reference(name).with_default_tag()

        def ask(cancel: Cancellation) -> DistributionInspect:
            document = self._access.client.resolve(
                reference, credentials=credentials_of(auth), cancel=cancel
            )
            return DistributionInspect(
                descriptor=descriptor_view(document.descriptor),
                platforms=[
                    platform_view(platform)
                    for platform in self._platforms(document, reference, auth, cancel)
                ],
            )

        return await self._access.run(ask)

    def _platforms(
        self, document: Document, reference: Reference, auth: AuthConfig, cancel: Cancellation
    ) -> list[Platform]:
        content = document.content
        if isinstance(content, Index):
            return [child.platform for child in content.manifests if child.platform is not None]
        raw = self._access.client.blob(
            reference,
            content.config,
            limit=CONFIG_LIMIT,
            credentials=credentials_of(auth),
            cancel=cancel,
        )
        return [parse_image_config(raw).platform]
