"""What a client wants mounted: `-v`, `--mount`, `--tmpfs`, `--volumes-from` and an image's VOLUMEs.

All forms become `MountRequest`s, one per destination; the engine makes volumes and host
directories for them and then has `ResolvedMount`s, which become entries of the OCI document.

Paths are only looked at as text here; the runtime resolves a destination inside the container's
root by descriptor, so a symbolic link there cannot lead outside.

See: Engine API v1.55, HostConfig.Binds, definitions Mount and MountPoint; `docker run --volume`.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from baleen.api import MountPoint
from baleen.engine.mount_types import BIND_MODES, PROPAGATIONS, check_mount, tmpfs_options
from baleen.errors import InvalidArgument
from baleen.runtime.spec import PROC_ALLOWED
from baleen.volumes.names import check_volume_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baleen.api import ContainerConfig, HostConfig, Mount

__all__ = [
    "MountRequest",
    "ResolvedMount",
    "inherited_requests",
    "mount_point",
    "parse_mounts",
    "parse_volumes_from",
    "resolve_mounts",
]

_MAX_MOUNTS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class MountRequest:
    """One mount as asked for.

    Attributes:
        source: absolute host path (bind), volume name ("" for an anonymous volume), or image.
        target: absolute, normalised path in the container.
        mode: the options as the client wrote them, for MountPoint.Mode.
        propagation: of a bind; "" is the default, rprivate.
        make_source: make a missing host directory (`-v`; not `--mount`).
        recursive: binds bring the mounts below the source with them.
        read_only_recursion: "" where possible, "force" or "none".
        copy: fill a fresh volume with what the image has at the target.
        driver, driver_options, labels: for a volume that has to be made.
        options: of a tmpfs, as mount(8) takes them.
        from_image: an image's VOLUME, which yields to everything the client names.
    """

    type: Literal["bind", "volume", "tmpfs", "image"]
    source: str = ""
    target: str
    read_only: bool = False
    mode: str = ""
    propagation: str = ""
    make_source: bool = False
    recursive: bool = True
    read_only_recursion: Literal["", "force", "none"] = ""
    copy: bool = True
    driver: str = ""
    driver_options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    from_image: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether a volume without a name has to be made for it."""
        return self.type == "volume" and not self.source


@dataclass(frozen=True, slots=True)
class ResolvedMount:
    """A request and the host path it stands for ("" for tmpfs)."""

    request: MountRequest
    source: str


def parse_mounts(
    config: ContainerConfig, host: HostConfig, *, inherited: Iterable[MountRequest] = ()
) -> list[MountRequest]:
    """Return all mounts, sorted so that a parent comes before what is mounted below it.

    Args:
        config: the container's configuration merged with the image's (VOLUMEs).
        host: binds, mounts, tmpfs.
        inherited: from `--volumes-from`, see `inherited_requests`; explicit mounts win over them.

    Raises:
        InvalidArgument: a malformed specification, two mounts at one destination, or a
            destination below /proc.
    """
    explicit: dict[str, MountRequest] = {}
    requests = [_parse_bind(text, host.volume_driver) for text in host.binds]
    requests += [_from_mount(mount, host.volume_driver) for mount in host.mounts]
    requests += [
        MountRequest(
            type="tmpfs",
            target=_clean_target(target, "tmpfs"),
            options=tmpfs_options(options),
            mode=options,
        )
        for target, options in host.tmpfs.items()
    ]
    for request in requests:
        if request.target in explicit:
            raise InvalidArgument(f"Duplicate mount point: {request.target}")
        explicit[request.target] = request
    result = {request.target: request for request in inherited}
    result |= explicit
    for target in config.volumes:
        # A VOLUME or an anonymous -v; it never replaces what was named.
        request = _image_volume(target, host.volume_driver)
        result.setdefault(request.target, request)
    if len(result) > _MAX_MOUNTS:
        raise InvalidArgument(f"too many mounts: {len(result)} is more than {_MAX_MOUNTS}")
    for target in result:
        _refuse_proc(target)
    return sorted(result.values(), key=lambda request: request.target.split("/"))


