"""Namespaces made ahead for the next container with a user namespace of its own.

A PID 1 in a user namespace cannot be made ahead (`warm`): somebody with the host's rights has to
open its files first. Its namespaces can, and they are most of the work: a worker with nothing to do
makes a user namespace with the mappings of the container before, and a network, a UTS and an IPC
namespace that belong to it. The next start joins them, if it wants such. Each serves one container,
and they end with the worker when none came.

Loaded only by a worker that has had such a container.
"""

from __future__ import annotations

from baleen.errors import BaleenError
from baleen.linux.record import record, replace
from baleen.runtime.id_mapping import new_owned_namespaces
from baleen.runtime.namespace_plan import CLONE_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.id_mapping import IdMappings
    from baleen.runtime.spec import Spec

__all__ = ["SpareNamespaces", "make_spare", "wanted_mappings"]

# By the type in the document, the name below /proc/PID/ns.
_FILES: Final = {"network": "net", "uts": "uts", "ipc": "ipc"}


@record(frozen=True, slots=True)
class SpareNamespaces:
    """Descriptors by the name below /proc/PID/ns; whoever has this owns them."""

    mappings: IdMappings
    made: dict[str, Fd]

    def descriptors(self) -> set[int]:
        """What has to stay open."""
        return {fd.fileno() for fd in self.made.values()}

    def close(self) -> None:
        """Let them go."""
        for fd in self.made.values():
            fd.close()

    def used_by(self, spec: Spec) -> Spec | None:
        """The document with these in place of new ones; None for one that wants others.

        They have to be open until the container is created.
        """
        if wanted_mappings(spec) != self.mappings:
            return None
        files = {"user": "user", **_FILES}
        taken = {
            kind: f"/proc/self/fd/{self.made[files[kind]].fileno()}"
            for kind, path in spec.namespaces.items()
            if path is None and kind in files
        }
        return replace(spec, namespaces={**spec.namespaces, **taken})


def wanted_mappings(spec: Spec) -> IdMappings | None:
    """The mappings of the user namespace that a container gets new; None if it does not."""
    return spec.id_mappings if spec.namespaces.get("user", "") is None else None


def make_spare(mappings: IdMappings) -> SpareNamespaces | None:
    """Make them; None if that does not work, which the next start will tell of."""
    further = {name: CLONE_FLAGS[kind] for kind, name in _FILES.items()}
    try:
        return SpareNamespaces(mappings, new_owned_namespaces(mappings, further))
    except (BaleenError, OSError):
        return None
