"""Names and ids of containers: their grammar, random names, and from a reference to an id.

A *reference* is what a client writes to mean a container: a full id (64 hex digits), a name, or a
prefix of an id. A full id always wins, an exact name comes next, a prefix has to be unique; so a
container cannot be hidden behind another one that is named like its id.

See: Engine API v1.55 /containers/create (parameter name), /containers/{id}/json.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from random import Random

from baleen.api.names import check_container_name as parse_name
from baleen.containers.words import ADJECTIVES, SURNAMES
from baleen.errors import AlreadyExists, InvalidArgument, NotFound

__all__ = ["NameIndex", "parse_name", "random_name"]


def random_name(random: Random, *, attempt: int = 0) -> str:
    """Return an adjective_surname pair; later attempts add a digit against clashes."""
    name = f"{random.choice(ADJECTIVES)}_{random.choice(SURNAMES)}"
    return f"{name}{random.randrange(10)}" if attempt > 5 else name


class NameIndex:
    """All ids and names of one store, in memory; every lookup is O(log n)."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311  # names are no secrets
        self._id_by_name: dict[str, str] = {}
        self._name_by_id: dict[str, str] = {}
        self._sorted_ids: list[str] = []

    def reserve(self, name: str, container_id: str) -> None:
        """Give `name` to the id; the same pair again is no error.

        Raises:
            AlreadyExists: another container has the name.
        """
        owner = self._id_by_name.get(name)
        if owner is not None and owner != container_id:
            raise AlreadyExists(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        if container_id not in self._name_by_id:
            insort(self._sorted_ids, container_id)
        else:
            self._id_by_name.pop(self._name_by_id[container_id], None)
        self._id_by_name[name] = container_id
        self._name_by_id[container_id] = name

    def reserve_random(self, container_id: str) -> str:
        """Reserve and return a free random name."""
        attempt = 0
        while (name := random_name(self._random, attempt=attempt)) in self._id_by_name:
            attempt += 1
            if attempt > 10:
                name = container_id[:12]
                break
        self.reserve(name, container_id)
        return name

    def release(self, container_id: str) -> None:
        """Forget the id and its name; success means that they are free."""
        name = self._name_by_id.pop(container_id, None)
        if name is None:
            return
        del self._id_by_name[name]
        del self._sorted_ids[bisect_left(self._sorted_ids, container_id)]

    def resolve(self, unsafe_reference: str) -> str:
        """Return the full id that the reference means.

        Raises:
            NotFound: nothing is called so.
            InvalidArgument: the reference is empty, or a prefix of several ids.
        """
        if not unsafe_reference:
            raise InvalidArgument("Container name cannot be empty")
        if unsafe_reference in self._name_by_id:
            return unsafe_reference
        by_name = self._id_by_name.get(unsafe_reference.removeprefix("/"))
        if by_name is not None:
            return by_name
        at = bisect_left(self._sorted_ids, unsafe_reference)
        matches = [
            found for found in self._sorted_ids[at : at + 2] if found.startswith(unsafe_reference)
        ]
        if len(matches) > 1:
            raise InvalidArgument(f"multiple IDs found with provided prefix: {unsafe_reference}")
        if not matches:
            raise NotFound(f"No such container: {unsafe_reference}")
        return matches[0]

    def name_of(self, container_id: str) -> str | None:
        """Return the name of a full id, or None."""
        return self._name_by_id.get(container_id)
