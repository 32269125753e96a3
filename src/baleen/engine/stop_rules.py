"""How a container is asked to end, and how long it may take: the request, the image, the default.

See: Engine API, POST /containers/{id}/stop; Dockerfile STOPSIGNAL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.signals import parse_signal

if TYPE_CHECKING:
    from baleen.containers.record import ContainerRecord

__all__ = ["is_wish_to_end", "stop_signal", "stop_timeout"]

# What dockerd waits between SIGTERM and SIGKILL unless told otherwise.
_DEFAULT_STOP_TIMEOUT_S = 10


def stop_signal(record: ContainerRecord, signal: str | None) -> int:
    """The number of the signal that asks it to end (InvalidArgument: no such signal)."""
    return parse_signal(signal or record.config.stop_signal or "SIGTERM")


def is_wish_to_end(record: ContainerRecord, number: int) -> bool:
    """Whether the signal counts as a wish to end: any one, or the stop signal if there is one."""
    wanted = record.config.stop_signal
    return not wanted or number == parse_signal(wanted)


def stop_timeout(record: ContainerRecord, timeout: int | None) -> int | None:
    """How many seconds it gets to end; None: as many as it takes."""
    if timeout is None:
        timeout = record.config.stop_timeout
    if timeout is None:
        timeout = _DEFAULT_STOP_TIMEOUT_S
    return None if timeout < 0 else timeout
