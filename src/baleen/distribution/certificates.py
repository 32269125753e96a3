"""TLS towards a registry: the system's authorities, and what lies in certs.d for this one.

    certs.d/<host[:port]>/*.crt       authorities that are trusted beside the system's
    certs.d/<host[:port]>/*.cert      certificates of ours, each with its *.key

Docker's layout and rules; the directory is read at each operation, so nothing has to be restarted.

See: docs/registries.md; Docker's "Verify repository client with certificates".
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.distribution.settings import RegistrySettings

__all__ = ["tls_context"]


def tls_context(settings: RegistrySettings, authority: str, *, insecure: bool) -> ssl.SSLContext:
    """Return what to verify the server `authority` by, and to prove ourselves with.

    Raises:
        FailedPrecondition: a file in certs.d is unreadable or has no counterpart; it is named.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    directory = _directory(settings, authority)
    if directory is not None:
        _load(context, directory)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _directory(settings: RegistrySettings, authority: str) -> Path | None:
    # An authority has neither "/" nor "..": it was parsed as host and port.
    for root in settings.certificates:
        directory = root / authority
        if directory.is_dir():
            return directory
    return None


def _load(context: ssl.SSLContext, directory: Path) -> None:
    for path in sorted(directory.iterdir()):
        try:
            if path.suffix == ".crt":
                context.load_verify_locations(cafile=path)
            elif path.suffix == ".cert":
                key = path.with_suffix(".key")
                if not key.exists():
                    raise FailedPrecondition(
                        f"missing key {key} for client certificate {path}. "
                        "CA certificates must use the extension .crt"
                    )
                context.load_cert_chain(path, key, password=_no_password)
            elif path.suffix == ".key" and not path.with_suffix(".cert").exists():
                raise FailedPrecondition(
                    f"missing client certificate {path.with_suffix('.cert')} for key {path}"
                )
        except (OSError, ssl.SSLError) as err:
            raise FailedPrecondition(f"certificates of a registry: {path}: {err}") from err


def _no_password() -> str:
    # Else OpenSSL would ask the terminal for it.
    raise ssl.SSLError("the key is encrypted")
