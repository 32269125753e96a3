"""Builds on the wire: what a client asks beside the query, and the build cache.

A build's own content type carries what must not be in a URL or on a disk: secrets, further
contexts, a client's ssh agents. See: docs/build.md, "The body of Baleen's own client".

See: Engine API v1.55, /build, /build/prune, definition BuildCache.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec
from msgspec import field

from baleen.api.registries import AuthConfig
from baleen.api.wire import Int, Wire, decode, pascal
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BuildCache",
    "BuildOutput",
    "BuildPrelude",
    "BuildPruneResponse",
    "BuildSecret",
    "CacheSetting",
    "decode_auth_configs",
]


class BuildCache(Wire, frozen=True, rename=pascal(id="ID")):
    """One record of the build cache; sizes in bytes."""

    id: str = ""
    parents: list[str] = field(default_factory=list)
    type: str = ""
    description: str = ""
    in_use: bool = False
    shared: bool = False
    size: Int = 0
    created_at: str = ""
    last_used_at: str | None = None
    usage_count: Int = 0

    omit_empty = frozenset({"parents"})


class BuildPruneResponse(Wire, frozen=True):
    """Answer of /build/prune."""

    caches_deleted: list[str] = field(default_factory=list)
    space_reclaimed: Int = 0

    null_empty = frozenset({"caches_deleted"})


class BuildOutput(Wire, frozen=True):
    """One entry of `outputs`: an exporter and its attributes."""

    type: str = ""
    attrs: dict[str, str] = field(default_factory=dict)


class CacheSetting(Wire, frozen=True):
    """One `--cache-from` or `--cache-to`."""

    type: str = ""
    attrs: dict[str, str] = field(default_factory=dict)


class BuildSecret(Wire, frozen=True, rename=pascal(id="ID")):
    """A secret: `data` is base64."""

    id: str = ""
    data: str = ""

    def value(self) -> bytes:
        """Return its bytes; InvalidArgument if they are not base64."""
        try:
            return base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError) as err:
            raise InvalidArgument(f'secret "{self.id}" is not base64') from err

    def __repr__(self) -> str:
        return f"BuildSecret({self.id!r})"


class BuildPrelude(Wire, frozen=True, rename=pascal(ssh="SSH")):
    """The beginning of a body of our own content type: what is asked beside the query.

    Attributes:
        dockerfile: the Dockerfile's text where it is not in the context; None: it is.
        secrets: by id.
        ssh: ids of the agents that the client offers.
        contexts: named contexts: a URL, `docker-image://name`, `target:stage`, or `local` for one
            that follows in the body, in this order.
        no_cache_filter: stages that are built anew.
        cache_from, cache_to, outputs: as their flags.
        allow: entitlements.
        attests: `provenance` and `sbom` with their parameters.
        platforms: what to build for; more than one makes an index.
        call: `build`, or what to tell instead of building: `check`, `outline`, `targets`.
        events: tell of vertices beside the classic stream.
        why: compare what missed the cache with what is in it.
        keep_failed: keep the tree of the step that failed, as an image.
        ignore: text of the `.dockerignore` that the client has applied; for the checks.
    """

    dockerfile: str | None = None
    secrets: list[BuildSecret] = field(default_factory=list)
    ssh: list[str] = field(default_factory=list)
    contexts: dict[str, str] = field(default_factory=dict)
    no_cache_filter: list[str] = field(default_factory=list)
    cache_from: list[CacheSetting] = field(default_factory=list)
    cache_to: list[CacheSetting] = field(default_factory=list)
    outputs: list[BuildOutput] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    attests: dict[str, str] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)
    call: str = ""
    events: bool = False
    why: bool = False
    keep_failed: bool = False


def decode_auth_configs(text: str) -> Mapping[str, AuthConfig]:
    """Return what `X-Registry-Config` says: base64url of a map from registries to credentials.

    Raises:
        InvalidArgument: malformed.
    """
    if not text:
        return {}
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        raw = base64.b64decode(padded.replace("+", "-").replace("/", "_"), "-_", validate=True)
        return decode(dict[str, AuthConfig], raw)
    except (InvalidArgument, binascii.Error, msgspec.MsgspecError, ValueError) as err:
        raise InvalidArgument("invalid X-Registry-Config header") from err
