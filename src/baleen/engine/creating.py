"""Making a container: checks, image, name, layer, volumes, record. Nothing runs yet.

See: Engine API, /containers/create.
"""

from __future__ import annotations

import os
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec

from baleen import errors
from baleen.api import ContainerCreateResponse, LogConfig
from baleen.containers.names import parse_name
from baleen.containers.record import ContainerRecord
from baleen.containers.times import now_text
from baleen.engine.cgroup_naming import check_parent
from baleen.engine.container_networks import shared_with
from baleen.engine.descriptor_views import manifest_view
from baleen.engine.host_checks import check_create
from baleen.engine.image_config import command_of, merge_image_config
from baleen.engine.log_config import parse_log_config
from baleen.engine.mounts_parse import (
    inherited_requests,
    mount_point,
    parse_mounts,
    parse_volumes_from,
)
from baleen.engine.oci_spec import with_default_paths
from baleen.engine.port_bindings import port_requests
from baleen.engine.public_files import make_public_directory
from baleen.engine.remapping import check_remapped
from baleen.engine.resource_checks import host_resources
from baleen.engine.selinux_labels import options_of
from baleen.engine.unsupported_limits import discard_unsupported
from baleen.errors import InvalidArgument
from baleen.oci.platform import Platform
from baleen.snapshots.root_view import read_only_view

if TYPE_CHECKING:
    from baleen.api import (
        ContainerConfig,
        ContainerCreateBody,
        EndpointSettings,
        HostConfig,
        MountPoint,
    )
    from baleen.containers import ContainerStore
    from baleen.engine.config import EngineConfig
    from baleen.engine.container_networks import ContainerNetworks
    from baleen.engine.events import EventBus
    from baleen.engine.mounts_parse import MountRequest
    from baleen.engine.security_modules import SecurityModules
    from baleen.engine.tasks import Tasks
    from baleen.images import Image, ImageStore
    from baleen.linux.cgroup import CgroupDriver
    from baleen.snapshots import Mounts, Snapshotter
    from baleen.volumes import VolumeStore

__all__ = ["PLANNED_ID", "Creating"]

PLANNED_ID = "0" * 64
"""Stands for the id of a container that is only planned."""


