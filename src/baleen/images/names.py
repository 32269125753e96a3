"""The table of names: which reference points at which target; in memory, written through.

A dangling image has the pseudo name `<none>@<digest>`, so that every image has at least one row,
and whatever has no row is garbage.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import BaleenError
from baleen.oci.descriptor import Descriptor, decode_document, encode_document
from baleen.oci.reference import Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.oci.digest import Digest
    from baleen.state.database import Database

__all__ = ["Name", "NameTable"]

_DANGLING = "<none>@"


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    target: Descriptor
    tagged_ns: int


@dataclass(frozen=True, slots=True)
class Name:
    """One row.

    Attributes:
        key: the full reference, or the pseudo name.
        reference: None for a dangling image.
        target: what it points at.
        tagged_ns: when, nanoseconds since the epoch.
    """

    key: str
    reference: Reference | None
    target: Descriptor
    tagged_ns: int


class NameTable:
    """Not synchronised: the store's lock is held around each call."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: dict[str, Name] = {}
        self._by_image: dict[Digest, dict[str, Name]] = {}
        self._shown: dict[Digest, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def start(self) -> None:
        """Read the table. Raises InvalidArgument for a row that is not ours."""
        for key, document in self._database.all("images"):
            row = decode_document(document, _Row, f'row "{key}" of the image table')
            reference = None if key.startswith(_DANGLING) else parse_reference(key)
            self._remember(Name(key, reference, row.target, row.tagged_ns))

    def __iter__(self) -> Iterator[Name]:
        return iter(list(self._names.values()))

    def get(self, reference: Reference) -> Name | None:
        """Return the row of a reference with a tag."""
        return self._names.get(str(reference))

    def of(self, image_id: Digest) -> list[Name]:
        """Return the rows that point at an image, sorted."""
        return sorted(self._by_image.get(image_id, {}).values(), key=lambda name: name.key)

    def has(self, image_id: Digest) -> bool:
        """Say whether any row points at an image."""
        return image_id in self._by_image

    def shown(self, image_id: Digest) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the API's RepoTags and RepoDigests of an image, each sorted.

        A name by digest (`docker pull x@sha256:…`) is no tag. Both are empty for a dangling image.
        """
        known = self._shown.get(image_id)
        if known is None:
            names = [name.reference for name in self._by_image.get(image_id, {}).values()]
            references = [reference for reference in names if reference is not None]
            known = (
                tuple(sorted(name.familiar for name in references if name.digest is None)),
                tuple(
                    sorted({f"{reference.familiar_name}@{image_id}" for reference in references})
                ),
            )
            if image_id in self._by_image:
                self._shown[image_id] = known
        return known

    def targets(self) -> dict[Digest, Descriptor]:
        """Return all targets by image id."""
        return {image: next(iter(rows.values())).target for image, rows in self._by_image.items()}

    def put(self, reference: Reference, target: Descriptor) -> None:
        """Let a name point at a target.

        The image that loses its last name by that becomes dangling; the one that gets its first is
        not dangling any more.
        """
        with self.change():
            previous = self._names.get(str(reference))
            self._write(str(reference), reference, target)
            self._drop(_DANGLING + target.digest)
            if previous is not None:
                self._keep(previous.target)

    def put_dangling(self, target: Descriptor) -> None:
        """Make sure that the target has a row."""
        with self.change():
            self._keep(target)

    def remove(self, key: str, *, keep_image: bool = False) -> None:
        """Remove a row; with `keep_image` its image becomes dangling if this was the last one."""
        with self.change():
            name = self._names.get(key)
            self._drop(key)
            if name is not None and keep_image:
                self._keep(name.target)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Write rows together; when that fails, the table is again what the database has."""
        try:
            with self._database.transaction():
                yield
        except BaleenError:
            self._names.clear()
            self._by_image.clear()
            self._shown.clear()
            self.start()
            raise

    def _keep(self, target: Descriptor) -> None:
        if target.digest not in self._by_image:
            self._write(_DANGLING + target.digest, None, target)

    def _write(self, key: str, reference: Reference | None, target: Descriptor) -> None:
        row = _Row(target=target, tagged_ns=time.time_ns())
        self._database.put("images", key, encode_document(row))
        self._forget(key)
        self._remember(Name(key, reference, target, row.tagged_ns))

    def _drop(self, key: str) -> None:
        if key in self._names:
            self._database.delete("images", key)
            self._forget(key)

    def _remember(self, name: Name) -> None:
        self._names[name.key] = name
        self._shown.pop(name.target.digest, None)
        self._by_image.setdefault(name.target.digest, {})[name.key] = name

    def _forget(self, key: str) -> None:
        name = self._names.pop(key, None)
        if name is not None:
            self._shown.pop(name.target.digest, None)
            rows = self._by_image[name.target.digest]
            del rows[key]
            if not rows:
                del self._by_image[name.target.digest]
