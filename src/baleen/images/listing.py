"""`GET /images/json`: all images as summaries, filtered; from memory.

See: Engine API v1.55, /images/json; definition ImageSummary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.images import filters as image_filters
from baleen.images.sizes import shared_bytes
from baleen.images.views import manifest_summary, summary_view
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog, Entry
    from baleen.images.facts import Facts
    from baleen.images.image import ImageUser
    from baleen.oci.digest import Digest
    from baleen.oci.reference import Reference

__all__ = ["manifest_views", "selected", "summaries"]


def summaries(
    catalog: Catalog,
    content: ContentStore,
    *,
    filters: Mapping[str, Sequence[str]],
    manifests: bool,
    shared_size: bool,
    in_use: Callable[[str], Sequence[ImageUser]] | None,
) -> list[dict[str, Any]]:
    """Return the ImageSummary objects, newest first; a damaged image is left out.

    Raises:
        InvalidArgument: `invalid filter 'x'`.
    """
    layers = catalog.layer_sizes()
    shared = shared_bytes(catalog, content, layers) if shared_size else {}
    result = []
    for entry in selected(catalog, filters):
        image_id = entry.facts.target.digest
        users = in_use(image_id) if in_use is not None else ()
        summary = summary_view(
            entry,
            containers=len(users) if in_use is not None else -1,
            size=catalog.size(entry.facts, layers),
            shared_size=shared.get(image_id, 0) if shared_size else -1,
        )
        if manifests:
            summary["Manifests"] = manifest_views(entry.facts, layers, users)
        result.append(summary)
    return result


def manifest_views(
    facts: Facts, layers: Mapping[Digest, int], users: Sequence[ImageUser]
) -> list[dict[str, Any]]:
    """Return the ImageManifestSummary objects of a target, those that are not here included."""
    return [
        manifest_summary(
            manifest,
            layers,
            # Which of its manifests a container was made from is not recorded; it is the one that
            # stands for the image unless another platform was asked for.
            [user.container_id for user in users] if number == facts.chosen else [],
        )
        for number, manifest in enumerate(facts.manifests)
    ]


def selected(catalog: Catalog, filters: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Return the images that pass `filters`, newest first.

    A filter by name leaves only the names that match.
    """
    image_filters.check_names(filters, image_filters.LIST_FILTERS)
    wants_dangling = image_filters.dangling(filters)
    has_labels = image_filters.label_matcher(filters)
    matches = image_filters.reference_matcher(filters)
    until = image_filters.until_ns(filters)
    before = [_created(catalog, ref) for ref in filters.get("before", ())]
    since = [_created(catalog, ref) for ref in filters.get("since", ())]
    entries = []
    for entry in catalog.entries():
        created = entry.facts.created_ns
        # A name by digest alone is a name too.
        if wants_dangling is not None and wants_dangling == bool(entry.repo_digests):
            continue
        if not has_labels(entry.facts.labels or {}):
            continue
        if any(created >= point for point in before) or any(created <= p for p in since):
            continue
        if until is not None and created > until:
            continue
        if matches is not None:
            entry = _with_names(entry, matches)
            if not entry.repo_digests:
                continue
        entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry.facts.created_ns, entry.repo_tags))


def _with_names(entry: Entry, matches: Callable[[Reference], bool]) -> Entry:
    """Return the image with those of its names that match; with a tag goes its digest."""
    tags = [name for name in map(parse_reference, entry.repo_tags) if matches(name)]
    repositories = {name.familiar_name for name in tags}
    return entry._replace(
        repo_tags=tuple(name.familiar for name in tags),
        repo_digests=tuple(
            text
            for text in entry.repo_digests
            if text.partition("@")[0] in repositories or matches(parse_reference(text))
        ),
    )


def _created(catalog: Catalog, ref: str) -> int:
    target, _ = catalog.find(ref)
    return catalog.facts(target).created_ns
