"""The engine as the routes see it: exactly what HTTP calls, and nothing else.

`engine.engine.Engine` is one implementation; the tests of the routes have another, in memory.
A reference is a name, an id, or a prefix of one id. A method that returns bytes returns a whole
JSON document. A method that returns an iterator, or an awaitable, without being a coroutine
itself raises what is wrong with the request at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence

    from baleen import api
    from baleen.api.builds import BuildPruneResponse
    from baleen.api.explanation import Explanation
    from baleen.api.registries import (
        AuthConfig,
        AuthResponse,
        DistributionInspect,
        ImageSearchResult,
    )
    from baleen.api.transfers import ImageOffer, ImageReceiveBody, ImageReceived
    from baleen.engine.build_request import (
        BuildMessage,
        BuildRequest,
        CachePrune,
        ContextBody,
    )
    from baleen.images.disk_policy import Policy

    Filters = Mapping[str, Sequence[str]]

__all__ = ["EngineFacade", "EventSource", "Exit", "Upgrade"]


class Upgrade(Protocol):
    """Answers 101 (or 200) to the client and gives the connection away."""

    async def __call__(self, *, tty: bool) -> tuple[int, bytes]:
        """Return (descriptor of a stream socket, the caller's to close; bytes sent early)."""
        ...


class EventSource(Protocol):
    """The events of the engine."""

    def subscribe(
        self, since: float | None, until: float | None, filters: Mapping[str, list[str]]
    ) -> AsyncIterator[bytes]:
        """Return JSON lines; times are Unix seconds."""
        ...


class Exit(Protocol):
    """How a container ended; `error` is not empty when it never ran."""

    @property
    def exit_code(self) -> int:
        """The status that `docker wait` prints."""
        ...

    @property
    def error(self) -> str:
        """Why it did not run."""
        ...


class _Containers(Protocol):
    def container_list(
        self,
        *,
        all: bool,  # noqa: A002  # the API's name
        limit: int,
        size: bool,
        filters: Mapping[str, list[str]],
    ) -> bytes | Awaitable[bytes]: ...

    async def container_create(
        self, name: str | None, body: api.ContainerCreateBody, platform: str
    ) -> api.ContainerCreateResponse: ...

    def container_inspect(self, ref: str, *, size: bool) -> bytes | Awaitable[bytes]: ...

    async def container_explain(self, ref: str) -> Explanation: ...

    async def container_explain_create(
        self, name: str | None, body: api.ContainerCreateBody, platform: str
    ) -> Explanation: ...

    async def container_start(self, ref: str) -> None: ...

    def checkpoint_list(self, ref: str, directory: str) -> Sequence[str]: ...

    async def checkpoint_create(
        self, ref: str, name: str, directory: str, *, end: bool
    ) -> None: ...

    async def checkpoint_delete(self, ref: str, name: str, directory: str) -> None: ...

    async def checkpoint_start(self, ref: str, name: str, directory: str) -> None: ...

    async def container_stop(
        self,
        ref: str,
        *,
        timeout: int | None,  # noqa: ASYNC109  # a wire value
        signal: str | None,  # a wire value
    ) -> None: ...

    async def container_restart(
        self,
        ref: str,
        *,
        timeout: int | None,  # noqa: ASYNC109  # a wire value
        signal: str | None,  # a wire value
    ) -> None: ...

    async def container_kill(self, ref: str, *, signal: str | None) -> None: ...

    async def container_remove(
        self, ref: str, *, force: bool, volumes: bool, link: bool
    ) -> None: ...

    async def container_rename(self, ref: str, name: str) -> None: ...

    def container_wait(self, ref: str, condition: str) -> Awaitable[Exit]: ...

    async def container_logs(
        self,
        ref: str,
        *,
        stdout: bool,
        stderr: bool,
        follow: bool,
        since: str,
        until: str,
        timestamps: bool,
        tail: str,
        details: bool,
    ) -> tuple[bool, AsyncIterator[bytes]]: ...

    async def container_attach(
        self,
        ref: str,
        *,
        logs: bool,
        stream: bool,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        detach_keys: str | None,
        upgrade: Upgrade,
    ) -> None: ...

    async def container_resize(self, ref: str, *, width: int, height: int) -> None: ...

    async def container_top(self, ref: str, ps_args: str) -> api.ContainerTopResponse: ...

    def container_stats(
        self, ref: str, *, stream: bool, one_shot: bool
    ) -> AsyncIterator[bytes]: ...

    async def container_pause(self, ref: str) -> None: ...

    async def container_unpause(self, ref: str) -> None: ...

    async def container_update(self, ref: str, body: api.ContainerUpdateBody) -> list[str]: ...

    async def containers_prune(self, filters: Mapping[str, list[str]]) -> object: ...

    async def container_changes(self, ref: str) -> Sequence[object]: ...

    async def container_export(self, ref: str) -> AsyncIterator[bytes]: ...

    async def archive_stat(self, ref: str, path: str) -> Mapping[str, object]: ...

    async def archive_get(
        self, ref: str, path: str
    ) -> tuple[Mapping[str, object], AsyncIterator[bytes]]: ...

    async def archive_put(
        self,
        ref: str,
        path: str,
        body: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None: ...

    async def exec_create(self, ref: str, body: api.ExecCreateBody) -> str: ...

    async def exec_start(self, exec_id: str, body: api.ExecStartBody, upgrade: Upgrade) -> None: ...

    def exec_inspect(self, exec_id: str) -> api.ExecInspect: ...

    async def exec_resize(self, exec_id: str, *, width: int, height: int) -> None: ...


class _Images(Protocol):
    def image_list(
        self,
        *,
        filters: Mapping[str, list[str]],
        shared_size: bool,
        manifests: bool,
    ) -> list[dict[str, Any]]: ...

    async def image_inspect(
        self, ref: str, *, platform: str = "", manifests: bool = False
    ) -> Mapping[str, Any]: ...

    async def image_attestations(
        self, ref: str, *, platform: str = "", types: Sequence[str] = (), statements: bool = False
    ) -> list[dict[str, Any]]: ...

    async def image_history(self, ref: str, *, platform: str = "") -> object: ...

    def image_load(
        self, body: AsyncIterator[bytes], *, quiet: bool = False, platforms: Sequence[str] = ()
    ) -> AsyncIterator[Mapping[str, object]]: ...

    async def image_save(
        self, refs: Sequence[str], *, platforms: Sequence[str] = ()
    ) -> AsyncIterator[bytes]: ...

    def image_build(
        self, request: BuildRequest, body: ContextBody
    ) -> AsyncIterator[BuildMessage]: ...

    async def build_prune(self, wanted: CachePrune) -> BuildPruneResponse: ...

    async def build_cancel(self, build_id: str) -> None: ...

    async def image_commit(
        self,
        ref: str,
        config: api.ContainerConfig,
        *,
        repo: str,
        tag: str,
        comment: str,
        author: str,
        changes: Sequence[str],
        pause: bool,
    ) -> str: ...

    def image_import(
        self,
        body: AsyncIterator[bytes],
        *,
        source: str = "-",
        repo: str,
        tag: str,
        message: str,
        changes: Sequence[str],
        platform: str,
    ) -> AsyncIterator[Mapping[str, object]]: ...

    def image_pull(
        self, name: str, *, tag: str, platform: str, auth: AuthConfig
    ) -> AsyncIterator[Mapping[str, object]]: ...

    def image_push(
        self, name: str, *, tag: str, platform: str, auth: AuthConfig
    ) -> AsyncIterator[Mapping[str, object]]: ...

    async def image_tag(self, ref: str, repo: str, tag: str) -> None: ...

    async def image_remove(
        self, ref: str, *, force: bool, noprune: bool, platforms: Sequence[str] = ()
    ) -> object: ...

    async def images_prune(self, filters: Mapping[str, list[str]]) -> object: ...

    async def images_check(self) -> object: ...

    async def image_tree(self, ref: str, *, platform: str = "", everything: bool) -> object: ...

    async def image_diff(self, ref: str, to: str, *, platform: str = "") -> object: ...

    async def image_offer(self, ref: str, *, platform: str = "") -> ImageOffer: ...

    async def image_blob(
        self, ref: str, digest: str, *, offset: int = 0
    ) -> AsyncIterator[bytes]: ...

    async def image_blob_put(
        self, digest: str, size: int, body: AsyncIterator[bytes], *, offset: int = 0
    ) -> None: ...

    async def image_receive(self, body: ImageReceiveBody) -> ImageReceived: ...

    async def disk_gc(self, policy: Policy | None = None, *, dry_run: bool = False) -> object: ...


class _Networks(Protocol):
    def network_list(self, filters: Mapping[str, list[str]]) -> object: ...

    def network_inspect(self, ref: str, *, verbose: bool) -> object: ...

    async def network_create(self, body: api.NetworkCreateBody) -> api.NetworkCreateResponse: ...

    async def network_remove(self, ref: str) -> None: ...

    async def network_connect(self, ref: str, body: api.NetworkConnectBody) -> None: ...

    async def network_disconnect(self, ref: str, body: api.NetworkDisconnectBody) -> None: ...

    async def networks_prune(self, filters: Mapping[str, list[str]]) -> object: ...


class _Volumes(Protocol):
    def volume_list(self, filters: Mapping[str, list[str]]) -> object: ...

    def volume_inspect(self, name: str) -> object: ...

    async def volume_create(self, body: api.VolumeCreateBody) -> object: ...

    async def volume_remove(self, name: str, *, force: bool) -> None: ...

    async def volumes_prune(self, filters: Mapping[str, list[str]]) -> object: ...


class _Registries(Protocol):
    async def registry_login(self, auth: AuthConfig) -> AuthResponse: ...

    async def registry_search(
        self, term: str, *, limit: int, filters: Filters, auth: AuthConfig
    ) -> Sequence[ImageSearchResult]: ...

    async def registry_inspect(self, name: str, *, auth: AuthConfig) -> DistributionInspect: ...


class EngineFacade(_Containers, _Images, _Networks, _Volumes, _Registries, Protocol):
    """All operations; see the module."""

    @property
    def events(self) -> EventSource:
        """Where events come from."""
        ...

    @property
    def experimental(self) -> bool:
        """Whether checkpoints are offered."""
        ...

    def version(self) -> api.SystemVersion:
        """Return the versions of the engine."""
        ...

    async def info(self) -> api.SystemInfo:
        """Return counts, limits and settings."""
        ...

    async def disk_usage(self, types: Collection[str] = ()) -> Mapping[str, object]:
        """Return what objects of these types (all, when none is named) take on the disk."""
        ...
