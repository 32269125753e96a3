"""The command `registry` of the image `registry`: that of Docker's registry.

    registry serve /etc/docker/registry/config.yml
    registry garbage-collect [--dry-run] /etc/docker/registry/config.yml

A configuration alone is served, as the image of Docker's registry does.

See: distribution `registry/root.go`; docs/registry.md, "As a container".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baleen import errors
from baleen.errors import BaleenError, FailedPrecondition, InvalidArgument
from baleen.registry.configuration import read_tree
from baleen.registry.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.registry.settings import Settings

__all__ = ["check_data", "main"]

_USAGE = """\
usage: registry serve CONFIG
       registry garbage-collect [--dry-run] CONFIG
       registry --version

REGISTRY_ variables go before the configuration: REGISTRY_STORAGE_DELETE_ENABLED=true
"""
_DEFAULT = "/etc/docker/registry/config.yml"


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code."""
    words = list(arguments)
    if words[:1] == ["registry"]:
        words = words[1:]
    if words and words[0].endswith((".yml", ".yaml")):
        words = ["serve", *words]
    try:
        match words:
            case ["serve", *rest]:
                return _serve(rest)
            case ["garbage-collect", *rest]:
                return _collect(rest)
            case ["--version" | "-v"]:
                from baleen import __version__

                sys.stdout.write(f"registry (Baleen) {__version__}\n")
                return 0
            case [] | ["help" | "--help" | "-h", *_]:
                sys.stdout.write(_USAGE)
                return 0
        raise InvalidArgument(f"unknown command {words[0]!r}", hint="registry help")
    except (BaleenError, OSError) as err:
        sys.stderr.write(f"registry: {err}\n")
        return 1


def _serve(words: list[str]) -> int:
    settings = _settings(words)
    check_data(settings)
    from baleen.registry.server import serve

    return serve(settings)


def _collect(words: list[str]) -> int:
    is_dry = False
    rest = []
    for word in words:
        if word in {"--dry-run", "-d", "--dry-run=true"}:
            is_dry = True
        elif word.startswith(("--delete-untagged", "-m")):
            raise errors.NotImplemented(
                "--delete-untagged is not offered: it would take what is just being pushed",
                hint="use a retention rule with `untagged: true`, which applies while serving",
            )
        else:
            rest.append(word)
    settings = _settings(rest)
    check_data(settings)
    import asyncio

    from baleen.registry.maintenance import collect_once

    report = asyncio.run(collect_once(settings, dry_run=is_dry))
    verb = "would remove" if is_dry else "removed"
    sys.stdout.write(f"{verb} {report}\n")
    return 0


def _settings(words: list[str]) -> Settings:
    if len(words) > 1 or (words and words[0].startswith("-")):
        raise InvalidArgument("want one configuration file", hint="registry help")
    named = words[0] if words else os.environ.get("REGISTRY_CONFIGURATION_PATH", _DEFAULT)
    return load_settings(read_tree(Path(named), os.environ))


def check_data(settings: Settings) -> None:
    """Make sure that this user can write where the data is to be.

    Raises:
        FailedPrecondition: it cannot; says whose the place is and what to do.
    """
    root = Path(settings.storage.root)
    existing = next(path for path in (root, *root.parents) if path.exists())
    for path in (existing, *(existing / name for name in ("blobs", "uploads", "registry.db"))):
        # In a directory that cannot be entered, asking whether a file exists is an error too.
        if os.access(path, os.W_OK) and (not path.is_dir() or os.access(path, os.X_OK)):
            continue
        if path != existing and not path.exists():
            continue
        user = os.geteuid()
        raise FailedPrecondition(
            f"user {user} cannot write to {path}, which belongs to user {path.stat().st_uid}",
            hint=f"give the directory that is mounted there to the registry (on the host: chown -R "
            f"{user}:{os.getegid()} DIRECTORY), or start the container with --user 0:0",
        )
