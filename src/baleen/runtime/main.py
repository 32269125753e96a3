"""`baleen-runtime`: the runtime as a program of its own.

    baleen-runtime run [--bundle DIR] ID     run a bundle in the foreground
    baleen-runtime spec [--bundle DIR]       write a config.json to begin with
    baleen-runtime features                  what this runtime can do, as JSON
    baleen-runtime --version

The exit code of `run` is the container's; 126, 127 or 128 if it could not be started.

See: OCI runtime-spec runtime.md and features.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Final

import baleen
from baleen import errors
from baleen.errors import BaleenError, InvalidArgument
from baleen.linux import capabilities
from baleen.linux.cgroup import detect
from baleen.runtime.default_spec import default_spec
from baleen.runtime.failure import LaunchError
from baleen.runtime.foreground import caught_signals, relay
from baleen.runtime.interfaces import bring_up_loopback
from baleen.runtime.launch import Rootfs, Stdio, create
from baleen.runtime.mount_options import known_options
from baleen.runtime.seccomp import compile_profile
from baleen.runtime.spec import NAMESPACES, parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.runtime.spec import Spec

__all__ = ["main"]

_ID: Final = re.compile(r"[\w+.-]{1,1024}", re.ASCII)
_OCI_VERSIONS: Final = ("1.0.0", "1.2.0")
_UNAVAILABLE: Final = (
    "create",
    "start",
    "state",
    "kill",
    "delete",
    "exec",
    "ps",
    "list",
    "pause",
    "resume",
    "update",
    "events",
    "checkpoint",
    "restore",
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="baleen-runtime", description="OCI container runtime")
    parser.add_argument("--version", action="version", version=f"baleen-runtime {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a bundle in the foreground")
    run.add_argument("--bundle", "-b", default=".", help="directory with config.json")
    run.add_argument("id", metavar="ID", help="name of the container")
    spec = commands.add_parser("spec", help="write a new config.json")
    spec.add_argument("--bundle", "-b", default=".", help="directory to write it to")
    commands.add_parser("features", help="print what this runtime can do")
    for name in _UNAVAILABLE:
        command = commands.add_parser(name, help="not available in this version")
        command.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    return f"{baleen.__version__} (runtime-spec {_OCI_VERSIONS[-1]})"


def _load(bundle: str) -> Spec:
    path = os.path.join(bundle, "config.json")
    try:
        with open(path, "rb") as file:
            document = json.load(file)
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{path} is not JSON: {error}") from error
    return parse_spec(document)


def _filter(spec: Spec) -> bytes | None:
    if spec.seccomp is None:
        return None
    wanted = spec.process.capabilities if spec.process else None
    names = capabilities.names_of(wanted.bounding) if wanted else []
    host = os.uname()
    version = re.match(r"(\d+)\.(\d+)", host.release)
    assert version is not None, "uname(2) of Linux gives a version"
    return compile_profile(
        spec.seccomp,
        capabilities=names,
        arch=host.machine,
        kernel=(int(version[1]), int(version[2])),
        listener=True,
    )


def run(container_id: str, bundle: str) -> int:
    """Run the container and return its exit code; what was made for it is gone afterwards."""
    if not _ID.fullmatch(container_id) or container_id in (".", ".."):
        raise InvalidArgument(f"invalid container id {container_id!r}")
    bundle = os.path.abspath(bundle)
    spec = _load(bundle)
    terminal = spec.process is not None and spec.process.terminal
    with contextlib.ExitStack() as undo:
        signals = undo.enter_context(caught_signals())
        path = spec.cgroups_path or f"/{container_id}"
        group = detect().create(path if path.startswith("/") else f"/{path}", spec.resources)
        undo.callback(group.remove)
        undo.callback(group.kill)
        container = create(
            spec,
            bundle=bundle,
            rootfs=Rootfs(path=os.path.join(bundle, spec.root_path)),
            seccomp_program=_filter(spec),
            stdio=None if terminal else Stdio(0, 1, 2),
            cgroup=group,
            container_id=container_id,
        )
        undo.callback(container.abandon)
        if spec.namespaces.get("network", "") is None:
            bring_up_loopback(container.netns)
        container.start()
        for warning in container.warnings:
            print(f"baleen-runtime: warning: {warning}", file=sys.stderr)  # noqa: T201
        return relay(container, signals)


def _write_spec(bundle: str) -> int:
    path = os.path.join(bundle, "config.json")
    document = default_spec(terminal=True)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2) + "\n")
    except FileExistsError as error:
        raise InvalidArgument(f"{path} exists already; remove it first") from error
    except OSError as error:
        raise InvalidArgument(f"cannot write {path}: {error.strerror}") from error
    return 0


def _features() -> int:
    document = {
        "ociVersionMin": _OCI_VERSIONS[0],
        "ociVersionMax": _OCI_VERSIONS[-1],
        "mountOptions": known_options(),
        "linux": {
            "namespaces": sorted(NAMESPACES - {"user"}),
            "capabilities": list(capabilities.CAPABILITIES),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False},
            "seccomp": {"enabled": True},
            "apparmor": {"enabled": False},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
        },
        "annotations": {"io.baleen.version": baleen.__version__},
    }
    print(json.dumps(document, indent=2))  # noqa: T201
    return 0


def _dispatch(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "run":
            return run(arguments.id, arguments.bundle)
        case "spec":
            return _write_spec(arguments.bundle)
        case "features":
            return _features()
        case other:
            raise errors.NotImplemented(
                f"{other} is not available in this version of baleen-runtime"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return _dispatch(arguments)
    except LaunchError as error:
        code, message = error.exit_code, str(error)
    except BaleenError as error:
        code, message = 1, str(error)
    print(f"baleen-runtime: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
