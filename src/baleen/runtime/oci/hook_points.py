"""Hooks of the runtime's namespace that do not belong to one process from beginning to end.

    prestart, createRuntime     within `launch.Container.wait_ready`, for `create` and `run`
    poststart                   within `launch.Container.start` for `run`; here after `start`
    poststop                    here, when nothing of the container is left but its state

`parse_spec` refuses documents with hooks, so there is nothing to run here yet.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.report import Report
    from baleen.runtime.oci.state import Entry, Record

__all__ = ["after_start", "after_stop"]


def after_start(entry: Entry, values: Record) -> None:
    """Run poststart hooks: the program of `values.pid` was executed. Raises LaunchError."""


def after_stop(entry: Entry, values: Record, report: Report) -> None:
    """Run poststop hooks: processes and cgroup are gone. What fails is a warning."""
