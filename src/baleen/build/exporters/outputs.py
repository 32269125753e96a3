"""Which exporters a client asks for, checked.

See: Docker's `docker buildx build --output`; Engine API, POST /build, `outputs`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from baleen.api.booleans import parse_boolean
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["COMPRESSIONS", "Output", "OutputKind", "parse_outputs"]

OutputKind = Literal["image", "oci", "docker", "local", "tar", "cacheonly"]

_KINDS: Final[dict[str, OutputKind]] = {
    "image": "image",
    "moby": "image",
    "registry": "image",
    "oci": "oci",
    "docker": "docker",
    "local": "local",
    "tar": "tar",
    "cacheonly": "cacheonly",
}
# The attributes of each kind that are understood; what is not is refused, not ignored.
_COMMON = frozenset({"rewrite-timestamp", "source-date-epoch", "dest", "type"})
_IMAGE = frozenset(
    {
        "name",
        "push",
        "push-by-digest",
        "dangling-name-prefix",
        "unpack",
        "store",
        "oci-mediatypes",
        "force-compression",
        "compression",
        "compression-level",
        "annotation",
        "buildinfo",
        "prefer-nondist-layers",
    }
)
_ARCHIVE = _IMAGE | {"tar", "tag"}
_FILES = frozenset({"platform-split"})
_ATTRIBUTES: Final[dict[str, frozenset[str]]] = {
    "image": _COMMON | _IMAGE,
    "oci": _COMMON | _ARCHIVE,
    "docker": _COMMON | _ARCHIVE,
    "local": _COMMON | _FILES,
    "tar": _COMMON | _FILES,
    "cacheonly": frozenset({"type"}),
}
COMPRESSIONS = frozenset({"", "gzip", "uncompressed", "zstd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One exporter.

    Attributes:
        kind: see `OutputKind`; `registry` is an image that is pushed.
        attributes: as the client gave them, known ones only.
    """

    kind: OutputKind
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names that the attribute `name` has."""
        return [name for name in self.attributes.get("name", "").split(",") if name]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value; one that is none was refused before."""
        return _boolean(self.attributes.get(name, ""), name, default=default)

    @property
    def to_client(self) -> bool:
        """Whether the bytes go back to the client."""
        return self.kind in ("oci", "docker", "local", "tar")


def parse_outputs(entries: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[Output, ...]:
    """Return the exporters that (type, attributes) pairs ask for.

    Raises:
        InvalidArgument: an unknown type, attribute or value.
    """
    return tuple(_parse(kind, attributes) for kind, attributes in entries)


def _parse(name: str, attributes: Mapping[str, str]) -> Output:
    # dockerd's "moby" says in its attributes which one it is.
    wanted = attributes.get("type", "") or name if name == "moby" else name
    kind = _KINDS.get(wanted)
    if kind is None:
        known = ", ".join(sorted(_KINDS))
        raise InvalidArgument(f'unknown output type "{wanted}": it is one of {known}')
    known_attributes = _ATTRIBUTES[kind]
    for key in attributes:
        base = key.partition(".")[0].partition("[")[0]
        if not base.startswith("annotation") and key not in known_attributes:
            raise InvalidArgument(f'unknown attribute "{key}" of the output type "{wanted}"')
    compression = attributes.get("compression", "")
    if compression not in COMPRESSIONS:
        raise InvalidArgument(
            f'unsupported layer compression type "{compression}": it is one of '
            "gzip, uncompressed, zstd"
        )
    values = dict(attributes)
    if wanted == "registry":
        values.setdefault("push", "true")
    for key in ("push", "rewrite-timestamp", "force-compression", "platform-split", "store"):
        _boolean(values.get(key, ""), key)
    return Output(kind=kind, attributes=values)


def _boolean(text: str, name: str, *, default: bool = False) -> bool:
    if not text:
        return default
    found = parse_boolean(text)
    if found is None:
        raise InvalidArgument(f'invalid value "{text}" for {name}: it is true or false')
    return found
