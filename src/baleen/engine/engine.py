"""The engine as one object: all operations of the API that exist, assembled from their parts.

This module decides who gets what; it does no work of its own beyond start and stop. Each
operation is documented at the method that it is bound to.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING

from baleen.containers import ContainerStore, ExecStore
from baleen.content import ContentStore
from baleen.engine.attaching import Attaching
from baleen.engine.build_exec import BuildProcesses
from baleen.engine.build_parts import assemble_builds
from baleen.engine.building import Building
from baleen.engine.bundles import Bundles
from baleen.engine.cgroup_naming import CGROUPFS
from baleen.engine.checkpoints import Checkpoints
from baleen.engine.committing import Committing
from baleen.engine.container_networks import ContainerNetworks
from baleen.engine.copying import Copying
from baleen.engine.creating import Creating
from baleen.engine.disk_gc import DiskGc
from baleen.engine.disk_usage import DiskUsage
from baleen.engine.events import EventBus
from baleen.engine.execs import Execs as ExecOperations
from baleen.engine.explaining.operation import Explaining
from baleen.engine.foreign_runs import refuse_foreign_runs
from baleen.engine.health import HealthChecks
from baleen.engine.image_insight import ImageInsight
from baleen.engine.image_operations import ImageOperations, image_event_sink
from baleen.engine.image_transfers import ImageTransfers
from baleen.engine.lifecycle import Lifecycle
from baleen.engine.live import LiveContainers
from baleen.engine.measuring import Measuring
from baleen.engine.network_operations import NetworkOperations
from baleen.engine.pulling import Pulling
from baleen.engine.pushing import Pushing
from baleen.engine.registry_access import RegistryAccess
from baleen.engine.registry_operations import RegistryOperations
from baleen.engine.remapping import check_support
from baleen.engine.removing import Removing
from baleen.engine.restoring import Restoring, endpoints_with_ports
from baleen.engine.seccomp_programs import SeccompPrograms
from baleen.engine.security_modules import SecurityModules
from baleen.engine.starter import Starter
from baleen.engine.system import System
from baleen.engine.tasks import Tasks
from baleen.engine.updating import Updating
from baleen.engine.viewing import Viewing
from baleen.engine.volume_operations import VolumeOperations
from baleen.errors import BaleenError, Conflict
from baleen.images import ImageStore
from baleen.images.embedded import install_embedded_images
from baleen.linux.cgroup import detect
from baleen.network import NetworkConfig, NetworkManager
from baleen.network.ipam import DEFAULT_ADDRESS_POOLS
from baleen.snapshots import Owners, choose_snapshotter
from baleen.state import Database
from baleen.volumes import VolumeStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.starter import Spawner

__all__ = ["Engine"]

log = logging.getLogger(__name__)


class Engine:
    """All operations, under the names of the API's objects.

    Life cycle: construct, `await start()` on the running loop, use, `await close()`. Containers
    run on after `close`; the next engine on the same roots takes them over.
    """

    def __init__(self, config: EngineConfig, spawner: Spawner) -> None:
        self.config = config
        self.experimental = config.experimental
        self.events = EventBus()
        self._tasks = Tasks()
        self._database = Database(config.data_root / "state.db")
        self._cgroups = detect()
        self._content = ContentStore(config.data_root / "content")
        remapping = config.remapping
        owners = None if remapping is None else Owners(remapping.user_namespace, remapping.to_host)
        self._snapshots = choose_snapshotter(config.data_root, config.storage_driver, owners=owners)
        self._images = ImageStore(
            self._database,
            self._content,
            self._snapshots,
            on_event=image_event_sink(self._on_image_event, asyncio.get_running_loop()),
        )
        self._access = RegistryAccess(config.registries, self._content)
        self._volumes = VolumeStore(
            self._database,
            config.data_root / "volumes",
            owner=None if remapping is None else remapping.root,
        )
        self._networks = NetworkManager(_network_config(config), self._database)
        self._store = ContainerStore(
            self._database,
            clock=time.time,
            display_image=self._display_image,
            ancestors=lambda ref: frozenset({str(self._images.find_id(ref))}),
        )
        self._lives = LiveContainers()
        self._assemble(spawner)

    def _assemble(self, spawner: Spawner) -> None:  # noqa: PLR0915  # a list
        config, store, lives, cgroups = self.config, self._store, self._lives, self._cgroups
        execs = ExecStore()
        seccomp = SeccompPrograms(config.exec_root / "seccomp", config.seccomp_profile)
        self._modules = modules = SecurityModules(
            selinux_wanted=config.selinux_enabled,
            labels_in_use=lambda: (record.mount_label for record in store),
        )
        bundles = Bundles(
            config,
            store,
            self._images,
            self._snapshots,
            self._volumes,
            seccomp,
            modules,
            cgroups,
            self._tasks,
        )
        attachments = ContainerNetworks(config, store, self._networks, self.events)
        starter = Starter(spawner, bundles, attachments, cgroups)
        exec_ops = ExecOperations(store, execs, lives, bundles, self.events)
        self._health = HealthChecks(store, lives, bundles, self.events)
        lifecycle = Lifecycle(
            store, lives, exec_ops, starter, self._health, self.events, self._tasks
        )
        removing = Removing(
            store,
            execs,
            lives,
            lifecycle,
            self._snapshots,
            self._volumes,
            self._networks,
            self.events,
            self._tasks,
        )
        lifecycle.auto_remove = removing.auto_remove
        self._restoring = Restoring(
            config,
            store,
            lives,
            lifecycle,
            starter,
            removing,
            self._networks,
            self._snapshots,
            self._tasks,
        )
        creating = Creating(
            config,
            store,
            self._images,
            self._snapshots,
            self._volumes,
            attachments,
            self.events,
            cgroups,
            modules,
            self._tasks,
        )
        checkpoints = Checkpoints(
            store, lives, lifecycle, starter, bundles, self.events, self._tasks
        )
        self.checkpoint_create = checkpoints.create
        self.checkpoint_list = checkpoints.list_all
        self.checkpoint_delete = checkpoints.delete
        self.checkpoint_start = checkpoints.start
        self.container_create = creating.create
        self.container_start = lifecycle.start
        self.container_stop = lifecycle.stop
        self.container_restart = lifecycle.restart
        self.container_kill = lifecycle.kill
        self.container_pause = lifecycle.pause
        self.container_unpause = lifecycle.unpause
        self.container_wait = lifecycle.wait
        self.container_remove = removing.remove
        self.container_rename = removing.rename
        self.containers_prune = removing.prune
        self.container_update = Updating(
            store, lives, starter, self.events, cgroups, self._tasks
        ).update

        viewing = Viewing(store, execs, lives, self._snapshots, self._tasks)
        self.container_list = viewing.list_all
        self.container_inspect = viewing.inspect
        self.container_logs = viewing.logs

        explaining = Explaining(
            config,
            store,
            self._images,
            self._snapshots,
            self._volumes,
            self._networks,
            bundles,
            creating,
            starter,
            seccomp,
            cgroups,
            self._tasks,
        )
        self.container_explain = explaining.explain
        self.container_explain_create = explaining.explain_create

        measuring = Measuring(store, starter, self.events)
        self.container_top = measuring.top
        self.container_stats = measuring.stats

        attaching = Attaching(store, lives, self.events, self._tasks)
        self.container_attach = attaching.attach
        self.container_resize = attaching.resize
        self.exec_create = exec_ops.create
        self.exec_start = exec_ops.start
        self.exec_inspect = exec_ops.inspect
        self.exec_resize = exec_ops.resize

        copying = Copying(config, store, lives, self._snapshots, self.events, self._tasks)
        self.archive_stat = copying.stat
        self.archive_get = copying.get
        self.archive_put = copying.put
        self.container_export = copying.export
        self.container_changes = copying.changes

        committing = Committing(
            config, store, lifecycle, self._snapshots, self._images, self.events, self._tasks
        )
        self.image_commit = committing.commit

        images = ImageOperations(self._images, store, self.events, self._tasks)
        self.image_list = images.list_all
        self.image_inspect = images.inspect
        self.image_attestations = images.attestations
        self.image_history = images.history
        self.image_tag = images.tag
        self.image_remove = images.remove
        self.image_load = images.load
        self.image_save = images.save
        self.image_import = images.import_
        self.images_prune = images.prune

        sink = image_event_sink(self._on_image_event, asyncio.get_running_loop())
        pulling = Pulling(self._images, self._access, sink, own_registry=config.own_registry)
        self.image_pull = pulling.pull
        pushing = Pushing(self._images, self._access, sink)
        self.image_push = pushing.push
        registries = RegistryOperations(self._access)
        self.registry_login = registries.login
        self.registry_search = registries.search
        self.registry_inspect = registries.inspect
        self.reload_registries = self._access.replace

        networks = NetworkOperations(self._networks, attachments, store, lives, self.events)
        self.network_list = networks.list_all
        self.network_inspect = networks.inspect
        self.network_create = networks.create
        self.network_remove = networks.remove
        self.network_connect = networks.connect
        self.network_disconnect = networks.disconnect
        self.networks_prune = networks.prune

        volumes = VolumeOperations(self._volumes, self.events, self._tasks)
        self.volume_list = volumes.list_all
        self.volume_inspect = volumes.inspect
        self.volume_create = volumes.create
        self.volume_remove = volumes.remove
        self.volumes_prune = volumes.prune

        system = System(
            config, self._engine_id(), store, self._images, cgroups, modules, self._access
        )
        self.version = system.version
        self.info = system.info
        self.builds = Building(
            assemble_builds(
                config,
                self._database,
                self._content,
                self._snapshots,
                self._images,
                pulling,
                pushing,
                self.events,
                self._tasks,
                sink,
                BuildProcesses(config, spawner, bundles, attachments, modules, cgroups),
                self._access,
            )
        )
        self.image_build = self.builds.build
        self.build_prune = self.builds.prune
        self.build_cancel = self.builds.cancel
        insight = ImageInsight(self._images, self._tasks)
        self.images_check = insight.check
        self.image_tree = insight.tree
        self.image_diff = insight.diff
        transfers = ImageTransfers(self._images, self._tasks)
        self.image_offer = transfers.offer
        self.image_blob = transfers.read_blob
        self.image_blob_put = transfers.put_blob
        self.image_receive = transfers.receive
        self._disk_gc = DiskGc(
            config.data_root, lambda: config.gc_policy, self._images, store, self._tasks
        )
        self.disk_gc = self._disk_gc.run
        self.disk_usage = DiskUsage(
            store, self._images, self._snapshots, self._volumes, self.builds, self._tasks
        ).measure

    def _engine_id(self) -> str:
        stored = self._database.get("settings", "engine-id")
        if stored is None:
            stored = secrets.token_hex(16).encode()
            self._database.put("settings", "engine-id", stored)
        return stored.decode()

    async def start(self) -> None:
        """Bring database and kernel together; afterwards every operation may be called."""
        refuse_foreign_runs(self.config)
        self._content.start()
        # Before the drafts go in which its processes may still be.
        await self._tasks.blocking(self.builds.start)
        self._snapshots.start()
        if self.config.remapping is not None:
            check_support(self.config.remapping, self.config.data_root / "snapshots" / "drafts")
        self._images.start()
        self._volumes.load()
        self._store.load()
        for record in self._store:
            for mount in record.mounts:
                if mount.type == "volume" and mount.name:
                    self._volumes.use(mount.name, record.id)
        await self._networks.start(
            [
                pair
                for record in self._store
                if record.status.is_active
                for pair in endpoints_with_ports(record, self._networks)
            ]
        )
        await self._tasks.blocking(self._modules.start, self.config.data_root)
        await self._restoring.run()
        await self._tasks.blocking(install_embedded_images, self._images, self._database)
        self._disk_gc.start()
        self.builds.parts.gc.start()

    async def close(self) -> None:
        """Let go of everything; containers and their supervisors run on."""
        self.events.close()
        self._health.close()
        self._lives.close()
        self._access.close()
        await self._tasks.close()
        self.builds.close()
        self._networks.close()
        self._database.close()

    async def uninstall(self) -> None:
        """Remove what engines have put into the kernel: bridges, firewall table, cgroups.

        Called instead of `start`, while no daemon runs on these roots. Data stays.

        Raises:
            Conflict: containers are running, or were when the last daemon ended.
        """
        self._store.load()
        if running := [record.name for record in self._store if record.status.is_active]:
            raise Conflict(
                f"containers are running: {', '.join(running)}",
                hint="start baleend, remove them, and try again",
            )
        refuse_foreign_runs(self.config)
        await self._networks.start()
        await self._networks.uninstall()
        if self.config.cgroup_driver == CGROUPFS:  # slices are systemd's
            self._cgroups.open(self.config.cgroup_parent).remove()

    def _on_image_event(self, action: str, image_id: str, attributes: Mapping[str, str]) -> None:
        self._store.refresh_summaries()
        self.events.publish_with("image", action, image_id, attributes)

    def _display_image(self, record: ContainerRecord) -> str:
        """Return what lists show as a container's image: its id once the name has moved on."""
        try:
            if self._images.find_id(record.config.image) == record.image_id:
                return record.config.image
        except BaleenError:
            pass  # the image is gone, or its name is no more
        return record.image_id


def _network_config(config: EngineConfig) -> NetworkConfig:
    return NetworkConfig(
        exec_root=config.exec_root,
        bridge=config.bridge,
        bip=config.bip or "",
        table=config.nft_table,
        address_pools=tuple(config.default_address_pools) or DEFAULT_ADDRESS_POOLS,
        mtu=config.mtu,
        icc=config.icc,
        ip_masquerade=config.ip_masquerade,
        ip_forward=config.ip_forward,
        port_forwarder=config.port_forwarder,
    )
