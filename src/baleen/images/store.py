"""The image store: what the engine calls.

An image is a manifest (or an index of manifests) in the content store; its *image id* is the
digest of that target. Names point at targets; an image without a name is *dangling*. Layers are
unpacked once per chain id. Names and documents live in memory and names are written through to
the state database, so lists touch no disk but for the presence of layers.

All calls are plain and may block; they are safe to make from several threads, as long as the
database is. Order of locks: the store's, then the content store's or the snapshotter's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from baleen.errors import InvalidArgument, NotFound
from baleen.images.archives import Archives
from baleen.images.attestations import attestation_statements
from baleen.images.catalog import Catalog
from baleen.images.checking import check_images
from baleen.images.disk_policy import make_plan
from baleen.images.garbage import GarbageCollector
from baleen.images.image import Image, Variant, reachable
from baleen.images.listing import manifest_views, summaries
from baleen.images.names import NameTable
from baleen.images.removing import Remover
from baleen.images.sizes import freed_bytes
from baleen.images.sources import repositories_with
from baleen.images.transfers import Transfers
from baleen.images.unpack import is_unpacked
from baleen.images.unpacking import Turns, Unpacking, unpack_missing
from baleen.images.usage_times import UsageTimes
from baleen.images.views import history_view, inspect_view
from baleen.oci.platform import host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from baleen.content.store import ContentStore, Lease
    from baleen.images.checking import Report
    from baleen.images.disk_policy import Plan, Policy
    from baleen.images.image import ImageUser
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.platform import Platform
    from baleen.oci.reference import Reference
    from baleen.snapshots.snapshotter import Snapshotter
    from baleen.state.database import Database

__all__ = ["EventSink", "ImageStore"]


class EventSink(Protocol):
    """Told of each change: action `tag`, `untag`, `delete`, `load`, `import`, `save`."""

    def __call__(self, action: str, image_id: str, attributes: Mapping[str, str]) -> None:
        """Take one event; called from the thread of the operation."""
        ...


def _no_event(action: str, image_id: str, attributes: Mapping[str, str]) -> None:
    del action, image_id, attributes


class ImageStore:
    """See the module's text.

    `remove`, `prune` and `remove_unused` are those of `removing.Remover`; `keep`, of the garbage
    collector, has to be called before `start`.

    Attributes:
        usage_times: when images were last used; whoever makes a container tells it.

    Args:
        database: its table "images" belongs to this store.
        content: blobs; started.
        snapshotter: unpacked layers; started.
        platform: what this host runs; found by itself when None.
        on_event: called after each change, from the thread of the call.
    """

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        snapshotter: Snapshotter,
        *,
        platform: Platform | None = None,
        on_event: EventSink | None = None,
    ) -> None:
        self._catalog = Catalog(
            NameTable(database), content, snapshotter, platform or host_platform()
        )
        self._garbage = GarbageCollector(self._catalog, content, snapshotter)
        self.keep = self._garbage.keep
        self._names = self._catalog.names
        self._lock = self._catalog.lock
        self._content = content
        self._snapshotter = snapshotter
        self._emit: EventSink = on_event or _no_event
        self._turns = Turns()
        self.usage_times = UsageTimes(database)
        remover = Remover(self._catalog, content, self._garbage, self.usage_times, self._emit)
        self.remove = remover.remove
        self.prune = remover.prune
        self.remove_unused = remover.remove_unused
        archives = Archives(self, self._catalog, content, snapshotter, self._emit)
        self.load = archives.load
        self.save = archives.save
        self.import_ = archives.import_
        self.commit = archives.commit
        transfers = Transfers(self, self._catalog, content, self._emit)
        self.offer = transfers.offer
        self.read_blob = transfers.read_blob
        self.put_blob = transfers.put_blob
        self.receive = transfers.receive

    @property
    def content(self) -> ContentStore:
        """The blobs, for pull, push and build."""
        return self._content

    @property
    def driver(self) -> str:
        """The name of the snapshotter."""
        return self._snapshotter.driver

    @property
    def platform(self) -> Platform:
        """What this host runs."""
        return self._catalog.platform

    def start(self) -> None:
        """Read the names and collect what a crash left: blobs and layers that no name leads to."""
        with self._lock:
            self._names.start()
            self.usage_times.start({str(digest) for digest in self._names.targets()})
        self.collect_garbage()

    # -- looking up

    def resolve(self, ref: str, *, platform: Platform | None = None) -> Image:
        """Return the image that a name, `name@digest`, image id or unique id prefix means.

        A name wins over an id prefix. Without `platform` an index gives the manifest that runs
        here, or else the first one that is present.

        Raises:
            NotFound: `No such image: x:latest`; or the platform is not offered.
            InvalidArgument: `invalid reference format`.
            DataLoss: a document of the image is missing or damaged (named).
        """
        target, _ = self._catalog.find(ref)
        return self._catalog.image(target, platform, asked=ref)

    def find_id(self, ref: str) -> Digest:
        """Return the image id that `resolve` would find, without reading the image (its errors)."""
        return self._catalog.find(ref)[0].digest

    def exists(self, ref: str) -> bool:
        """Say whether `resolve` would find an image, damaged or not."""
        try:
            self._catalog.find(ref)
        except (NotFound, InvalidArgument):
            return False
        return True

    def tagged(self, reference: Reference) -> list[tuple[Descriptor, Reference]]:
        """Return what a tag points at; without a tag, all tags of the repository, sorted."""
        with self._lock:
            rows = [
                (name.target, name.reference)
                for name in self._names
                if name.reference is not None
                and name.reference.tag is not None
                and name.reference.name == reference.name
                and reference.tag in (None, name.reference.tag)
            ]
        return sorted(rows, key=lambda row: str(row[1]))

    def repositories_with(self, blob: Digest, reference: Reference) -> list[str]:
        """Return other repositories of the same registry that may have a blob; see `sources`."""
        return repositories_with(self._catalog, blob, reference)

    # -- what the API shows

    def count(self) -> int:
        """Return the number of images, for `docker info`."""
        with self._lock:
            return len(self._names.targets())

    def summaries(
        self,
        *,
        filters: Mapping[str, Sequence[str]] | None = None,
        manifests: bool = False,
        shared_size: bool = False,
        in_use: Callable[[str], Sequence[ImageUser]] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the ImageSummary objects of `GET /images/json`; see `listing.summaries`.

        `in_use` maps an image id to the containers made from it; without it Containers is -1.
        """
        return summaries(
            self._catalog,
            self._content,
            filters=filters or {},
            manifests=manifests,
            shared_size=shared_size,
            in_use=in_use,
        )

    def disk_bytes(self, used: Collection[str]) -> tuple[int, int]:
        """Return the bytes that all images take, and those that only unused ones do.

        `used`: the ids of images that containers were made from. Blobs and layers of no image (a
        pull under way) count as in use.
        """
        total = self._content.total_bytes() + sum(self._catalog.layer_sizes().values())
        with self._lock:
            unused = {str(digest) for digest in self._names.targets() if digest not in used}
        return total, freed_bytes(self._catalog, self._content, unused)

    def inspect(
        self,
        ref: str,
        *,
        platform: Platform | None = None,
        manifests: bool = False,
        in_use: Callable[[str], Sequence[ImageUser]] | None = None,
    ) -> dict[str, Any]:
        """Return the ImageInspect object."""
        image = self.resolve(ref, platform=platform)
        with self._lock:
            tagged = [n.tagged_ns for n in self._names.of(image.id) if n.reference is not None]
        view = inspect_view(image, tagged_ns=max(tagged, default=0))
        if manifests:
            users = in_use(str(image.id)) if in_use is not None else ()
            facts = self._catalog.facts(image.target)
            view["Manifests"] = manifest_views(facts, self._catalog.layer_sizes(), users)
        return view

    def history(self, ref: str, *, platform: Platform | None = None) -> list[dict[str, Any]]:
        """Return the ImageHistoryResponseItem objects, newest first."""
        return history_view(self.resolve(ref, platform=platform), self._snapshotter)

    def attestations(
        self, ref: str, *, platform: Platform | None, types: Sequence[str], statements: bool
    ) -> list[dict[str, Any]]:
        """Return the AttestationStatement objects about an image (see `attestations`)."""
        image = self.resolve(ref, platform=platform)
        return attestation_statements(
            self._content,
            self._catalog.facts(image.target),
            image.manifest_descriptor.digest,
            types=types,
            statements=statements,
        )

    # -- layers

    def unpack(self, image: Image) -> Digest | None:
        """Make sure that the image's layers are unpacked; return the top one's chain id.

        Nearly free when they are. Verifies each diff id.
        """
        variant = Variant(image.manifest_descriptor, image.manifest, image.config, image.chain_ids)
        self._unpack(variant)
        return image.chain_id

    def _unpack(self, variant: Variant) -> list[Descriptor]:
        if is_unpacked(self._snapshotter, variant):
            return []
        with self.unpacking(variant) as unpacking:
            return list(unpack_missing(unpacking))

    @contextmanager
    def unpacking(self, variant: Variant) -> Iterator[Unpacking]:
        """Give what unpacks an image's layers as they arrive; no garbage is collected meanwhile."""
        with (
            self._garbage.held_off(),
            Unpacking(self._content, self._snapshotter, variant, self._turns) as unpacking,
        ):
            yield unpacking

    # -- names

    def tag(self, ref: str, repo: str, tag: str) -> None:
        """Let the name `repo:tag` (`latest` when empty) point at the image `ref`."""
        reference = self._catalog.new_name(repo, tag)
        with self._lock:
            target, _ = self._catalog.find(ref)
            self._names.put(reference, target)
        self._emit("tag", str(target.digest), {"name": reference.familiar})

    def put(self, target: Descriptor, references: Sequence[Reference]) -> None:
        """Name an image whose blobs were put under a lease that is still held.

        Without references it is kept as a dangling image. For load, import, pull and build.
        """
        with self._lock:
            self._catalog.forget(target.digest)
            if not references:
                self._names.put_dangling(target)
            for reference in references:
                self._names.put(reference.with_default_tag(), target)
            self._content.settle(self._catalog.facts(target).blobs())

    # -- the disk

    def disk_plan(
        self,
        policy: Policy,
        *,
        free_bytes: int,
        size_bytes: int,
        now_ns: int,
        users: Mapping[str, int],
    ) -> Plan:
        """Return what the disk policy would remove, and why; see `disk_policy.make_plan`."""
        return make_plan(
            self._catalog,
            self._content,
            policy,
            free_bytes=free_bytes,
            size_bytes=size_bytes,
            now_ns=now_ns,
            last_used=self._last_used,
            users=users,
        )

    def _last_used(self, image_id: Digest) -> int:
        with self._lock:
            tagged = max((name.tagged_ns for name in self._names.of(image_id)), default=0)
        return max(tagged, self.usage_times.get(str(image_id)))

    # -- garbage

    def blobs(self) -> set[Digest]:
        """Return the digests of all blobs that images consist of."""
        with self._lock:
            targets = list(self._names.targets().values())
            return {digest for target in targets for digest in self._catalog.facts(target).blobs()}

    def collect_garbage(self) -> int:
        """Remove the blobs and layers that no name and no snapshot leads to; return the bytes.

        While an image is being made, the layers wait for the end of that.
        """
        return self._garbage.collect()

    @contextmanager
    def held(self, image: Image) -> Iterator[None]:
        """Keep an image's blobs inside the block, whatever becomes of its names."""
        with self._content.lease() as lease:
            for digest in reachable(self._content, image.target):
                self._content.adopt(digest, lease)
            yield

    def check(self) -> Report:
        """Read every blob of every image; tells of those that are missing or corrupt."""
        return check_images(self._catalog, self._content)

    def changing(self) -> AbstractContextManager[Lease]:
        """Hold a lease for blobs and layers of an image that is about to be made, then `put`.

        When the block fails, whatever has no name by then is collected.
        """
        return self._garbage.changing()
