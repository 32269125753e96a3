"""Restart policies: whether, and after what delay, a container that exited is started again.

The rules are dockerd's: 100 ms, doubled for each restart in a row up to one minute, back to the
beginning after a run of ten seconds; `on-failure` counts all restarts since the container was
started by a user.

See: Engine API, RestartPolicy; cli-reference, `docker run --restart`.
"""

from __future__ import annotations

from baleen.linux.record import record

__all__ = ["POLICIES", "RestartManager", "RestartPolicy"]

POLICIES = frozenset({"no", "always", "unless-stopped", "on-failure"})

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 60.0
# A run of this length counts as healthy, whatever its exit code.
_HEALTHY_RUN_S = 10.0


@record(frozen=True, slots=True)
class RestartPolicy:
    """`name` is one of POLICIES; `maximum_retries` 0 means without limit (on-failure only)."""

    name: str = "no"
    maximum_retries: int = 0


class RestartManager:
    """Decides about one container's restarts.

    Attributes:
        policy: may be replaced at any time; the delay reached so far is kept.
        count: restarts made by the policy, continued from the number given.
    """

    __slots__ = ("_delay_s", "_stopped", "count", "policy")

    def __init__(self, policy: RestartPolicy, count: int = 0) -> None:
        self.policy = policy
        self.count = count
        self._delay_s = 0.0
        self._stopped = False

    def stop(self) -> None:
        """A user stopped the container: there is no restart any more."""
        self._stopped = True

    def after_exit(self, exit_code: int, run_s: float) -> float | None:
        """Return the delay in seconds before the next start, counting it; None: no restart."""
        if self._stopped or not self._wanted(exit_code):
            return None
        if run_s >= _HEALTHY_RUN_S:
            self._delay_s = 0.0
        self._delay_s = min(self._delay_s * 2, _LONGEST_DELAY_S) or _FIRST_DELAY_S
        self.count += 1
        return self._delay_s

    def _wanted(self, exit_code: int) -> bool:
        if self.policy.name == "on-failure":
            limit = self.policy.maximum_retries
            return exit_code != 0 and (limit == 0 or self.count < limit)
        return self.policy.name in ("always", "unless-stopped")
