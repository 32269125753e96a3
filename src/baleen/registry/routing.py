"""Paths of the API and what they name.

A repository's name may itself have components such as `blobs` or `tags`, so a path is read from its
end.

See: OCI distribution-spec spec.md, "Endpoints".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from baleen.registry.errors import ApiError, Code
from baleen.registry.names import parse_name

__all__ = ["Kind", "Route", "find_route"]

# Above a name of 255, a sha512 digest and the words between.
_PATH_LIMIT = 1024


class Kind(Enum):
    """What a path stands for."""

    BASE = auto()
    CATALOG = auto()
    TAGS = auto()
    MANIFEST = auto()
    REFERRERS = auto()
    BLOB = auto()
    UPLOADS = auto()
    UPLOAD = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """A path that is understood.

    Attributes:
        name: of the repository; its grammar is checked. Empty for BASE and CATALOG.
        unsafe_reference: the last part, not yet checked.
    """

    kind: Kind
    name: str = ""
    unsafe_reference: str = ""


def find_route(path: str, raw_path: bytes, prefix: str) -> Route | None:
    """Return what `path` stands for, or None when it is no path of the API.

    Args:
        path: decoded once.
        raw_path: as it was sent, or empty where the server does not tell.
        prefix: of the API, ending in `/`.

    Raises:
        ApiError: NAME_INVALID.
    """
    base = f"{prefix}v2"
    if path in {base, f"{base}/"}:
        return Route(Kind.BASE)
    if not path.startswith(f"{base}/"):
        return None
    if len(path) > _PATH_LIMIT or _is_encoded(raw_path):
        raise ApiError(Code.NAME_INVALID, "the path is too long or has encoded characters")
    parts = path[len(base) + 1 :].split("/")
    if parts == ["_catalog"]:
        return Route(Kind.CATALOG)
    if len(parts) > 3 and parts[-3:-1] == ["blobs", "uploads"]:
        name, kind = parts[:-3], Kind.UPLOAD if parts[-1] else Kind.UPLOADS
    elif len(parts) > 2 and parts[-2:] == ["blobs", "uploads"]:
        # Without the slash at the end, which Docker's registry takes too.
        return Route(Kind.UPLOADS, parse_name("/".join(parts[:-2])))
    elif len(parts) > 2 and parts[-2:] == ["tags", "list"]:
        return Route(Kind.TAGS, parse_name("/".join(parts[:-2])))
    elif len(parts) > 2 and parts[-2] in _BY_WORD and parts[-1]:
        name, kind = parts[:-2], _BY_WORD[parts[-2]]
    else:
        return None
    return Route(kind, parse_name("/".join(name)), parts[-1])


_BY_WORD = {"manifests": Kind.MANIFEST, "blobs": Kind.BLOB, "referrers": Kind.REFERRERS}


def _is_encoded(raw_path: bytes) -> bool:
    # Nothing that a name can hold needs an escape but the colon of a digest, which some clients
    # send so. `%2f` would name what rights were not asked for.
    path = raw_path.partition(b"?")[0]
    return b"%" in path.replace(b"%3A", b"").replace(b"%3a", b"")
