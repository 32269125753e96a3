"""What a client asks of a build, apart from the Dockerfile and its context.

See: Engine API, POST /build; BuildKit's frontend options (`target`, `build-arg:`, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.oci.platform import Platform

__all__ = ["BuildOptions", "CacheReference"]


@dataclass(frozen=True, slots=True)
class CacheReference:
    """One `--cache-from` or `--cache-to`.

    Attributes:
        type: `registry`, `local` or `inline`.
        attributes: `ref`, `src`, `dest`, `mode` (`min` or `max`), ...
    """

    type: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_max(self) -> bool:
        """Whether steps of stages that are not part of the result are exported too."""
        return self.attributes.get("mode") == "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How to build.

    Attributes:
        dockerfile: the Dockerfile's path in the context, for messages.
        target: name of the stage that is wanted; "": the last one.
        build_args: values of ARGs; None: named without a value, as if it was not given.
        labels: put on the image over those of the Dockerfile.
        platforms: what the image is for; empty: as the daemon's host. One plan is made for each.
        build_platform: what this host is; None: asked of the kernel.
        no_cache: run all steps, whatever the cache has.
        no_cache_stages: names of the stages for which `no_cache` holds, lower case; `no_cache`
            itself covers all.
        pull: look for a newer base image even when there is one here.
        cache_from, cache_to: where else to look for results, and where to put them.
        squash: make one layer of what was built on the base.
        network: of RUN: "" or `default`, `none`, `host`, or a network or `container:id`.
        extra_hosts: `name:address` for RUN's /etc/hosts.
        hostname: RUN's; "" for a made-up one.
        contexts: named contexts by lower case name: `docker-image://name`, a git or http URL, or
            `local:key` for a directory of the session under that key.
        inherit_labels: keep those of the base image.
        multi_platform: what BUILDKIT_MULTI_PLATFORM asked for: an index even for one platform.
    """

    dockerfile: str = "Dockerfile"
    target: str = ""
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[Platform, ...] = ()
    build_platform: Platform | None = None
    no_cache: bool = False
    no_cache_stages: frozenset[str] = frozenset()
    pull: bool = False
    cache_from: tuple[CacheReference, ...] = ()
    cache_to: tuple[CacheReference, ...] = ()
    squash: bool = False
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    hostname: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)
    inherit_labels: bool = True
    multi_platform: bool = False