class Creating:
    """Makes containers."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        images: ImageStore,
        snapshots: Snapshotter,
        volumes: VolumeStore,
        networks: ContainerNetworks,
        events: EventBus,
        cgroups: CgroupDriver,
        modules: SecurityModules,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._networks = networks
        self._events = events
        self._cgroups = cgroups
        self._modules = modules
        self._tasks = tasks
        self._resources = host_resources()

    async def create(
        self, name: str | None, body: ContainerCreateBody, platform: str
    ) -> ContainerCreateResponse:
        """Make a container; on any error nothing is left.

        Raises:
            NotFound: no such image or network.
            AlreadyExists: the name is taken.
            InvalidArgument: anything malformed or contradictory.
        """
        wanted = parse_name(name) if name else None
        image = await self._tasks.blocking(self._find_image, body.image, platform)
        config, host, warnings = self._checked(body, image)
        path, args = command_of(config)
        endpoints = self._networks.initial_endpoints(
            host.network_mode, body.networking_config.endpoints_config
        )
        container_id = secrets.token_hex(32)
        async with AsyncExitStack() as undo:
            undo.callback(self._store.names.release, container_id)
            if wanted is None:
                wanted = self._store.names.reserve_random(container_id)
            else:
                self._store.names.reserve(wanted, container_id)
            config = self._complete_config(config, host, container_id)
            requests = self._mount_requests(config, host)
            state_dir = str(self._config.data_root / "containers" / container_id)
            remapping = self._config.remapping_of(host)
            owner = None if remapping is None else remapping.root
            mounts = await self._prepare(
                container_id, image, state_dir, undo, remapped=remapping is not None
            )
            points = [
                await self._settle_mount(request, container_id, owner, undo) for request in requests
            ]
            await self._fill_volumes(requests, points, mounts)
            # Nothing is awaited until it is stored: the categories are nobody else's by then.
            labels = self._modules.labels(host)
            record = ContainerRecord(
                driver=self._snapshots.driver,
                id=container_id,
                name=wanted,
                created=now_text(),
                path=path,
                args=args,
                image_id=str(image.id),
                chain_id=str(image.chain_id or ""),
                manifest=manifest_view(image),
                config=config,
                host_config=host,
                mounts=points,
                endpoints=endpoints,
                wanted_macs=_wanted_macs(config, endpoints),
                process_label=labels.process,
                mount_label=labels.mount,
                state_dir=state_dir,
                log_path=f"{state_dir}/{container_id}-json.log"
                if host.log_config.type == "json-file"
                else "",
            )
            self._store.add(record)
            undo.pop_all()
        self._events.publish_with(
            "container",
            "create",
            container_id,
            {**config.labels, "image": config.image, "name": wanted},
        )
        return ContainerCreateResponse(id=container_id, warnings=warnings)

    async def plan(
        self, name: str | None, body: ContainerCreateBody, platform: str
    ) -> tuple[ContainerRecord, Image, list[str]]:
        """Return the record that `create` would store, the image, and warnings for the client.

        The record's id is zeros. Nothing is made: no layer, no volume, no directory; no name is
        taken.

        Raises:
            BaleenError: as `create` does.
        """
        wanted = parse_name(name) if name else None
        chosen = Platform.parse(platform) if platform else None
        if not body.image:
            raise InvalidArgument("no image specified")
        image = await self._tasks.blocking(self._images.resolve, body.image, platform=chosen)
        config, host, warnings = self._checked(body, image)
        path, args = command_of(config)
        endpoints = self._networks.initial_endpoints(
            host.network_mode, body.networking_config.endpoints_config
        )
        if wanted is not None:  # taken and given back at once, for the error alone
            self._store.names.reserve(wanted, PLANNED_ID)
            self._store.names.release(PLANNED_ID)
        config = self._complete_config(config, host, PLANNED_ID)
        labels = self._modules.labels(host)
        record = ContainerRecord(
            id=PLANNED_ID,
            name=wanted or "",
            created=now_text(),
            path=path,
            args=args,
            image_id=str(image.id),
            chain_id=str(image.chain_id or ""),
            manifest=manifest_view(image),
            config=config,
            host_config=host,
            mounts=[self._planned_mount(item) for item in self._mount_requests(config, host)],
            endpoints=endpoints,
            process_label=labels.process,
            mount_label=labels.mount,
            state_dir=str(self._config.data_root / "containers" / PLANNED_ID),
        )
        return record, image, warnings

    # --- configuration ---------------------------------------------------------------------

    def _checked(
        self, body: ContainerCreateBody, image: Image
    ) -> tuple[ContainerConfig, HostConfig, list[str]]:
        """Return both configurations, complete and checked, and warnings for the client."""
        config = merge_image_config(body.config, image.config.config)
        host, warnings = discard_unsupported(self._complete_host(body.host_config), self._cgroups)
        warnings += check_create(config, host, self._resources)
        init = self._config.default_init if host.init is None else host.init
        remapped = self._config.remapping_of(host) is not None
        self._config.runtimes.check(host.runtime, init=init, remapped=remapped)
        if remapped:
            check_remapped(host)
        check_parent(host.cgroup_parent, self._config.cgroup_driver)
        parse_log_config(host.log_config, config)
        command_of(config)
        port_requests(config, host)
        return config, host, warnings

    def _find_image(self, ref: str, platform: str) -> Image:
        if not ref:
            raise InvalidArgument("no image specified")
        image = self._images.resolve(ref, platform=Platform.parse(platform) if platform else None)
        self._images.usage_times.touch(str(image.id))
        self._images.unpack(image)
        return image

    def _complete_host(self, host: HostConfig) -> HostConfig:
        """Fill in the daemon's defaults, as `inspect` shows them."""
        mode = host.network_mode
        label_of: dict[str, str] = {}
        for reference in (mode, host.ipc_mode, host.pid_mode):
            other = shared_with(reference)
            if other is not None:
                label_of[reference] = self._other(other).process_label
        host = with_default_paths(host)
        return msgspec.structs.replace(
            host,
            cgroupns_mode=host.cgroupns_mode or self._cgroupns_mode(host),
            network_mode="bridge" if mode in ("", "default") else mode,
            ipc_mode=host.ipc_mode or "private",
            shm_size=host.shm_size or self._config.default_shm_size,
            log_config=self._complete_log(host.log_config),
            runtime=host.runtime or self._config.runtimes.default,
            security_opt=[*host.security_opt, *options_of(host, label_of)],
        )

    def _other(self, reference: str) -> ContainerRecord:
        """Return a container that the request refers to (InvalidArgument).

        Not NotFound, which `docker run` takes for a missing image and pulls (moby issue 39823).
        """
        try:
            return self._store.get(reference)
        except errors.NotFound as err:
            raise InvalidArgument(str(err)) from err

    def _cgroupns_mode(self, host: HostConfig) -> str:
        """Return the default: private on cgroup v2 unless privileged, as dockerd has it."""
        return "private" if self._cgroups.version == 2 and not host.privileged else "host"

    def _complete_log(self, wanted: LogConfig) -> LogConfig:
        driver = wanted.type or self._config.log_driver
        defaults = self._config.log_options if driver == self._config.log_driver else {}
        return LogConfig(type=driver, config={**defaults, **wanted.config})

    def _complete_config(
        self, config: ContainerConfig, host: HostConfig, container_id: str
    ) -> ContainerConfig:
        if host.network_mode == "host" or host.uts_mode == "host":
            hostname = config.hostname or os.uname().nodename
        elif (other := shared_with(host.network_mode)) is not None:
            hostname = self._store.get(other).config.hostname
        else:
            hostname = config.hostname or container_id[:12]
        return msgspec.structs.replace(config, hostname=hostname)

    # --- files and mounts ------------------------------------------------------------------

    async def _prepare(
        self,
        container_id: str,
        image: Image,
        state_dir: str,
        undo: AsyncExitStack,
        *,
        remapped: bool,
    ) -> Mounts:
        def work() -> Mounts:
            os.makedirs(state_dir, mode=0o710, exist_ok=True)  # noqa: PTH103
            return self._snapshots.prepare(container_id, image.chain_id, remapped=remapped)

        def remove() -> None:
            self._snapshots.remove(container_id)
            os.rmdir(state_dir)  # noqa: PTH106

        undo.push_async_callback(self._tasks.blocking, remove)
        return await self._tasks.blocking(work)

    def _mount_requests(self, config: ContainerConfig, host: HostConfig) -> list[MountRequest]:
        inherited: list[MountRequest] = []
        for text in host.volumes_from:
            reference, mode = parse_volumes_from(text)
            inherited += inherited_requests(self._other(reference).mounts, mode)
        return parse_mounts(config, host, inherited=inherited)

    async def _settle_mount(
        self,
        request: MountRequest,
        container_id: str,
        owner: tuple[int, int] | None,
        undo: AsyncExitStack,
    ) -> MountPoint:
        """Make what the mount needs on the host and return its place in the record."""
        if request.type == "bind":
            if not self._has_source(request):
                make_public_directory(request.source, owner)
            return mount_point(request, request.source)
        if request.type == "tmpfs":
            return mount_point(request, "")
        if request.type == "image":
            raise errors.NotImplemented("mounts of type image are not available in this version")
        volume, is_new = self._volumes.create(
            request.source,
            driver=request.driver or "local",
            options=dict(request.driver_options),
            labels=dict(request.labels),
            anonymous=request.is_anonymous,
            made_for=container_id if request.is_anonymous else "",
        )
        if is_new:
            undo.push_async_callback(self._tasks.blocking, self._volumes.remove, volume.name)
            self._events.publish_with("volume", "create", volume.name, {"driver": volume.driver})
        self._volumes.use(volume.name, container_id)
        undo.callback(self._volumes.unuse, volume.name, container_id)
        source = str(self._volumes.data_path(volume.name))
        return mount_point(request, source, volume.name)

    def _planned_mount(self, request: MountRequest) -> MountPoint:
        """Return the same place in the record, without making anything."""
        if request.type == "bind":
            self._has_source(request)
        elif request.type == "image":
            raise errors.NotImplemented("mounts of type image are not available in this version")
        elif request.type == "volume":
            if request.is_anonymous:
                return mount_point(request, "")
            source = str(self._volumes.data_path(request.source))
            return mount_point(request, source, request.source)
        return mount_point(request, request.source)

    @staticmethod
    def _has_source(request: MountRequest) -> bool:
        """Return whether a bind's source is there; InvalidArgument if it has to be and is not."""
        if os.path.exists(request.source):  # noqa: PTH110
            return True
        if not request.make_source:
            raise InvalidArgument(
                'invalid mount config for type "bind": bind source path does not exist: '
                f"{request.source}"
            )
        return False

    async def _fill_volumes(
        self, requests: list[MountRequest], points: list[MountPoint], mounts: Mounts
    ) -> None:
        """Copy what the image has at a volume's place into a volume that is still empty."""
        wanted = [
            point
            for request, point in zip(requests, points, strict=True)
            if request.type == "volume" and request.copy
        ]
        if not wanted:
            return

        def work() -> None:
            with read_only_view(mounts) as root:
                for point in wanted:
                    self._volumes.copy_up(point.name, root, point.destination)

        await self._tasks.blocking(work)


def _wanted_macs(config: ContainerConfig, endpoints: dict[str, EndpointSettings]) -> dict[str, str]:
    macs = {name: settings.mac_address for name, settings in endpoints.items()}
    if config.mac_address and endpoints:  # clients before v1.44 ask in the configuration
        first = next(iter(endpoints))
        macs[first] = macs[first] or config.mac_address
    return {name: mac for name, mac in macs.items() if mac}
