"""The image config: what to run, for which platform, on which layers.

See: OCI image-spec config.md; Docker image-spec v1.3 (Healthcheck, OnBuild, Shell).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec

from baleen.errors import InvalidArgument
from baleen.oci.descriptor import decode_document
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform

__all__ = [
    "CONFIG_LIMIT",
    "NO_CACHE",
    "ExecutionConfig",
    "HealthConfig",
    "HistoryEntry",
    "ImageConfig",
    "RootFs",
    "chain_ids",
    "parse_image_config",
]

CONFIG_LIMIT = 8 << 20
NO_CACHE = msgspec.Raw(b"")
"""An image without the cache of its build (see `build.solver.cache_index`)."""

_Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """A health check; times are nanoseconds, 0 inherits."""

    test: list[str] | None = None
    interval: _Count = 0
    timeout: _Count = 0
    start_period: _Count = 0
    start_interval: _Count = 0
    retries: _Count = 0


class ExecutionConfig(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"
):
    """The execution parameters: defaults for a container; None is absent."""

    user: str | None = None
    exposed_ports: dict[str, dict[str, Any] | None] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    healthcheck: HealthConfig | None = None
    args_escaped: bool | None = None
    volumes: dict[str, dict[str, Any] | None] | None = None
    working_dir: str | None = None
    on_build: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    shell: list[str] | None = None


class RootFs(msgspec.Struct, frozen=True, kw_only=True):
    """The layers by the digests of their uncompressed archives, base first."""

    type: str
    diff_ids: list[Digest] | None = None


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a layer came to be, or a step that made none (`empty_layer`)."""

    created: str | None = None
    author: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole document; encoded only for images that we make, a received one keeps its bytes."""

    architecture: str
    os: str
    rootfs: RootFs
    created: str | None = None
    author: str | None = None
    variant: str | None = None
    os_version: str | None = msgspec.field(name="os.version", default=None)
    os_features: list[str] | None = msgspec.field(name="os.features", default=None)
    config: ExecutionConfig | None = None
    history: list[HistoryEntry] | None = None
    build_cache: msgspec.Raw = msgspec.field(name="baleen.build.cache.v1", default=NO_CACHE)

    @property
    def platform(self) -> Platform:
        """What the image runs on."""
        return Platform(
            architecture=self.architecture,
            os=self.os,
            os_version=self.os_version,
            os_features=self.os_features,
            variant=self.variant,
        )

    @property
    def execution(self) -> ExecutionConfig:
        """`config`, or one without any parameter."""
        return self.config if self.config is not None else ExecutionConfig()

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """Digests of the uncompressed layers, base first."""
        return tuple(self.rootfs.diff_ids or ())


def parse_image_config(raw: bytes) -> ImageConfig:
    """Parse an image config.

    Raises:
        InvalidArgument: malformed, or of another rootfs type than `layers`.
    """
    if len(raw) > CONFIG_LIMIT:
        raise InvalidArgument(f"image config is larger than {CONFIG_LIMIT} bytes")
    config = decode_document(raw, ImageConfig, "image config")
    if config.rootfs.type != "layers":
        raise InvalidArgument(f'image config has unknown rootfs type "{config.rootfs.type}"')
    return config


def chain_ids(diff_ids: tuple[Digest, ...]) -> tuple[Digest, ...]:
    """Return the chain id of each stack of layers from the base up.

    See: config.md, "Layer ChainID".
    """
    chain: list[Digest] = []
    for diff_id in diff_ids:
        if chain:
            joined = hashlib.sha256(f"{chain[-1]} {diff_id}".encode())
            chain.append(Digest.from_hasher("sha256", joined))
        else:
            chain.append(diff_id)
    return tuple(chain)