def _refuse_proc(target: str) -> None:
    # A mount there could stand in for the kernel's own files (CVE-2019-16884).
    if target == "/proc" or (target.startswith("/proc/") and target not in PROC_ALLOWED):
        raise InvalidArgument(f'"{target}" cannot be mounted because it is inside /proc')


def _clean_target(target: str, kind: str) -> str:
    if not target:
        raise InvalidArgument(
            f'invalid mount config for type "{kind}": field Target must not be empty'
        )
    if "\0" in target or len(target) > 4096:
        raise InvalidArgument(f'invalid mount config for type "{kind}": invalid mount path')
    if not target.startswith("/"):
        raise InvalidArgument(
            f'invalid mount config for type "{kind}": invalid mount path: '
            f"'{target}' mount path must be absolute"
        )
    clean = posixpath.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument(
            f'invalid mount config for type "{kind}": invalid specification: '
            "destination can't be '/'"
        )
    return clean


def _image_volume(target: str, driver: str) -> MountRequest:
    return MountRequest(
        type="volume", target=_clean_target(target, "volume"), driver=driver, from_image=True
    )


# --- -v source:target:mode -------------------------------------------------------------------


def _parse_bind(text: str, driver: str) -> MountRequest:
    parts = text.split(":", 3)
    bad = InvalidArgument(f"invalid volume specification: '{text[:512]}'")
    if len(parts) > 3 or not parts[0]:
        raise bad
    if len(parts) == 1:
        source, target, mode = "", parts[0], ""
    elif len(parts) == 2:
        source, target, mode = parts[0], parts[1], ""
        if _is_mode(target):  # "/target:ro": a volume without a name has no mode
            raise bad
    else:
        source, target, mode = parts
    if not target:
        raise bad
    kind: Literal["bind", "volume"] = "bind" if source.startswith("/") else "volume"
    try:
        return _request_of_bind(kind, source, target, mode, driver)
    except InvalidArgument as err:
        if err.message.startswith("invalid mount config"):
            raise InvalidArgument(f"{bad.message}: {err.message}") from err
        raise


def _request_of_bind(
    kind: Literal["bind", "volume"], source: str, target: str, mode: str, driver: str
) -> MountRequest:
    words = _parse_mode(mode, kind)
    clean = _clean_target(target, kind)
    if kind == "bind":
        return MountRequest(
            type="bind",
            source=posixpath.normpath("/" + source.lstrip("/")),
            target=clean,
            read_only="ro" in words,
            mode=mode,
            propagation=next((word for word in words if word in PROPAGATIONS), ""),
            make_source=True,
        )
    if source:
        check_volume_name(source)
    return MountRequest(
        type="volume",
        source=source,
        target=clean,
        read_only="ro" in words,
        mode=mode or "z",
        copy="nocopy" not in words,
        driver=driver,
    )


def _is_mode(text: str) -> bool:
    return all(word in BIND_MODES or word in PROPAGATIONS for word in text.split(","))


def _parse_mode(mode: str, kind: str) -> frozenset[str]:
    """Return the options, each kind of which may be given once."""
    if not mode:
        return frozenset()
    words = mode.split(",")
    bad = InvalidArgument(f"invalid mode: {mode[:128]}")
    allowed = BIND_MODES | (PROPAGATIONS if kind == "bind" else {"nocopy"})
    if len(set(words)) != len(words) or not allowed.issuperset(words):
        raise bad
    groups = ({"rw", "ro"}, {"z", "Z"}, PROPAGATIONS, {"consistent", "cached", "delegated"})
    if any(len(group.intersection(words)) > 1 for group in groups):
        raise bad
    return frozenset(words)


# --- --mount ---------------------------------------------------------------------------------


