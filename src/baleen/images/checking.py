"""Is everything still what it was? Finds blobs that are missing or corrupt, and whose they are.

Every blob of every image is read and hashed. What is found corrupt counts as not here from then on
(until the daemon ends): pulling or loading the image again brings it anew. Manifests of platforms
that were never fetched are no damage; a blob that is missing of one that was, is.

See: SECURITY-CASES F12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baleen.errors import BaleenError, DataLoss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog
    from baleen.images.facts import Facts
    from baleen.oci.digest import Digest

__all__ = ["Report", "check_images"]


@dataclass(slots=True)
class _Damage:
    digest: str
    problem: str
    images: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        images: how many were looked at.
        blobs: how many were read.
        content_bytes: what those hold.
        problems: each with Digest, Problem (`missing`, `corrupt` or a sentence) and the Images that
            need it (names, or ids of those without).
    """

    images: int
    blobs: int
    content_bytes: int
    problems: list[dict[str, Any]]

    def view(self) -> dict[str, Any]:
        """Return it as the answer of `POST /baleen/v1/images/check`."""
        return {
            "Images": self.images,
            "Blobs": self.blobs,
            "Bytes": self.content_bytes,
            "Problems": self.problems,
        }


def check_images(catalog: Catalog, content: ContentStore) -> Report:
    """Read everything; takes as long as reading the content store does."""
    with catalog.lock:
        targets = list(catalog.names.targets().values())
    found: dict[str, _Damage] = {}
    checked: dict[Digest, str] = {}
    total = 0
    for target in targets:
        catalog.forget(target.digest)
        facts = catalog.facts(target)
        tags, digests = catalog.names.shown(target.digest)
        name = (tags or digests or (str(target.digest),))[0]
        problems = list(_problems(content, facts, checked))
        if facts.chosen < 0 and not problems:
            problems.append((target.digest, facts.problem))
        if not catalog.names.has(target.digest):
            continue  # removed meanwhile
        for digest, problem in problems:
            damage = found.setdefault(digest, _Damage(str(digest), problem, []))
            damage.images.append(name)
    for digest in checked:
        total += content.size(digest) or 0
    return Report(
        images=len(targets),
        blobs=len(checked),
        content_bytes=total,
        problems=[
            {"Digest": d.digest, "Problem": d.problem, "Images": d.images} for d in found.values()
        ],
    )


def _problems(
    content: ContentStore, facts: Facts, checked: dict[Digest, str]
) -> Iterator[tuple[Digest, str]]:
    for digest in dict.fromkeys(_expected(content, facts)):
        if digest not in checked:
            checked[digest] = _read(content, digest)
        if checked[digest]:
            yield digest, checked[digest]


def _expected(content: ContentStore, facts: Facts) -> Iterator[Digest]:
    """Return the blobs that have to be here."""
    yield facts.target.digest
    for digest in facts.others:
        if content.has(digest):
            yield digest
    for manifest in facts.manifests:
        if content.has(manifest.descriptor.digest):
            yield manifest.descriptor.digest
            yield from manifest.blobs


def _read(content: ContentStore, digest: Digest) -> str:
    try:
        for _ in content.chunks(digest):
            pass
    except DataLoss:
        return "corrupt"
    except BaleenError:
        return "missing"
    except OSError as err:
        return f"cannot be read: {err.strerror}"
    return ""
