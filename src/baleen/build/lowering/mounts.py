"""`RUN --mount`: the options of a mount to what an `Exec` has.

See: Dockerfile reference, RUN --mount; BuildKit, dockerfile2llb/convert_runmount.go.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from baleen.build.dockerfile.mounts import resolve_mount
from baleen.build.graph import ExecMount
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.build.dockerfile.instructions import RunMount

__all__ = ["lower_mount", "mount_from", "under"]

_Sharing = Literal["shared", "private", "locked"]


def under(directory: str, path: str) -> str:
    """Return `path` as a clean absolute one, taken from `directory` when it is relative.

    Nothing leads out of the root.
    """
    joined = posixpath.normpath("/" + posixpath.join(directory, path))
    return "/" + joined.lstrip("/")


def mount_from(mount: RunMount) -> str:
    """Return the stage, image or context that the mount shows; "" for the build's context."""
    return dict(mount.options).get("from", "")


def lower_mount(
    mount: RunMount,
    variables: Mapping[str, str],
    escape: str,
    *,
    workdir: str,
    cache_namespace: str,
    agents: int,
) -> ExecMount:
    """Return the mount without its input; `agents` is how many ssh mounts stand before it.

    Raises:
        InvalidArgument: a value is not of its kind, or the mount would hide the root.
    """
    resolved = resolve_mount(mount, variables, escape)
    options = dict(resolved.options)
    match resolved.type:
        case "secret":
            return _owned(_secret(options, workdir), options)
        case "ssh":
            target = options.get("target") or f"/run/buildkit/ssh_agent.{agents}"
            lowered = ExecMount(
                kind="ssh",
                target=under(workdir, target),
                id=options.get("id") or "default",
                required=options.get("required") == "true",
                mode=0o600,
            )
            return _owned(lowered, options)
        case _:
            pass
    target = under(workdir, options.get("target", ""))
    if target == "/":
        raise InvalidArgument(f'invalid mount target "{target}"')
    if resolved.type == "tmpfs":
        return ExecMount(kind="tmpfs", target=target, size_bytes=int(options.get("size") or 0))
    source = under("/", options.get("source", ""))
    if resolved.type == "bind":
        readonly = options.get("readwrite") != "true"
        return ExecMount(kind="bind", target=target, source=source, readonly=readonly)
    name = options.get("id") or posixpath.normpath(options.get("target") or target)
    lowered = ExecMount(
        kind="cache",
        target=target,
        source=source,
        readonly=options.get("readwrite") == "false",
        cache_id=f"{cache_namespace}/{name}",
        sharing=cast("_Sharing", options.get("sharing") or "shared"),
    )
    return _owned(lowered, options)


def _secret(options: Mapping[str, str], workdir: str) -> ExecMount:
    target, env = options.get("target", ""), options.get("env", "")
    name = options.get("id") or options.get("source") or posixpath.basename(target) or env
    if not target and not env:
        target = f"/run/secrets/{posixpath.basename(name)}"
    return ExecMount(
        kind="secret",
        target=under(workdir, target) if target else "",
        id=name,
        env=env,
        required=options.get("required") == "true",
        mode=0o400,
    )


def _owned(mount: ExecMount, options: Mapping[str, str]) -> ExecMount:
    mode = options.get("mode")
    return msgspec.structs.replace(
        mount,
        uid=int(options.get("uid") or 0),
        gid=int(options.get("gid") or 0),
        mode=int(mode, 8) if mode else mount.mode,
    )
