"""Removing images: by name, by id, one platform of them, or all that are unused.

What may go is decided in `removal`; here it goes, the garbage is collected, and the events are
told.

See: Engine API, /images/{name} DELETE, /images/prune.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.errors import Conflict
from baleen.images import filters as image_filters
from baleen.images.removal import plan_platforms, plan_removal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog
    from baleen.images.facts import Facts, ManifestFacts
    from baleen.images.garbage import GarbageCollector
    from baleen.images.image import ImageUser
    from baleen.images.names import Name
    from baleen.images.usage_times import UsageTimes
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform

__all__ = ["Remover"]


class Remover:
    """The removing half of the image store.

    Args:
        emit: told of each `untag` and `delete`: action, image id, attributes.
    """

    def __init__(
        self,
        catalog: Catalog,
        content: ContentStore,
        garbage: GarbageCollector,
        usage_times: UsageTimes,
        emit: Callable[[str, str, Mapping[str, str]], None],
    ) -> None:
        self._catalog = catalog
        self._names = catalog.names
        self._lock = catalog.lock
        self._content = content
        self._garbage = garbage
        self._usage_times = usage_times
        self._emit = emit

    def remove(
        self,
        ref: str,
        *,
        force: bool = False,
        noprune: bool = False,
        platforms: Sequence[Platform] = (),
        in_use: Callable[[str], Sequence[ImageUser]],
    ) -> list[dict[str, str]]:
        """Untag `ref`, and delete the image with its last name, as `DELETE /images/{name}`.

        With `platforms` only what is here for those goes, and the names stay; when nothing is left
        then, it is as without. `in_use` maps an image id to the containers made from it. `noprune`
        changes nothing: there are no parent images.

        Raises:
            NotFound: `No such image: x:latest`, or a platform is not here.
            Conflict: a container uses it, or an id was given that has several names.
        """
        del noprune
        with self._lock:
            target, by_name = self._catalog.find(ref)
            users = in_use(str(target.digest))
            facts = self._catalog.facts(target)
            doomed = plan_platforms(facts, platforms, asked=ref, users=users, force=force)
            if doomed:
                return self._remove_manifests(facts, doomed)
            names = self._names.of(target.digest)
            plan = plan_removal(
                target.digest, names, asked=ref, by_name=by_name, force=force, users=users
            )
            for name in plan.untag:
                self._names.remove(name.key, keep_image=not plan.delete)
        return self._report(target.digest, plan.untag, deleted=plan.delete)

    def _remove_manifests(
        self, facts: Facts, doomed: Sequence[ManifestFacts]
    ) -> list[dict[str, str]]:
        targets = self._names.targets()
        others = [self._catalog.facts(targets[digest]) for digest in targets]
        for manifest in doomed:
            digest = manifest.descriptor.digest
            for other in others:
                if other.target.digest != facts.target.digest and digest in other.blobs():
                    raise Conflict(
                        f"conflict: unable to delete {digest.short} (cannot be forced) - "
                        f"image {other.target.digest.short} has it too"
                    )
        for manifest in doomed:
            self._content.delete(manifest.descriptor.digest)
        for other in others:
            self._catalog.forget(other.target.digest)
        self._garbage.collect()
        return [{"Deleted": str(manifest.descriptor.digest)} for manifest in doomed]

    def prune(
        self,
        *,
        filters: Mapping[str, Sequence[str]],
        in_use: Callable[[str], Sequence[ImageUser]],
    ) -> dict[str, Any]:
        """Delete unused images: dangling ones, or all with filter `dangling=false`.

        Downloads that were broken off go too. Returns the ImagePruneResponse object:
        ImagesDeleted, SpaceReclaimed.
        """
        image_filters.check_names(filters, image_filters.PRUNE_FILTERS)
        only_dangling = image_filters.dangling(filters) is not False
        has_labels = image_filters.label_matcher(filters)
        until = image_filters.until_ns(filters)
        doomed = [
            entry.facts.target.digest
            for entry in self._catalog.entries()
            if not (only_dangling and entry.repo_digests)
            and has_labels(entry.facts.labels or {})
            and (until is None or entry.facts.created_ns <= until)
        ]
        reclaimed = self._content.discard_partials()
        deleted, freed = self.remove_unused(doomed, in_use)
        reclaimed += freed
        return {"ImagesDeleted": deleted or None, "SpaceReclaimed": reclaimed}

    def remove_unused(
        self, image_ids: Sequence[Digest], in_use: Callable[[str], Sequence[ImageUser]]
    ) -> tuple[list[dict[str, str]], int]:
        """Remove those images with all their names; one that a container uses stays.

        Returns what was untagged and deleted, and the bytes freed.
        """
        removed: list[tuple[Digest, list[Name]]] = []
        with self._lock, self._names.change():
            for image_id in image_ids:
                if in_use(str(image_id)):
                    continue
                names = self._names.of(image_id)
                for name in names:
                    self._names.remove(name.key)
                removed.append((image_id, names))
        reclaimed = self._garbage.collect()
        records = []
        for image_id, names in removed:
            records += self._report(image_id, names, deleted=True, collect=False)
        return records, reclaimed

    def _report(
        self, image_id: Digest, untagged: Sequence[Name], *, deleted: bool, collect: bool = True
    ) -> list[dict[str, str]]:
        records = []
        for name in untagged:
            if name.reference is not None:
                records.append({"Untagged": name.reference.familiar})
                self._emit("untag", str(image_id), {"name": name.reference.familiar})
        if deleted:
            self._catalog.forget(image_id)
            self._usage_times.forget(str(image_id))
            if collect:
                self._garbage.collect()
            records.append({"Deleted": str(image_id)})
            self._emit("delete", str(image_id), {"name": str(image_id)})
        return records
