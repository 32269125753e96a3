"""What `DELETE /images/{name}` and prune may remove, and in which words it is refused.

By name, the name goes; with the last name, the image. By id, all names go with the image, unless
there are several and force was not given. By platform, what is here for it goes and the names stay,
unless nothing would be left. An image that a container was made from stays as long
as the container; with force it only loses its names.

See: Engine API, /images/{name} DELETE; `docker rmi` reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import Conflict, NotFound
from baleen.images.facts import ATTESTATION, IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.images.facts import Facts, ManifestFacts
    from baleen.images.image import ImageUser
    from baleen.images.names import Name
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform

__all__ = ["Removal", "plan_platforms", "plan_removal"]


@dataclass(frozen=True, slots=True)
class Removal:
    """What to do: the rows to remove, and whether the image goes too or becomes dangling."""

    untag: tuple[Name, ...]
    delete: bool


def plan_removal(
    image_id: Digest,
    names: Sequence[Name],
    *,
    asked: str,
    by_name: Name | None,
    force: bool,
    users: Sequence[ImageUser],
) -> Removal:
    """Decide about one image.

    Args:
        image_id: the image.
        names: all its rows, the dangling one included.
        asked: what the client wrote, for messages.
        by_name: the row that the client named, or None when it gave an id.
        force: as given.
        users: containers made from the image.

    Raises:
        Conflict: in Docker's words.
    """
    if by_name is not None:
        if len(names) > 1:
            return Removal((by_name,), delete=False)
        if users and not force:
            raise Conflict(
                f'conflict: unable to remove repository reference "{asked}" (must force) - '
                f"container {users[0].container_id[:12]} is using its referenced image "
                f"{image_id.short}"
            )
        return Removal((by_name,), delete=not users)
    running = next((user for user in users if user.running), None)
    if running is not None:
        raise Conflict(
            f"conflict: unable to delete {image_id.short} (cannot be forced) - "
            f"image is being used by running container {running.container_id[:12]}"
        )
    if len(names) > 1 and not force:
        raise Conflict(
            f"conflict: unable to delete {image_id.short} (must be forced) - "
            "image is referenced in multiple repositories"
        )
    if users and not force:
        raise Conflict(
            f"conflict: unable to delete {image_id.short} (must be forced) - "
            f"image is being used by stopped container {users[0].container_id[:12]}"
        )
    return Removal(tuple(names), delete=not users)


def plan_platforms(
    facts: Facts,
    platforms: Sequence[Platform],
    *,
    asked: str,
    users: Sequence[ImageUser],
    force: bool,
) -> list[ManifestFacts]:
    """Return the manifests to remove, with their attestations; none: the whole image goes.

    Raises:
        NotFound: a platform is not here.
        Conflict: a container uses it.
    """
    here = [m for m in facts.manifests if m.kind == IMAGE and m.is_readable]
    doomed: list[ManifestFacts] = []
    for platform in platforms:
        wanted = str(platform.normalised())
        found = [m for m in here if m.platform and str(m.platform.normalised()) == wanted]
        if not found:
            raise NotFound(
                f"image with reference {asked} was found but does not provide "
                f"the specified platform ({platform})"
            )
        doomed += [m for m in found if m not in doomed]
    if len(doomed) == len(here):
        return []
    digests = {m.descriptor.digest for m in doomed}
    if users and facts.manifests[facts.chosen].descriptor.digest in digests:
        running = next((user for user in users if user.running), None)
        if running is not None or not force:
            user, how = (running, "cannot be") if running else (users[0], "must be")
            raise Conflict(
                f"conflict: unable to delete {facts.target.digest.short} ({how} forced) - image is "
                f"being used by {'running' if running else 'stopped'} container "
                f"{user.container_id[:12]}"
            )
    attested = [m for m in facts.manifests if m.kind == ATTESTATION and m.attested in digests]
    return [*doomed, *attested]
