"""Image references: names with a tag or digest, in full and in the short form of Docker.

    reference = [domain "/"] path [":" tag] ["@" digest]

The *full* form always has a domain: `docker.io/library/busybox:latest`. The *familiar* one leaves
out what is understood: `busybox:latest`. Error texts are Docker's, because clients match on them.

See: OCI distribution-spec spec.md, "Pulling manifests"; github.com/distribution/reference, whose
grammar this is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest

__all__ = ["DEFAULT_DOMAIN", "Reference", "is_identifier", "parse_reference"]

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL_PREFIX = "library/"
_PATH_LIMIT = 255
# Above every valid reference: domain 255, path 255, tag 128, sha512 digest 135, separators.
_TEXT_LIMIT = 1024

# Each is linear: no two adjacent repetitions can match the same text.
_DOMAIN = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[a-fA-F0-9:]+\])"
    r"(?::[0-9]+)?"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference; `str()` gives the full form.

    Attributes:
        domain: host and perhaps port of the registry, `docker.io` when none was given.
        path: repository below the domain, `library/busybox`.
        tag: without the colon, or None.
        digest: of the target, or None.
    """

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        return self.name + self._suffix

    @property
    def name(self) -> str:
        """Domain and path: `docker.io/library/busybox`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name without what is understood: `busybox`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(_OFFICIAL_PREFIX)
        # `docker.io/library/a/b` must not become `a/b`, which means another repository.
        return self.path if "/" in short else short

    @property
    def familiar(self) -> str:
        """The familiar form with tag and digest: `busybox:latest`."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return tag + digest

    @property
    def repository(self) -> Reference:
        """This name without tag and digest."""
        return replace(self, tag=None, digest=None)

    def with_tag(self, tag: str) -> Reference:
        """Return this name with `tag` and no digest; InvalidArgument `invalid tag format`."""
        if _TAG.fullmatch(tag) is None:
            raise InvalidArgument("invalid tag format")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> Reference:
        """Return this name with `digest` and no tag."""
        return replace(self, tag=None, digest=digest)

    def with_default_tag(self) -> Reference:
        """Return it with tag `latest` if it has neither tag nor digest."""
        if self.tag is None and self.digest is None:
            return replace(self, tag=DEFAULT_TAG)
        return self


def is_identifier(text: str) -> bool:
    """Say whether `text` is 64 hexadecimal digits: an image id, which no name may look like."""
    return _IDENTIFIER.fullmatch(text) is not None


def parse_reference(text: str) -> Reference:
    """Parse a reference in full or familiar form; tag and digest stay absent when not given.

    Raises:
        InvalidArgument: `invalid reference format` and its longer forms.
    """
    if len(text) > _TEXT_LIMIT:
        raise InvalidArgument("invalid reference format")
    if is_identifier(text):
        raise InvalidArgument(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    domain, remainder = _split_domain(text)
    remote = remainder.partition(":")[0]
    if remote.lower() != remote:
        raise InvalidArgument(
            f"invalid reference format: repository name ({remote}) must be lowercase"
        )
    remainder, at, digest_text = remainder.partition("@")
    path, colon, tag = remainder.partition(":")
    if colon and _TAG.fullmatch(tag) is None:
        raise InvalidArgument("invalid reference format")
    if _DOMAIN.fullmatch(domain) is None or not all(
        _COMPONENT.fullmatch(component) for component in path.split("/")
    ):
        raise InvalidArgument("invalid reference format")
    if len(path) > _PATH_LIMIT:
        raise InvalidArgument("repository name must not be more than 255 characters")
    return Reference(
        domain=domain,
        path=path,
        tag=tag if colon else None,
        digest=_parse_digest(digest_text) if at else None,
    )


def _parse_digest(text: str) -> Digest:
    if _DIGEST_SHAPE.fullmatch(text) is None:
        raise InvalidArgument("invalid reference format")
    return Digest(text)


def _split_domain(text: str) -> tuple[str, str]:
    """Tell `host/path` from `user/path`: a host has a dot, a port, a capital, or is localhost."""
    first, slash, rest = text.partition("/")
    is_host = slash and (
        "." in first or ":" in first or first == "localhost" or first.lower() != first
    )
    domain, remainder = (first, rest) if is_host else (DEFAULT_DOMAIN, text)
    if domain == _LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = _OFFICIAL_PREFIX + remainder
    return domain, remainder
