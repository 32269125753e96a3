"""What makes a container less isolated than `docker run` without options would."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from baleen.runtime.default_spec import DEFAULT_CAPABILITIES, MASKED_PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.api.explanation import (
        ExplainedCapability,
        ExplainedMount,
        ExplainedNamespace,
        ExplainedPath,
        ExplainedSeccomp,
    )
    from baleen.engine.explaining.subject import Subject

__all__ = ["find_weaknesses"]

# Directories of the host that give their reader, or writer, the host.
_DANGEROUS: Final = frozenset(
    {"/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys"}
    | {"/usr", "/var", "/var/run", "/var/lib"}
)
_SOCKETS: Final = ("docker.sock", "baleen.sock", "containerd.sock", "podman.sock", "crio.sock")
_HOST_TEXTS: Final = {
    "pid": "the processes of the host can be seen",
    "network": "the interfaces and ports are the host's",
    "ipc": "shared memory is the host's",
    "uts": "the host name is the host's",
}


def find_weaknesses(
    subject: Subject,
    *,
    namespaces: Sequence[ExplainedNamespace],
    capabilities: Sequence[ExplainedCapability],
    seccomp: ExplainedSeccomp,
    mounts: Sequence[ExplainedMount],
    paths: Sequence[ExplainedPath],
) -> list[str]:
    """Return one sentence for each, the gravest first; none for a plain container."""
    return [
        *_of_rights(subject, capabilities, seccomp),
        *(
            f"The {item.type} namespace is the host's: {_HOST_TEXTS[item.type]}."
            for item in namespaces
            if item.scope == "host" and item.type in _HOST_TEXTS
        ),
        *_of_users(subject, namespaces),
        *_of_mounts(subject),
        *_of_paths(subject, paths),
        *(
            f"A second {item.type} is mounted at {item.target}: nothing of it is masked."
            for item in mounts
            if item.kind == "container" and item.type in ("proc", "sysfs")
        ),
    ]


def _of_rights(
    subject: Subject, capabilities: Sequence[ExplainedCapability], seccomp: ExplainedSeccomp
) -> Iterator[str]:
    if subject.record.host_config.privileged:
        yield (
            "Privileged (--privileged): all capabilities and devices, no filter of system calls, "
            "nothing masked. Root in it is root of the host."
        )
    else:
        added = [
            item.name
            for item in capabilities
            if item.bounding and item.name not in DEFAULT_CAPABILITIES
        ]
        if added:
            yield f"Capabilities beyond the default: {', '.join(added)}."
        if seccomp.mode == "disabled":
            yield "No seccomp filter: every system call reaches the kernel."
        elif seccomp.profile == "unconfined":
            yield "No seccomp filter of the engine's (seccomp=unconfined)."
        if subject.process.get("apparmorProfile") == "unconfined":
            yield "No AppArmor profile (apparmor=unconfined)."
        if subject.record.host_config.devices:
            names = [device.path_on_host for device in subject.record.host_config.devices]
            yield f"Devices of the host can be used: {', '.join(names)}."


def _of_users(subject: Subject, namespaces: Sequence[ExplainedNamespace]) -> Iterator[str]:
    if subject.remaps and any(one.type == "user" and one.scope == "host" for one in namespaces):
        yield (
            "The user namespace is the host's (--userns=host): root inside is the host's root, "
            "which it is not in this engine's other containers (--userns-remap)."
        )


def _of_mounts(subject: Subject) -> Iterator[str]:
    for point in subject.record.mounts:
        if point.type != "bind":
            continue
        source = os.path.normpath(point.source)
        if source.endswith(_SOCKETS) or point.destination.endswith(_SOCKETS):
            yield (
                f"{point.destination} is the socket of a container engine: who can write to it "
                "starts privileged containers, and so is root of the host."
            )
        elif source in _DANGEROUS:
            how = "written" if point.rw else "read"
            yield f"{source} of the host can be {how} at {point.destination}."
    if any(point.propagation.endswith("shared") for point in subject.record.mounts):
        yield "A mount is shared: what the container mounts below it appears on the host."


def _of_paths(subject: Subject, paths: Sequence[ExplainedPath]) -> Iterator[str]:
    if subject.live is not None and subject.live.more_mounts:
        yield "It has so many mounts that not all were looked at; masks may not hold."
    if subject.record.host_config.privileged:
        return
    covered = {item.path for item in paths if item.protection == "masked"}
    open_paths = [path for path in MASKED_PATHS if path not in covered]
    if open_paths:
        yield f"Not masked: {', '.join(open_paths)}."
    missing = [item.path for item in paths if item.state == "missing"]
    if missing:
        yield f"Should be protected and is not (unmounted, covered, or new): {', '.join(missing)}."
