"""The runtimes that `--runtime` may name: our own, in process, and programs that were registered.

Our own has several names. `baleen-runtime` is what it is; clients and files that were written for
dockerd ask for the runtime that is always there as `runc` or `io.containerd.runc.v2`, and get it.
`info` shows for each of these that it is `baleen-runtime`. A program is only ever called because an
administrator has registered it and a container, or `default-runtime`, names it.

See: dockerd reference, --add-runtime; Engine API, HostConfig.Runtime; `baleen.runtime.foreign`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OWN", "OWN_NAMES", "RegisteredRuntime", "Runtimes"]

OWN: Final = "baleen-runtime"
OWN_NAMES: Final = ("baleen-runtime", "baleen", "runc", "io.containerd.runc.v2")
# As `info` shows it; "baleen" is short for daemon.json.
_SHOWN: Final = ("baleen-runtime", "runc", "io.containerd.runc.v2")


@dataclass(frozen=True, slots=True)
class RegisteredRuntime:
    """A program with runc's command line; a `path` without "/" is looked for in PATH."""

    path: str
    args: tuple[str, ...] = ()


class Runtimes:
    """What is registered now. A reload of the configuration changes it, by `replace`.

    A container keeps the name; the program is looked up at each start.
    """

    def __init__(
        self, registered: Mapping[str, RegisteredRuntime] | None = None, default: str = OWN
    ) -> None:
        self._registered: dict[str, RegisteredRuntime] = {}
        self._default = OWN
        self.replace(registered or {}, default)

    def replace(self, registered: Mapping[str, RegisteredRuntime], default: str) -> None:
        """Take over a configuration that was checked."""
        self._registered = dict(registered)
        self._default = default

    @property
    def default(self) -> str:
        """The name that a container gets which names none."""
        return OWN if self._default in OWN_NAMES else self._default

    def shown(self) -> dict[str, RegisteredRuntime]:
        """All names and what is behind them, as `info` shows them."""
        return {name: RegisteredRuntime(OWN) for name in _SHOWN} | self._registered

    def get(self, name: str) -> RegisteredRuntime | None:
        """Return the program of that name; None is our own runtime.

        Raises:
            InvalidArgument: nothing has that name; dockerd's text.
        """
        name = name or self.default
        if name in self._registered:
            return self._registered[name]
        if name in OWN_NAMES:
            return None
        raise InvalidArgument(f"unknown or invalid runtime name: {name[:64]}")

    def check(self, name: str, *, init: bool, remapped: bool = False) -> None:
        """Refuse, before anything is made, what a start under that runtime could not do.

        Raises:
            InvalidArgument: see `get`.
            NotImplemented: an init of ours is wanted, which is none of a foreign runtime's files,
                or remapped user ids, as our runtime alone knows how the layers are mapped.
        """
        if self.get(name) is None:
            return
        if remapped:
            raise Unsupported(
                f"user ids cannot be remapped with the runtime {name or self.default}: "
                "use --userns=host"
            )
        if init:
            raise Unsupported(
                f"--init is not available with the runtime {name or self.default}: "
                "use an image with an init, or --init=false"
            )
