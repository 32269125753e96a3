"""What a client asks of a build, checked: nothing of it is looked at twice.

See: Engine API, POST /build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from baleen.build.options import BuildOptions
from baleen.build.session import Limits
from baleen.errors import Internal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from baleen.api.registries import AuthConfig
    from baleen.build.exporters import Output
    from baleen.build.session import Secret
    from baleen.oci.reference import Reference

__all__ = ["BuildFailure", "BuildMessage", "BuildRequest", "CachePrune", "ContextBody"]

BuildMessage: TypeAlias = "dict[str, object] | bytes | tuple[int, bytes]"
"""What a build sends: a JSON object, bytes of an output, or bytes for an agent of the client.

Empty bytes end an output; those for an agent come with the number of their channel.
"""


class BuildFailure(Internal):
    """A step has failed; caught to tell the exit code beside the message.

    Attributes:
        exit_code: of the process, or 0 where it was none that failed.
    """

    def __init__(self, message: str, *, exit_code: int = 0) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One `POST /build`.

    Attributes:
        options: see there; its contexts named `local:NAME` follow in the body.
        remote: URL of the context, or "": it is the body; `client-session` never comes here.
        tags: the names of the result.
        quiet: the answer is the image id alone.
        remove: say that intermediate containers were removed, as dockerd does.
        dockerfile: the Dockerfile's text where it is not in the context.
        secrets: by id.
        ssh: ids of agents that the client offers.
        auth: credentials by registry.
        entitlements: some of `build.entitlements.ENTITLEMENTS`.
        outputs: what becomes of the result; empty: an image in the store.
        attests: `provenance` and `sbom` with their parameters.
        build_id: what `/build/cancel` names it by; "": nobody can.
        call: "", `check`, `outline` or `targets`.
        events, why, keep_failed: see `api.builds.BuildPrelude`.
        epoch_ns: SOURCE_DATE_EPOCH, or None.
    """

    options: BuildOptions = field(default_factory=BuildOptions)
    limits: Limits = field(default_factory=Limits)
    remote: str = ""
    tags: tuple[Reference, ...] = ()
    quiet: bool = False
    remove: bool = True
    dockerfile: str | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
    auth: Mapping[str, AuthConfig] = field(default_factory=dict)
    entitlements: frozenset[str] = frozenset()
    outputs: tuple[Output, ...] = ()
    attests: Mapping[str, str] = field(default_factory=dict)
    build_id: str = ""
    call: str = ""
    events: bool = False
    why: bool = False
    keep_failed: bool = False
    epoch_ns: int | None = None


@dataclass(slots=True)
class ContextBody:
    """What follows the request: the context, and further ones by name.

    Attributes:
        main: the archive; None: there is none.
        more: gives the next archives, in the order of the request's local contexts; each must
            have been read before the next, and `main` before all.
        agents: what the client's agents answer: (channel, bytes); none: the channel is closed.
    """

    main: AsyncIterator[bytes] | None = None
    more: AsyncIterator[AsyncIterator[bytes]] | None = None
    agents: AsyncIterator[tuple[int, bytes]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePrune:
    """What of the build cache is to go.

    Attributes:
        everything: what images share too.
        keep_bytes: this much of what was used last stays.
        max_used_bytes: with more than this, records go until it is reached; 0: no such limit.
        min_free_bytes: records go until the disk has this much room; 0: no such limit.
        filters: `until`, `id`, `parent`, `type`, `description`, `inuse`, `shared`, `private`.
        until_ns: records used since then stay; None: all may go.
    """

    everything: bool = False
    keep_bytes: int = 0
    max_used_bytes: int = 0
    min_free_bytes: int = 0
    filters: Mapping[str, list[str]] = field(default_factory=dict)
    until_ns: int | None = None
