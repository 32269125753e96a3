"""A container's configuration merged with its image's, and the command that results.

See: Dockerfile reference, ENTRYPOINT and CMD; Engine API v1.55, definition ContainerConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.api import Empty, HealthConfig
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import ContainerConfig
    from baleen.oci.image import ExecutionConfig

__all__ = ["command_of", "merge_image_config"]


def merge_image_config(config: ContainerConfig, image: ExecutionConfig | None) -> ContainerConfig:
    """Return what the client asked for, completed by the image's defaults.

    An entrypoint of the client's drops the image's command with the image's entrypoint; a list of
    one empty string stands for "no entrypoint".
    """
    entrypoint, cmd = config.entrypoint, config.cmd
    if image is None:
        return msgspec.structs.replace(config, entrypoint=_emptied(entrypoint))
    if not entrypoint:
        if not cmd:
            cmd = image.cmd or cmd
        if entrypoint is None:
            entrypoint = image.entrypoint or None
    return msgspec.structs.replace(
        config,
        user=config.user or image.user or "",
        exposed_ports={port: Empty() for port in image.exposed_ports or ()} | config.exposed_ports,
        env=_merge_environment(config.env, image.env or ()),
        cmd=cmd,
        entrypoint=_emptied(entrypoint),
        volumes={target: Empty() for target in image.volumes or ()} | config.volumes,
        working_dir=config.working_dir or image.working_dir or "",
        labels={**(image.labels or {}), **config.labels},
        stop_signal=config.stop_signal or image.stop_signal or "",
        shell=config.shell or image.shell or [],
        healthcheck=_merge_health(config.healthcheck, image),
        on_build=config.on_build or image.on_build or [],
    )


def _emptied(entrypoint: list[str] | None) -> list[str] | None:
    return None if entrypoint == [""] else entrypoint


def _merge_environment(wanted: Sequence[str], defaults: Sequence[str]) -> list[str]:
    """Return the client's variables, then the image's others; "NAME" alone hides the image's."""
    names = {entry.partition("=")[0] for entry in wanted}
    return [*wanted, *(entry for entry in defaults if entry.partition("=")[0] not in names)]


def _merge_health(wanted: HealthConfig | None, image: ExecutionConfig) -> HealthConfig | None:
    given = image.healthcheck
    if given is None:
        return wanted
    if wanted is None:
        wanted = HealthConfig()
    if wanted.test and wanted.test[0] == "NONE":
        return wanted
    return HealthConfig(
        test=wanted.test or given.test or [],
        interval=wanted.interval or given.interval,
        timeout=wanted.timeout or given.timeout,
        start_period=wanted.start_period or given.start_period,
        start_interval=wanted.start_interval or given.start_interval,
        retries=wanted.retries or given.retries,
    )


def command_of(config: ContainerConfig) -> tuple[str, list[str]]:
    """Return the program and its arguments of a merged configuration.

    Raises:
        InvalidArgument: neither an entrypoint nor a command was given.
    """
    words = [*(config.entrypoint or ()), *(config.cmd or ())]
    if not words:
        raise InvalidArgument("no command specified")
    return words[0], words[1:]
