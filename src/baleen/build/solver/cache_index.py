"""Results of builds in an image: which of its layers are the result of which step.

A document in the image's config names, for each step, the keys that it is found by and the layers
of the result, as indexes into the image's layers. So an image carries the cache of its own build
(inline), and an image made for the purpose that of a whole build (registry, local directory).
Whoever is told to look there trusts whoever has made it, as with BuildKit's caches.

    config: {..., "baleen.build.cache.v1": {"records": [{"keys": [...], "outputs": [[0, 1]], ...}]}}
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from baleen.build.solver.importing import ImportedResult
from baleen.build.trees import Tree
from baleen.errors import BaleenError, InvalidArgument
from baleen.oci.image import ImageConfig, RootFs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from baleen.build.graph import Edge
    from baleen.build.session import Session
    from baleen.build.solver.outcome import Outcome, Solution
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform

__all__ = ["CacheIndex", "IndexImporter", "cache_image", "inline", "read_index"]

log = logging.getLogger(__name__)
_LIMIT_RECORDS = 10_000


class IndexRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One result; `outputs` are indexes of layers, the lowest first, for each tree."""

    keys: list[str]
    outputs: list[list[int]]
    created_ns: int = 0


class CacheIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The document."""

    records: list[IndexRecord]


def _index(outcomes: Iterable[Outcome], whole: Tree) -> CacheIndex:
    """Return the index of the outcomes of which `whole` has all layers."""
    places = {
        (layer.digest, diff_id): place
        for place, (layer, diff_id) in enumerate(zip(whole.layers, whole.diff_ids, strict=True))
    }
    records = []
    for outcome in outcomes:
        pairs = [list(zip(tree.layers, tree.diff_ids, strict=True)) for tree in outcome.trees]
        outputs = [
            [places.get((layer.digest, diff_id), -1) for layer, diff_id in output]
            for output in pairs
        ]
        if outcome.keys and not any(-1 in output for output in outputs):
            records.append(
                IndexRecord(keys=list(outcome.keys), outputs=outputs, created_ns=outcome.created_ns)
            )
    return CacheIndex(records=records)


def inline(config: ImageConfig, solution: Solution, tree: Tree) -> ImageConfig:
    """Return the image's config with the cache of its own steps; `tree` is the image's."""
    index = _index(solution.outcomes.values(), tree)
    return msgspec.structs.replace(config, build_cache=msgspec.Raw(msgspec.json.encode(index)))


def cache_image(
    solution: Solution, targets: Sequence[Edge], platform: Platform, *, everything: bool
) -> tuple[ImageConfig, Tree]:
    """Return an image that holds the results of a build, to be stored as any image.

    With `everything` (mode max) also those of steps that are not part of a target.
    """
    outcomes = [outcome for outcome in solution.outcomes.values() if outcome.keys]
    final = [solution.tree(target) for target in targets]
    if not everything:
        wanted = {layer.digest for tree in final for layer in tree.layers}
        outcomes = [
            outcome
            for outcome in outcomes
            if all(layer.digest in wanted for tree in outcome.trees for layer in tree.layers)
        ]
    pairs = {
        (layer.digest, diff_id): layer
        for outcome in outcomes
        for tree in outcome.trees
        for layer, diff_id in zip(tree.layers, tree.diff_ids, strict=True)
    }
    whole = Tree(tuple(pairs.values()), tuple(diff_id for _, diff_id in pairs))
    index = _index(outcomes, whole)
    config = ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        rootfs=RootFs(type="layers", diff_ids=list(whole.diff_ids)),
        build_cache=msgspec.Raw(msgspec.json.encode(index)),
    )
    return config, whole


def read_index(config: ImageConfig) -> CacheIndex | None:
    """Return the index in an image's config, or None where there is none.

    Raises:
        InvalidArgument: it is malformed.
    """
    if not config.build_cache:
        return None
    try:
        index = msgspec.json.decode(config.build_cache, type=CacheIndex)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"malformed build cache: {err}") from err
    if len(index.records) > _LIMIT_RECORDS:
        raise InvalidArgument(f"a build cache of more than {_LIMIT_RECORDS} records")
    return index


class IndexImporter:
    """Implements `importing.Importer` over one image.

    Args:
        name: for people.
        config: the image's, with the index in it.
        layers: the image's, from its manifest.
        fetch: brings layers into the content store, under the session's lease.

    Raises:
        InvalidArgument: the index is malformed, or layers and config do not fit together.
    """

    def __init__(
        self,
        name: str,
        config: ImageConfig,
        layers: Sequence[Descriptor],
        fetch: Callable[[Sequence[Descriptor], Session], Awaitable[None]],
    ) -> None:
        if len(layers) != len(config.diff_ids):
            raise InvalidArgument(f"{name}: the config names other layers than the manifest")
        self.name = name
        self._layers = layers
        self._diff_ids = config.diff_ids
        self._fetch = fetch
        self._records: dict[str, IndexRecord] = {}
        index = read_index(config)
        for record in index.records if index is not None else ():
            if any(not 0 <= place < len(layers) for out in record.outputs for place in out):
                raise InvalidArgument(f"{name}: a build cache with layers that are not there")
            for key in record.keys:
                self._records.setdefault(key, record)

    def __len__(self) -> int:
        return len(self._records)

    async def find(self, keys: Sequence[str], session: Session) -> ImportedResult | None:
        """See `importing.Importer.find`."""
        record = next((self._records[key] for key in keys if key in self._records), None)
        if record is None:
            return None
        trees = tuple(
            Tree(
                tuple(self._layers[place] for place in output),
                tuple(self._diff_ids[place] for place in output),
            )
            for output in record.outputs
        )
        try:
            await self._fetch([layer for tree in trees for layer in tree.layers], session)
        except BaleenError as err:
            log.warning("build cache %s: %s", self.name, err)
            return None
        return ImportedResult(trees, record.created_ns)
