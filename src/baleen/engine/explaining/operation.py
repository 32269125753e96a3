"""The operation itself: gathers what is known of a container, and joins the sections.

Two ways lead to a `Subject`. Of a running container the documents of its run are read, and the
kernel's view of its process. Of one that does not run, and of one that does not even exist (a dry
run), the documents are made that a start would write; nothing else is made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.api.explanation import ExplainedSeccomp, Explanation
from baleen.engine.container_networks import shared_with
from baleen.engine.explaining.cgroups import explain_cgroup
from baleen.engine.explaining.layers import explain_layers
from baleen.engine.explaining.live_network import LiveNetwork, read_network
from baleen.engine.explaining.live_process import (
    LiveProcess,
    namespace_ids,
    open_process,
    read_process,
)
from baleen.engine.explaining.mounts import explain_mounts
from baleen.engine.explaining.namespaces import explain_namespaces
from baleen.engine.explaining.network import Attachment, explain_network, explain_sysctls
from baleen.engine.explaining.paths import explain_paths
from baleen.engine.explaining.privileges import explain_capabilities
from baleen.engine.explaining.process import explain_process
from baleen.engine.explaining.subject import Neighbour, Subject
from baleen.engine.explaining.syscalls import explain_seccomp
from baleen.engine.explaining.weaknesses import find_weaknesses
from baleen.engine.port_bindings import port_requests
from baleen.engine.security_options import parse_security_options
from baleen.errors import BaleenError, Conflict, NotFound
from baleen.snapshots import Mounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import ContainerCreateBody
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.bundles import Bundles
    from baleen.engine.config import EngineConfig
    from baleen.engine.creating import Creating
    from baleen.engine.seccomp_programs import SeccompPrograms
    from baleen.engine.starter import Starter
    from baleen.engine.tasks import Tasks
    from baleen.images import Image, ImageStore
    from baleen.linux.cgroup import CgroupDriver
    from baleen.network.manager import NetworkManager
    from baleen.network.network import Network
    from baleen.snapshots import Snapshotter
    from baleen.volumes import VolumeStore

__all__ = ["Explaining"]

_ANY: Final = "0.0.0.0"  # noqa: S104  # compared with, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the engine itself knows, gathered on the loop.

    Attributes:
        others: name, id and pid of each other running container.
        program: file name of the run's seccomp program, "" for none; None in a plan.
        strict: what a start would refuse raises.
    """

    record: ContainerRecord
    oci: dict[str, Any]
    roots: Mounts | None
    joined: dict[str, str]
    attachments: list[Attachment]
    anonymous: frozenset[str]
    others: Sequence[tuple[str, str, int]]
    program: str | None
    init: bool
    problems: Sequence[str] = ()
    strict: bool = False


