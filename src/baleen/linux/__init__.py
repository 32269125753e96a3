"""The kernel's own interfaces: one thin wrapper for one call, and no policy.

Every wrapper has the name of the call it makes, takes and returns plain values or `Fd`, retries
EINTR where the call can be interrupted, opens descriptors close-on-exec, and reports failure as an
`OSError` whose note is the name of the call. Nothing here knows what a container is; that is the
`runtime` package. Nobody else imports `ctypes` or holds syscall and ioctl numbers.
"""

from __future__ import annotations

from baleen.linux.fd import Fd

__all__ = ["Fd"]
