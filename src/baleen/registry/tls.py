"""TLS of the registry: the section `http.tls`, as Docker's registry has it.

    http:
      tls:
        certificate: /certs/registry.crt     (with its chain)
        key: /certs/registry.key
        clientcas: [/certs/clients.crt]      (clients must have a certificate of these)
        minimumtls: tls1.2                   (tls1.2 or tls1.3)
        ciphersuites: [...]                  (names of OpenSSL, for TLS 1.2)

Certificates are not fetched (`letsencrypt`): asked for that, the registry does not start, where it
would serve in the clear.

See: distribution's configuration, `http.tls`; ssl of the standard library.
"""

from __future__ import annotations

import ssl

import msgspec

from baleen.errors import InvalidArgument

__all__ = ["Tls", "make_context"]

_VERSIONS = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Section `http.tls`."""

    certificate: str = ""
    key: str = ""
    clientcas: list[str] = []
    minimumtls: str = "tls1.2"
    ciphersuites: list[str] = []
    letsencrypt: dict[str, object] = {}


def make_context(tls: Tls) -> ssl.SSLContext | None:
    """Return a server's context, or None if there is neither certificate nor key.

    Raises:
        InvalidArgument: a file that cannot be used, an unknown or too old version.
    """
    if any(tls.letsencrypt.values()):
        raise InvalidArgument(
            "http.tls.letsencrypt: this registry fetches no certificates; give it "
            "http.tls.certificate and http.tls.key, or put a proxy that does before it"
        )
    if not tls.certificate and not tls.key:
        if tls.clientcas:
            raise InvalidArgument("http.tls.clientcas needs a certificate and a key")
        return None
    if not (tls.certificate and tls.key):
        raise InvalidArgument("http.tls needs both certificate and key")
    if tls.minimumtls.lower() not in _VERSIONS:
        raise InvalidArgument(
            f"http.tls.minimumtls: {tls.minimumtls!r} is neither tls1.2 nor tls1.3"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.minimumtls.lower()]
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
        if tls.ciphersuites:
            context.set_ciphers(":".join(tls.ciphersuites))
        for path in tls.clientcas:
            context.load_verify_locations(path)
    except (OSError, ValueError) as err:
        raise InvalidArgument(f"http.tls: a file or cipher cannot be used: {err}") from err
    if tls.clientcas:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    """Refuse a key with a password instead of asking at the terminal."""
    raise ValueError("the key needs a password")