class Explaining:
    """Explains containers that are, and such as would be."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        images: ImageStore,
        snapshots: Snapshotter,
        volumes: VolumeStore,
        networks: NetworkManager,
        bundles: Bundles,
        creating: Creating,
        starter: Starter,
        seccomp: SeccompPrograms,
        cgroups: CgroupDriver,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._networks = networks
        self._bundles = bundles
        self._creating = creating
        self._starter = starter
        self._seccomp = seccomp
        self._cgroups = cgroups
        self._tasks = tasks

    async def explain(self, ref: str) -> Explanation:
        """Return what isolates the container, or what would if it were started.

        Raises:
            NotFound, InvalidArgument: no such container.
            Conflict: it ended while it was looked at.
        """
        record = self._store.get(ref)
        if record.is_running:
            return await self._tasks.blocking(self._explain, self._known_of_run(record))
        known = self._known_of_plan(record, self._roots(record))
        return await self._tasks.blocking(self._explain, known)

    async def explain_create(
        self, name: str | None, body: ContainerCreateBody, platform: str
    ) -> Explanation:
        """Return what a create with this body, and a start, would make. Nothing is made.

        Raises:
            NotFound: no such image, network or user.
            AlreadyExists: the name is taken.
            InvalidArgument, Conflict: what a create or a start would refuse.
        """
        record, image, warnings = await self._creating.plan(name, body, platform)
        known = self._known_of_plan(record, self._image_roots(image), strict=True)
        found = await self._tasks.blocking(self._explain, known)
        return msgspec.structs.replace(
            found, id="", name=name or "", status="dry-run", warnings=warnings
        )

    # --- gathering, on the loop ----------------------------------------------------------------

    def _known_of_run(self, record: ContainerRecord) -> _Known:
        oci, start = self._bundles.documents(record)
        program = start.get("seccomp_program")
        return _Known(
            record=record,
            oci=oci,
            roots=self._roots(record),
            joined=self._joined(record),
            attachments=self._attachments(record, []),
            anonymous=self._anonymous(record),
            others=self._others(record.id),
            program=os.path.basename(program) if program else "",  # noqa: PTH119
            init=bool(start.get("init")),
        )

    def _known_of_plan(
        self, record: ContainerRecord, roots: Mounts | None, *, strict: bool = False
    ) -> _Known:
        """Gather for a container without a process; `strict`: a failing start raises."""
        oci, problems = self._bundles.plan(record, roots, strict=strict)
        attachments = self._attachments(record, problems, strict=strict)
        if any(item.rules for item in attachments):
            problems += self._taken_ports(record, strict=strict)
        return _Known(
            record=record,
            oci=oci,
            roots=roots,
            joined=self._joined(record),
            attachments=attachments,
            anonymous=self._anonymous(record),
            others=self._others(record.id),
            program=None,
            init=self._bundles.wants_init(record),
            problems=problems,
            strict=strict,
        )

    def _roots(self, record: ContainerRecord) -> Mounts | None:
        try:
            return self._snapshots.mounts(record.id)
        except NotFound:  # lost with the power; a start unpacks the image again
            return None

    def _image_roots(self, image: Image) -> Mounts | None:
        layers = [self._snapshots.layer(chain_id) for chain_id in reversed(image.chain_ids)]
        directories = tuple(str(layer.path) for layer in layers if layer is not None)
        if not directories or len(directories) < len(layers):
            return None
        return Mounts(directories, None, None)

    def _joined(self, record: ContainerRecord) -> dict[str, str]:
        host = record.host_config
        modes = {"network": host.network_mode, "pid": host.pid_mode, "ipc": host.ipc_mode}
        result = {}
        for kind, mode in modes.items():
            reference = shared_with(mode)
            if reference is None:
                continue
            try:
                result[kind] = self._store.get(reference).name
            except BaleenError:
                result[kind] = reference
        if result and self._config.remapping_of(host) is not None:
            result["user"] = next(iter(result.values()))
        return result

    def _others(self, container_id: str) -> list[tuple[str, str, int]]:
        return [
            (record.name, record.id, record.pid)
            for record in self._store
            if record.is_running and record.id != container_id
        ]

    def _anonymous(self, record: ContainerRecord) -> frozenset[str]:
        names = {point.name for point in record.mounts if point.type == "volume" and point.name}
        found = set()
        for name in names:
            try:
                if self._volumes.is_anonymous(name):
                    found.add(name)
            except NotFound:  # a named one that a start would make
                continue
        return frozenset(found)

    def _attachments(
        self, record: ContainerRecord, problems: list[str], *, strict: bool = False
    ) -> list[Attachment]:
        active = {endpoint.network_id: endpoint for endpoint in record.active_endpoints}
        result = []
        for name, settings in sorted(record.endpoints.items()):
            try:
                network = self._network(name, settings.network_id)
                rules = self._networks.rules(network)
            except BaleenError as err:
                if strict:
                    raise
                problems.append(str(err))
                continue
            wanted = settings.ipam_config.ipv4_address if settings.ipam_config else ""
            result.append(
                Attachment(
                    network,
                    rules,
                    endpoint=active.get(network.id),
                    wanted_address=wanted,
                    gw_priority=settings.gw_priority,
                )
            )
        # The first of those with a way out gives the default route and has the ports.
        return sorted(result, key=lambda item: (item.network.internal, -item.gw_priority))

    def _taken_ports(self, record: ContainerRecord, *, strict: bool) -> list[str]:
        """Return a text for each host port that another container of ours has now.

        Ports of other programs are not known before they are tried.
        """
        held = [port for other in self._store if other.is_running for port in other.published]
        texts = []
        for wanted in port_requests(record.config, record.host_config):
            if wanted.host_port_first and wanted.host_port_last <= wanted.host_port_first:
                address = wanted.host_ip or _ANY
                texts += [
                    f"Bind for {address}:{wanted.host_port_first} failed: port is already allocated"
                    for port in held
                    if (port.protocol, port.host_port) == (wanted.protocol, wanted.host_port_first)
                    and (_ANY in (address, port.host_ip) or address == port.host_ip)
                ]
        if strict and texts:
            raise Conflict(texts[0])
        return list(dict.fromkeys(texts))

    def _network(self, name: str, network_id: str) -> Network:
        """Return the network that a start would take: that of the creation, else of its name."""
        try:
            return self._networks.resolve(network_id or name)
        except NotFound:
            return self._networks.resolve(name)

    # --- reading and joining, in a thread --------------------------------------------------------

    def _explain(self, known: _Known) -> Explanation:
        record = known.record
        subject = Subject(
            record=record,
            oci=known.oci,
            roots=known.roots,
            joined=known.joined,
            remaps=self._config.remapping is not None,
            neighbours=[found for other in known.others if (found := _neighbour(*other))],
        )
        network: LiveNetwork | None = None
        if known.program is not None:
            live, network = _look_at(record)
            subject = replace(subject, live=live)
        namespaces = explain_namespaces(subject)
        capabilities = explain_capabilities(subject)
        problems = list(known.problems)
        try:
            seccomp = explain_seccomp(
                subject,
                self._profile(record, known),
                kernel=self._seccomp.kernel,
                running_program=known.program,
            )
        except BaleenError as err:
            if known.strict:
                raise
            problems.append(str(err))
            seccomp = ExplainedSeccomp(profile="custom", why="The profile cannot be used.")
        mounts = explain_mounts(subject, known.anonymous)
        paths = explain_paths(subject)
        return Explanation(
            source="plan" if subject.live is None else "kernel",
            id=record.id,
            name=record.name,
            image=record.config.image,
            image_id=record.image_id,
            status=record.status.value,
            problems=problems,
            weaknesses=find_weaknesses(
                subject,
                namespaces=namespaces,
                capabilities=capabilities,
                seccomp=seccomp,
                mounts=mounts,
                paths=paths,
            ),
            namespaces=namespaces,
            layers=explain_layers(known.roots, self._snapshots.layers(), self._image(record)),
            mounts=mounts,
            paths=paths,
            process=explain_process(
                subject, init=known.init, directory=str(self._bundles.directory(record.id))
            ),
            capabilities=capabilities,
            seccomp=seccomp,
            cgroup=explain_cgroup(subject, self._starter.cgroup_of(record), self._cgroups.version),
            network=explain_network(
                subject,
                known.attachments,
                network,
                ports=record.published
                if subject.live
                else port_requests(record.config, record.host_config),
                table=self._config.nft_table,
            ),
            sysctls=explain_sysctls(subject),
            oci=known.oci,
        )

    def _image(self, record: ContainerRecord) -> Image | None:
        try:
            return self._images.resolve(record.image_id)
        except BaleenError:  # removed, or damaged since
            return None

    def _profile(
        self, record: ContainerRecord, known: _Known
    ) -> tuple[str, dict[str, Any] | None, str]:
        if known.program == "" or record.host_config.privileged:
            return "unconfined", None, ""
        options = parse_security_options(record.host_config.security_opt)
        capabilities = known.oci["process"]["capabilities"]["bounding"]
        return self._seccomp.source(options.seccomp, capabilities)


def _look_at(record: ContainerRecord) -> tuple[LiveProcess, LiveNetwork]:
    """Read the kernel's view of a running container; raises Conflict when it has ended."""
    with open_process(record.pid, record.id) as process:
        try:
            return read_process(process, record.pid), read_network(process)
        except OSError as err:
            raise Conflict(f"container {record.id} is not running") from err


def _neighbour(name: str, container_id: str, pid: int) -> Neighbour | None:
    try:
        with open_process(pid, container_id) as process:
            return Neighbour(name, namespace_ids(process))
    except (Conflict, OSError):  # it ended just now
        return None
