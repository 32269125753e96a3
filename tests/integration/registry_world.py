"""A client of registries with its store, over a `LyingRegistry`; and certificates for TLS.

Settings lose no time: retries come at once, and nothing of the machine's configuration is read.
"""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
from contextlib import contextmanager

from baleen.distribution.cancellation import Cancellation
from baleen.distribution.hosts import endpoint_of
from baleen.distribution.registries import Registries
from baleen.distribution.repository import Repository
from baleen.distribution.settings import RegistrySettings
from baleen.linux.namespaces import CLONE_NEWNET, setns, unshare
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

AMD64 = Platform(os="linux", architecture="amd64")


def fast(**changes) -> RegistrySettings:
    values = {
        "certificates": (),
        "retry_delay_s": 0.01,
        "stall_timeout_s": 10.0,
        "connect_timeout_s": 10.0,
    }
    return RegistrySettings(**(values | changes))


class World:
    """A registry, and a client with its store."""

    def __init__(self, registry, content, settings):
        self.registry = registry
        self.content = content
        self.settings = settings
        self.client = Registries(settings, content)
        self.events = []
        self.cancel = Cancellation()

    def reference(self, name="some/image:latest"):
        return parse_reference(f"{self.registry.authority}/{name}")

    def repository(self, name="some/image:latest", *, secure=False, credentials=None, **options):
        """Open one; with `secure` as if loopback were not trusted."""
        repository = Repository(
            self.settings, self.reference(name), credentials, self.cancel, **options
        )
        if secure:
            repository._endpoints = [endpoint_of(self.registry.url)]
        return repository

    def with_settings(self, **changes):
        self.settings = fast(**changes)
        self.client.replace(self.settings)

    def blobs(self):
        return {str(digest) for digest in self.content.digests()}


def forget(content, *digests):
    """Let blobs be gone, all or those, as if they had never come."""
    for digest in list(content.digests()):
        if not digests or str(digest) in digests:
            content.path(digest).unlink()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


def make_pki(directory):
    """A CA; certificates of a server at 127.0.0.1, of another name, expired; and a client's."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def path(name):
        return str(directory / name)

    openssl("req", "-x509", *key, "-keyout", path("ca.key"), "-out", path("ca.crt"),
            "-days", "2", "-subj", "/CN=ca")  # fmt: skip
    for name, subject, days in (
        ("server", "IP:127.0.0.1", "2"),
        ("outside", "IP:192.0.2.1", "2"),
        ("elsewhere", "DNS:elsewhere.example", "2"),
        ("expired", "IP:127.0.0.1", "-1"),
        ("client", "DNS:client.example", "2"),
    ):
        (directory / "ext").write_text(f"subjectAltName={subject}\n")
        openssl("req", *key, "-keyout", path(f"{name}.key"), "-out", path(f"{name}.csr"),
                "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", path(f"{name}.csr"), "-CA", path("ca.crt"), "-CAkey",
                path("ca.key"), "-CAcreateserial", "-out", path(f"{name}.crt"), "-days", days,
                "-extfile", path("ext"))  # fmt: skip
    return directory


def server_context(pki, name="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
    return context


@contextmanager
def own_network(*commands):
    """Run the block in a network namespace of its own, where the commands were run before.

    Its lo is up and has 192.0.2.1 (RFC 5737) and 2001:db8::1: a registry there is no loopback.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        try:
            for command in (
                "ip link set lo up",
                "ip address add 192.0.2.1/32 dev lo",
                "ip address add 2001:db8::1/128 dev lo nodad",
                *commands,
            ):
                subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=30)
            yield
        finally:
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
