"""`RUN --mount`: the options of a mount to what an `Exec` has.

See: Dockerfile reference, RUN --mount; BuildKit, dockerfile2llb/convert_runmount.go.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Literal, cast

from baleen.build.graph import ExecMount
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baleen.build.dockerfile.instructions import RunMount

__all__ = ["lower_mount", "mount_from", "under"]

_Kind = Literal["bind", "cache", "tmpfs", "secret", "ssh"]
_KINDS = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})
_SIZE = re.compile(r"([0-9]{1,12})(?:\.[0-9]+)?\s?([kmgtp]?)i?b?", re.IGNORECASE)
_OCTAL = re.compile(r"0?o?([0-7]{1,7})")
_ID = re.compile(r"[0-9]{1,10}")


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
    *,
    workdir: str,
    expand: Callable[[str], str],
    cache_namespace: str,
    number: int,
) -> ExecMount:
    """Return the mount without its input.

    Args:
        number: how many ssh mounts stand before this one.

    Raises:
        InvalidArgument: a value is not of its kind.
    """
    if mount.type not in _KINDS:
        raise InvalidArgument(f'unsupported mount type "{mount.type}"')
    options = {key: value if key == "from" else expand(value) for key, value in mount.options}
    kind = cast("_Kind", mount.type)
    source = under("/", options.get("source", ""))
    if kind == "secret":
        return _secret(options, workdir)
    if kind == "ssh":
        target = options.get("target") or f"/run/buildkit/ssh_agent.{number}"
        return ExecMount(
            kind="ssh",
            target=under(workdir, target),
            id=options.get("id") or "default",
            required=_flag(options, "required"),
            **_owner(options, 0o600),
        )
    if not options.get("target"):
        raise InvalidArgument(f"target is required for a mount of type {kind}")
    target = under(workdir, options["target"])
    if target == "/":
        raise InvalidArgument(f'invalid mount target "{target}"')
    writable = _flag(options, "readwrite", default=kind != "bind")
    if kind == "tmpfs":
        return ExecMount(kind=kind, target=target, size_bytes=_size(options.get("size", "")))
    if kind == "bind":
        return ExecMount(kind=kind, target=target, source=source, readonly=not writable)
    sharing = options.get("sharing") or "shared"
    if sharing not in _SHARING:
        raise InvalidArgument(f'unsupported sharing value "{sharing}"')
    name = options.get("id") or posixpath.normpath(options["target"])
    return ExecMount(
        kind="cache",
        target=target,
        source=source,
        readonly=not writable,
        cache_id=f"{cache_namespace}/{name}",
        sharing=cast("Literal['shared', 'private', 'locked']", sharing),
        **_owner(options, None),
    )


def _secret(options: Mapping[str, str], workdir: str) -> ExecMount:
    target = options.get("target", "")
    name = options.get("id") or options.get("source") or posixpath.basename(target)
    if not name:
        raise InvalidArgument("one of id, target is required for a mount of type secret")
    env = options.get("env", "")
    if not target and not env:
        target = f"/run/secrets/{posixpath.basename(name)}"
    return ExecMount(
        kind="secret",
        target=under(workdir, target) if target else "",
        id=name,
        env=env,
        required=_flag(options, "required"),
        **_owner(options, 0o400),
    )


def _flag(options: Mapping[str, str], key: str, *, default: bool = False) -> bool:
    value = options.get(key)
    if value is None:
        return default
    if value.lower() in _TRUE or not value:
        return True
    if value.lower() in _FALSE:
        return False
    raise InvalidArgument(f"invalid value for {key}: {value}")


class _Owner(dict[str, int]):
    """Keyword arguments of a mount."""


def _owner(options: Mapping[str, str], mode: int | None) -> _Owner:
    owner = _Owner(uid=_id(options, "uid"), gid=_id(options, "gid"))
    text = options.get("mode")
    if text:
        match = _OCTAL.fullmatch(text)
        if match is None or int(match[1], 8) > 0o7777:
            raise InvalidArgument(f"invalid value {text} for mode")
        owner["mode"] = int(match[1], 8)
    elif mode is not None:
        owner["mode"] = mode
    return owner


def _id(options: Mapping[str, str], key: str) -> int:
    text = options.get(key) or "0"
    if _ID.fullmatch(text) is None or int(text) >= 2**32:
        raise InvalidArgument(f"invalid value {text} for {key}")
    return int(text)


def _size(text: str) -> int:
    if not text:
        return 0
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidArgument(f"invalid value for size: {text}")
    return int(match[1]) << (10 * "_kmgtp".index(match[2].lower() or "_"))
