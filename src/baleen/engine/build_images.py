"""Base images for builds: from the image store, or pulled as `docker pull` would.

See: `build.interfaces.ImageResolver`; Docker's `docker build --pull`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from baleen.api.registries import AuthConfig
from baleen.build.interfaces import ResolvedImage
from baleen.build.trees import Tree
from baleen.errors import InvalidArgument, NotFound
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from baleen.build.graph import ImageSource
    from baleen.build.interfaces import Report
    from baleen.build.session import Session
    from baleen.engine.pulling import Pulling
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.images.image import Image
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference

__all__ = ["SEND", "BuildImages", "registry_auth"]

SEND = "send"
"""The key in `Session.extra` of what takes messages for the client."""

_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


class BuildImages:
    """Finds and pulls base images."""

    def __init__(self, images: ImageStore, pulling: Pulling, tasks: Tasks) -> None:
        self._images = images
        self._pulling = pulling
        self._tasks = tasks

    async def resolve(
        self, name: str, platform: Platform, session: Session, report: Report | None = None
    ) -> ResolvedImage:
        """See `ImageResolver.resolve`. The progress of a pull goes to the client as it is."""
        image = await self._find(name, platform, session)
        await self._tasks.blocking(self._images.usage_times.touch, str(image.id))
        manifest = image.manifest_descriptor.digest
        is_name = any(True for _ in image.repo_digests) and not _is_id(name, image)
        full = f"{parse_reference(name).name}@{manifest}" if is_name else str(manifest)
        session.extra.setdefault("images", {})[full] = image
        return ResolvedImage(
            name=full,
            platform=image.config.platform,
            config=image.config,
            config_digest=str(image.manifest.config.digest),
        )

    async def tree(self, source: ImageSource, session: Session, report: Report) -> Tree:
        """See `ImageResolver.tree`."""
        image: Image | None = session.extra.get("images", {}).get(source.name)
        if image is None:
            image = await self._tasks.blocking(self._images.resolve, source.name)
        return await self._tasks.blocking(self._held, image, session)

    def _held(self, image: Image, session: Session) -> Tree:
        for layer in image.manifest.layers:
            if not self._images.content.adopt(layer.digest, session.lease):
                raise NotFound(
                    f"the layer {layer.digest} of the base image {image.id} is not here",
                    hint="pull the image again",
                )
        return Tree(tuple(image.manifest.layers), image.config.diff_ids)

    async def _find(self, name: str, platform: Platform, session: Session) -> Image:
        if not session.pull:
            try:
                return await self._tasks.blocking(self._images.resolve, name, platform=platform)
            except NotFound:
                pass  # it may be in a registry
        reference = _pullable(name)
        await self._pull(reference, platform, session)
        return await self._tasks.blocking(self._images.resolve, str(reference), platform=platform)

    async def _pull(self, reference: Reference, platform: Platform, session: Session) -> None:
        auth: Mapping[str, AuthConfig] = session.auth
        send: Callable[[dict[str, object]], None] = session.extra.get(SEND, _nobody)
        host = self._images.platform
        messages = self._pulling.pull(
            str(reference),
            tag="",
            platform="" if host.runs(platform) and platform.runs(host) else str(platform),
            auth=registry_auth(auth, reference),
        )
        try:
            async for message in messages:
                send(message)
        finally:
            await asyncio.shield(_close(messages))


def _nobody(message: dict[str, object]) -> None:
    del message


async def _close(messages: AsyncIterator[dict[str, object]]) -> None:
    aclose = getattr(messages, "aclose", None)
    if aclose is not None:
        await aclose()


def _is_id(name: str, image: Image) -> bool:
    return image.id.encoded.startswith(name.removeprefix("sha256:"))


def _pullable(name: str) -> Reference:
    """Return the name that a registry is asked for.

    Raises:
        NotFound: an image id, which no registry has.
        InvalidArgument: malformed.
    """
    if name.startswith("sha256:"):
        raise NotFound(f"No such image: {name}")
    try:
        reference = parse_reference(name)
    except InvalidArgument as err:
        raise InvalidArgument(f"base name ({name}): {err.message}") from err
    return reference if reference.digest is not None else reference.with_default_tag()


def registry_auth(auth: Mapping[str, AuthConfig], reference: Reference) -> AuthConfig:
    """Return the credentials for the registry of a name; empty ones if there are none."""
    host = reference.name.partition("/")[0]
    wanted = set(_HUB) if host in _HUB else {host}
    for key, value in auth.items():
        bare = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
        if bare in wanted:
            return value
    return AuthConfig()
