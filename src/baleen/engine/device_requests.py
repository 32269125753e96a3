"""`--gpus` and CDI devices: requests for devices by driver and capability.

The only driver is "cdi"; another one is refused at the create. As with dockerd a CDI device that
is not there fails the start, since what there is may change between the two.

See: Engine API, HostConfig.DeviceRequests; moby daemon/devices.go, daemon/cdi.go.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from baleen.engine import cdi
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import DeviceRequest

__all__ = ["apply_device_requests", "check_device_requests"]

log = logging.getLogger(__name__)


def check_device_requests(requests: Sequence[DeviceRequest]) -> None:
    """Check what can be known before the start.

    Raises:
        InvalidArgument: there is no such driver, or what CDI has no meaning for.
    """
    for request in requests:
        if request.driver != "cdi":
            raise _no_driver(request)
        if request.count:
            raise InvalidArgument("unexpected count in CDI device request")
        if request.options:
            raise InvalidArgument("unexpected options in CDI device request")


def _no_driver(request: DeviceRequest) -> InvalidArgument:
    groups = " ".join("[" + " ".join(names[:16]) + "]" for names in request.capabilities[:16])
    return InvalidArgument(
        f'could not select device driver "{request.driver[:64]}" with capabilities: [{groups}]'
    )


def apply_device_requests(
    document: dict[str, Any], requests: Sequence[DeviceRequest], spec_dirs: Sequence[str]
) -> dict[str, Any]:
    """Return the config.json with what the requests add to it.

    Args:
        document: changed in place.
        requests: of the container.
        spec_dirs: where CDI spec files are; none: CDI is turned off.

    Raises:
        InvalidArgument: a driver that is not there, or a device that cannot be had.
    """
    check_device_requests(requests)
    for request in requests:
        if not spec_dirs:
            raise _no_driver(request)
        _inject(document, request.device_ids, spec_dirs)
    return document


def _inject(document: dict[str, Any], names: Sequence[str], spec_dirs: Sequence[str]) -> None:
    if not names:
        return
    found = cdi.scan(spec_dirs)
    try:
        edits = cdi.resolve(found, names)
    except InvalidArgument as err:
        for problem in (text for texts in found.problems.values() for text in texts):
            log.warning("CDI: %s", problem)
        raise InvalidArgument(f"CDI device injection failed: {err}") from err
    try:
        cdi.apply_edits(document, edits)
    except InvalidArgument as err:
        raise InvalidArgument(
            f"CDI device injection failed: failed to inject devices: {err}"
        ) from err
