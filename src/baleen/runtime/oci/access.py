"""What several commands need of a container that is there: its cgroup, its PID 1."""

from __future__ import annotations

from baleen.errors import FailedPrecondition
from baleen.linux.cgroup import detect
from baleen.linux.process import pidfd_open
from baleen.runtime.oci.state import started_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup.driver import Cgroup
    from baleen.linux.fd import Fd
    from baleen.runtime.hooks import HookRunner
    from baleen.runtime.oci.state import Entry, Record

__all__ = ["group_of", "hooks_of", "open_init"]


def group_of(values: Record) -> Cgroup | None:
    """The container's cgroup, None if it has none yet."""
    return detect().open(values.cgroup) if values.cgroup else None


def hooks_of(entry: Entry, values: Record) -> HookRunner | None:
    """What runs the hooks of the document that the container was made of; None without hooks."""
    config = entry.config()
    if b'"hooks"' not in config:
        return None
    from baleen.runtime.hooks import hook_runner
    from baleen.runtime.oci.bundle import decode
    from baleen.runtime.spec import parse_spec

    spec = parse_spec(decode(config, entry.path("config.json")))
    return hook_runner(spec, entry.id, values.bundle)


def open_init(values: Record) -> Fd:
    """A pidfd of PID 1, certainly this container's. Raises FailedPrecondition if it has ended."""
    try:
        if not values.pid:
            raise ProcessLookupError
        pidfd = pidfd_open(values.pid)
    except ProcessLookupError as error:
        raise FailedPrecondition("container not running") from error
    # The number was ours when it was opened if it still is: pidfds do not move to others.
    if started_at(values.pid) != values.start:
        pidfd.close()
        raise FailedPrecondition("container not running")
    return pidfd
