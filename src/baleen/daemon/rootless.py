"""`baleend --rootless`: its defaults, its entry into the namespaces, its check and its end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.linux.user_namespace import in_first_user_namespace
from baleen.rootless.connectivity import NETWORK_PROGRAMS
from baleen.rootless.directories import user_directories
from baleen.rootless.joining import end_everything, join, read_note
from baleen.rootless.requirements import findings

if TYPE_CHECKING:
    from baleen.daemon.config import Config

__all__ = ["check_rootless", "default_config_file", "enter_namespaces", "rootless_defaults"]
__all__ += ["uninstall_rootless", "validate_rootless"]


def default_config_file() -> Path:
    """Return the user's own daemon.json."""
    return user_directories(os.environ).config / "daemon.json"


def rootless_defaults() -> dict[str, object]:
    """Return what options are when they are not given, by their attributes' names."""
    places = user_directories(os.environ)
    return {
        "hosts": [f"unix://{places.runtime}/baleen.sock"],
        "data_root": places.data,
        "exec_root": places.state,
        "pidfile": places.state / "baleend.pid",
        "group": "0",
    }


def check_rootless(config: Config) -> None:
    """Refuse settings that cannot work. Raises InvalidArgument."""
    if config.rootless_network not in ("auto", "none", *NETWORK_PROGRAMS):
        raise InvalidArgument(
            f"rootless-network: {config.rootless_network[:64]!r} is none of auto, none, "
            + ", ".join(NETWORK_PROGRAMS)
        )
    if config.rootless and (config.userns_remap or config.selinux_enabled):
        raise InvalidArgument(
            "userns-remap and selinux-enabled do not work with --rootless: containers share one "
            "user namespace, and labels are for the machine's root to give"
        )
    if config.rootless and any(host.startswith("tcp://") for host in config.hosts):
        raise InvalidArgument(
            "hosts: tcp:// does not work with --rootless, whose network is not the host's: "
            "reach the unix socket by ssh (docker -H ssh://user@host)"
        )


def enter_namespaces(config: Config) -> Config:
    """Go into the user's namespaces; returns the configuration as it is in there.

    Raises:
        FailedPrecondition: we are root, or this host or user lacks something.
    """
    if os.geteuid() == 0 and in_first_user_namespace():
        raise FailedPrecondition(
            "--rootless is for ordinary users", hint="as root, start baleend without it"
        )
    _make_data_root(config)
    found = join(
        config.exec_root, network=config.rootless_network, single=config.rootless_single_id
    )
    return dataclasses.replace(
        config,
        dns=config.dns or ([found.dns] if found.dns else []),
        port_forwarder=config.exec_root / "ports.sock",
        warnings=[f"WARNING: {text}" for text in found.warnings],
    )


def _make_data_root(config: Config) -> None:
    try:
        for root in (config.data_root, config.exec_root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise FailedPrecondition(f"cannot make {err.filename}: {err.strerror}") from err


def validate_rootless(config: Config) -> bool:
    """Print what there is and what is missing; returns whether it will do."""
    found = findings(single=config.rootless_single_id)
    for level, text in found:
        sys.stdout.write(f"{level:8} {text}\n")
    return all(level != "missing" for level, _ in found)


def uninstall_rootless(config: Config, *, purge: bool) -> None:
    """End everything in the user's namespaces; with `purge` remove the data root too."""
    if purge:
        _remove_as_root(config)
    if not end_everything(config.exec_root) and not purge:
        sys.stdout.write("nothing runs\n")
    shutil.rmtree(config.exec_root, ignore_errors=True)
    for host in config.hosts:
        # A daemon that was killed has left it.
        Path(host.removeprefix("unix://")).unlink(missing_ok=True)


def _remove_as_root(config: Config) -> None:
    """Remove the data root in the namespaces, as files in it have owners that only exist there."""
    from baleen.archive.tree import remove_tree

    if not config.data_root.exists():
        return
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if read_note(config.exec_root) is not None:
                end_everything(config.exec_root)
            join(config.exec_root, network="none", single=config.rootless_single_id)
            parent = os.open(config.data_root.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            remove_tree(parent, config.data_root.name)
            status = 0
        except BaseException as err:
            sys.stderr.write(f"baleend: cannot remove {config.data_root}: {err}\n")
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status:
        raise FailedPrecondition(f"{config.data_root} was not removed")
