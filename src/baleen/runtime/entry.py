"""An exec as the shim's loop sees it: a process on its way into a container."""

from __future__ import annotations

from select import EPOLLIN

from baleen.runtime.enter import Entering
from baleen.runtime.failure import LaunchError, as_launch_error
from baleen.runtime.launch import ExecProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.runtime.enter import EnterPlan
    from baleen.runtime.poller import Poller

__all__ = ["Entry"]


class Entry:
    """One process that enters; `on_end` gets it, running, or why it does not run."""

    def __init__(
        self,
        poller: Poller,
        plan: EnterPlan,
        on_end: Callable[[ExecProcess | LaunchError], None],
    ) -> None:
        """Start it (LaunchError). The plan's descriptors stay the caller's."""
        self._poller = poller
        self._on_end = on_end
        self._entering = Entering(plan)
        poller.add(self._entering.sock.fileno(), EPOLLIN, self._arrived)

    def _arrived(self, _events: int) -> None:
        if self._entering.receive():
            return
        self._poller.remove(self._entering.sock.fileno())
        outcome: ExecProcess | LaunchError
        try:
            pid, pidfd = self._entering.settle()
            outcome = ExecProcess(pid, pidfd, self._entering.console)
        except LaunchError as err:
            outcome = err
        except OSError as err:
            outcome = as_launch_error(err)
        self._on_end(outcome)
