"""What a build may have beyond its sandbox, if whoever asks for the build grants it.

See: Dockerfile reference, RUN --network, --security, --device; `baleen build --allow`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Collection

    from baleen.build.graph import Exec

__all__ = ["DEVICE", "ENTITLEMENTS", "INSECURE", "NETWORK_HOST", "check_entitled"]

NETWORK_HOST = "network.host"
INSECURE = "security.insecure"
DEVICE = "device"
ENTITLEMENTS = (NETWORK_HOST, INSECURE, DEVICE)


def check_entitled(op: Exec, granted: Collection[str]) -> None:
    """Raise PermissionDenied for a process that asks for what was not granted.

    Not for devices: whether one needs it is known where the device is found.
    """
    if op.network == "host" and NETWORK_HOST not in granted:
        raise PermissionDenied(
            f"{NETWORK_HOST} is not allowed",
            hint=f"build with --allow {NETWORK_HOST}, or --network host",
        )
    if op.security == "insecure" and INSECURE not in granted:
        raise PermissionDenied(f"{INSECURE} is not allowed", hint=f"build with --allow {INSECURE}")
