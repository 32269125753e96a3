"""The disk policy as the settings and requests have it: text into a `Policy`."""

from __future__ import annotations

from baleen.daemon.options import parse_size
from baleen.images.disk_policy import Policy, parse_age, parse_free

__all__ = ["gc_policy"]


def gc_policy(keep_free: str, unused_for: str) -> Policy:
    """Return the policy of `20GB` or `15%`, and `7d`; empty texts ask for nothing.

    Raises:
        InvalidArgument: one of them is malformed.
    """
    size, percent = parse_free(keep_free, parse_size) if keep_free else (0, 0)
    return Policy(
        keep_free_bytes=size,
        keep_free_percent=percent,
        unused_for_s=parse_age(unused_for) if unused_for else 0,
    )
