"""Images on the wire: lists, inspection, history, removal, progress lines.

See: Engine API v1.55, /images/*.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.wire import Empty, Int, StrSlice, UInt, Wire, pascal

__all__ = [
    "DriverData",
    "ImageConfig",
    "ImageDeleteResponseItem",
    "ImageHistoryResponseItem",
    "ImageInspect",
    "ImageMetadata",
    "ImageSummary",
    "ImagesPruneResponse",
    "OCIDescriptor",
    "OCIPlatform",
    "ProgressDetail",
    "ProgressMessage",
    "RootFS",
]


class OCIPlatform(
    Wire,
    frozen=True,
    rename={"os_version": "os.version", "os_features": "os.features"}.get,
):
    """A platform, with the image-spec's names."""

    architecture: str = ""
    os: str = ""
    os_version: str = ""
    os_features: list[str] = field(default_factory=list)
    variant: str = ""

    omit_empty = frozenset({"os_version", "os_features", "variant"})


class OCIDescriptor(Wire, frozen=True, rename="camel"):
    """A content descriptor, with the image-spec's names; size in bytes."""

    media_type: str = ""
    digest: str = ""
    size: Int = 0
    urls: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    platform: OCIPlatform | None = None
    artifact_type: str = ""

    omit_empty = frozenset({"urls", "annotations", "platform", "artifact_type"})


class DriverData(Wire, frozen=True):
    """The storage driver's view of a root file system."""

    data: dict[str, str] = field(default_factory=dict)
    name: str = ""

    null_empty = frozenset({"data"})


class ImageConfig(Wire, frozen=True):
    """The run-time defaults in an image."""

    user: str = ""
    exposed_ports: dict[str, Empty] = field(default_factory=dict)
    env: list[str] = field(default_factory=list)
    entrypoint: StrSlice = field(default_factory=list)
    cmd: StrSlice = field(default_factory=list)
    volumes: dict[str, Empty] = field(default_factory=dict)
    working_dir: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    args_escaped: bool = False
    on_build: list[str] = field(default_factory=list)
    shell: StrSlice = field(default_factory=list)

    omit_empty = frozenset(
        {
            "user",
            "exposed_ports",
            "env",
            "entrypoint",
            "cmd",
            "volumes",
            "working_dir",
            "labels",
            "stop_signal",
            "args_escaped",
            "on_build",
            "shell",
        }
    )


class RootFS(Wire, frozen=True):
    """The diff ids of an image's layers, lowest first."""

    type: str = "layers"
    layers: list[str] = field(default_factory=list)

    omit_empty = frozenset({"layers"})


class ImageMetadata(Wire, frozen=True):
    """What is known of an image only here; RFC 3339, year 1 when never tagged."""

    last_tag_time: str = "0001-01-01T00:00:00Z"


class ImageInspect(Wire, frozen=True, rename=pascal(root_fs="RootFS")):
    """Answer of /images/{name}/json; size in bytes."""

    id: str = ""
    repo_tags: list[str] = field(default_factory=list)
    repo_digests: list[str] = field(default_factory=list)
    comment: str = ""
    created: str = ""
    author: str = ""
    config: ImageConfig | None = None
    architecture: str = ""
    variant: str = ""
    os: str = ""
    os_version: str = ""
    size: Int = 0
    graph_driver: DriverData | None = None
    root_fs: RootFS = RootFS()
    metadata: ImageMetadata = ImageMetadata()
    descriptor: OCIDescriptor | None = None

    omit_empty = frozenset(
        {
            "comment",
            "created",
            "author",
            "variant",
            "os_version",
            "graph_driver",
            "descriptor",
        }
    )


class ImageSummary(Wire, frozen=True):
    """One image in /images/json; created in Unix seconds, sizes in bytes, -1 "not computed"."""

    containers: Int = -1
    created: Int = 0
    id: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    parent_id: str = ""
    descriptor: OCIDescriptor | None = None
    repo_digests: list[str] = field(default_factory=list)
    repo_tags: list[str] = field(default_factory=list)
    shared_size: Int = -1
    size: Int = 0

    omit_empty = frozenset({"descriptor"})
    null_empty = frozenset({"labels"})


class ImageHistoryResponseItem(Wire, frozen=True):
    """One step of /images/{name}/history; created in Unix seconds, size in bytes."""

    comment: str = ""
    created: Int = 0
    created_by: str = ""
    id: str = "<missing>"
    size: Int = 0
    tags: list[str] = field(default_factory=list)

    null_empty = frozenset({"tags"})


class ImageDeleteResponseItem(Wire, frozen=True):
    """One reference untagged or one image deleted."""

    untagged: str = ""
    deleted: str = ""

    omit_empty = frozenset({"untagged", "deleted"})


class ImagesPruneResponse(Wire, frozen=True):
    """Answer of /images/prune; space in bytes."""

    images_deleted: list[ImageDeleteResponseItem] = field(default_factory=list)
    space_reclaimed: UInt = 0

    null_empty = frozenset({"images_deleted"})


class ProgressDetail(Wire, frozen=True, rename="lower"):
    """How far a transfer is, in bytes."""

    current: Int = 0
    total: Int = 0

    omit_empty = frozenset({"current", "total"})


class ProgressMessage(Wire, frozen=True, rename="camel"):
    """One line of a progress stream (load, import, pull, push)."""

    stream: str = ""
    status: str = ""
    progress_detail: ProgressDetail | None = None
    progress: str = ""
    id: str = ""
    error: str = ""

    omit_empty = frozenset({"stream", "status", "progress_detail", "progress", "id", "error"})
