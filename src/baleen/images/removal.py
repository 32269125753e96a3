"""What `DELETE /images/{name}` and prune may remove, and in which words it is refused.

By name, the name goes; with the last name, the image. By id, all names go with the image, unless
there are several and force was not given. An image that a container was made from stays as long
as the container; with force it only loses its names.

See: Engine API, /images/{name} DELETE; `docker rmi` reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.images.image import ImageUser
    from baleen.images.names import Name
    from baleen.oci.digest import Digest

__all__ = ["Removal", "plan_removal"]


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