def _from_mount(mount: Mount, driver: str) -> MountRequest:
    check_mount(mount)
    target = _clean_target(mount.target, mount.type)
    if mount.type == "bind":
        bind = mount.bind_options
        recursion: Literal["", "force", "none"] = ""
        if bind and bind.read_only_force_recursive:
            recursion = "force"
        elif bind and bind.read_only_non_recursive:
            recursion = "none"
        return MountRequest(
            type="bind",
            source=posixpath.normpath(mount.source),
            target=target,
            read_only=mount.read_only,
            propagation=bind.propagation if bind else "",
            make_source=bool(bind and bind.create_mountpoint),
            recursive=not (bind and bind.non_recursive),
            read_only_recursion=recursion,
        )
    if mount.type == "tmpfs":
        wanted = mount.tmpfs_options
        words = ["ro"] if mount.read_only else []
        if wanted and wanted.size_bytes:
            words.append(f"size={wanted.size_bytes}")
        if wanted and wanted.mode:
            words.append(f"mode={wanted.mode:o}")
        words += ["=".join(option) for option in (wanted.options if wanted else ())]
        return MountRequest(
            type="tmpfs",
            target=target,
            read_only=mount.read_only,
            options=tmpfs_options(",".join(words)),
        )
    if mount.type == "image":
        return MountRequest(
            type="image", source=mount.source, target=target, read_only=mount.read_only
        )
    volume = mount.volume_options
    chosen = volume.driver_config if volume else None
    return MountRequest(
        type="volume",
        source=mount.source,
        target=target,
        read_only=mount.read_only,
        mode="z",
        copy=not (volume and volume.no_copy),
        driver=(chosen.name if chosen else "") or driver,
        driver_options=tuple(sorted(chosen.options.items())) if chosen else (),
        labels=tuple(sorted(volume.labels.items())) if volume else (),
    )


# --- --volumes-from --------------------------------------------------------------------------


def parse_volumes_from(text: str) -> tuple[str, str]:
    """Return (container reference, mode) of `--volumes-from name[:ro|rw]`.

    Raises:
        InvalidArgument: it is empty or the mode is none of the two.
    """
    reference, colon, mode = text.partition(":")
    if not reference:
        raise InvalidArgument("volumes-from: container reference cannot be empty")
    if colon and mode not in ("ro", "rw", "z", "Z"):
        raise InvalidArgument(f"invalid mode: {mode[:64]}")
    return reference, mode


def inherited_requests(points: Iterable[MountPoint], mode: str) -> list[MountRequest]:
    """Return the volumes and binds of another container as requests of this one."""
    result = []
    for point in points:
        if point.type not in ("bind", "volume"):
            continue
        request = MountRequest(
            type="bind" if point.type == "bind" else "volume",
            source=point.name if point.type == "volume" else point.source,
            target=point.destination,
            read_only=not point.rw,
            mode=point.mode,
            propagation=point.propagation if point.type == "bind" else "",
            copy=False,
            driver=point.driver,
        )
        result.append(replace(request, read_only=True) if mode == "ro" else request)
    return result


# --- to and from the record ------------------------------------------------------------------


def mount_point(request: MountRequest, source: str, name: str = "") -> MountPoint:
    """Return what the record and the API show for a request whose source is now known."""
    return MountPoint(
        type=request.type,
        name=name,
        source=source,
        destination=request.target,
        driver=(request.driver or "local") if request.type == "volume" else "",
        mode=request.mode,
        rw=not request.read_only,
        propagation=(request.propagation or "rprivate") if request.type == "bind" else "",
    )


def resolve_mounts(
    requests: Sequence[MountRequest], points: Iterable[MountPoint]
) -> list[ResolvedMount]:
    """Return the requests with the sources that were settled when the container was made."""
    by_target = {point.destination: point for point in points}
    result = []
    for request in requests:
        point = by_target.get(request.target)
        result.append(ResolvedMount(request, point.source if point else request.source))
    return result
