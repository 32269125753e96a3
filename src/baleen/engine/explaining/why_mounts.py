"""Why each mount of a container is there.

See: OCI runtime-spec config-linux.md, Default Filesystems; mount(8), proc(5), sysfs(5), pts(4),
tmpfs(5), shm_overview(7), mq_overview(7).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ANONYMOUS_VOLUME",
    "BIND",
    "CGROUP_VIEW",
    "CONSOLE",
    "CONTAINERS_OWN",
    "DEFAULTS",
    "DEVICE",
    "ENGINE_FILES",
    "MASKED_DIRECTORY",
    "MASKED_FILE",
    "NOT_THERE_YET",
    "PROTECTED",
    "READ_ONLY_BIND",
    "ROOT",
    "ROOT_READ_ONLY",
    "SHM_OF_OTHER",
    "SUBMOUNT",
    "TMPFS",
    "VOLUME",
]

ROOT: Final = (
    "The image's layers and, on top, the container's own writable layer, united by overlayfs: "
    "a file that is changed is copied up into the writable layer first."
)
ROOT_READ_ONLY: Final = " It is mounted read-only (--read-only)."

# By target; in every container.
DEFAULTS: Final[dict[str, str]] = {
    "/proc": "Processes and kernel settings as files. It shows the pid namespace that the "
    "container is in. Paths of it that are the whole host's are masked or read-only.",
    "/dev": "A tmpfs with nodes of the devices that this container may use, made for it; the "
    "host's own /dev is not seen.",
    "/dev/pts": "Pseudo terminals of its own (newinstance): terminals of the host and of other "
    "containers are not in it.",
    "/dev/mqueue": "POSIX message queues of the IPC namespace that the container is in.",
    "/dev/shm": "POSIX shared memory, in memory and limited in size (--shm-size).",  # noqa: S108
    "/sys": "Devices and drivers as the kernel shows them; read-only unless privileged, for "
    "writing here configures the host's hardware.",
    "/sys/fs/cgroup": "The container's own control groups, to read limits and use; read-only "
    "unless privileged, so that a container cannot raise its limits (nor use a "
    "release_agent to run programs on the host, CVE-2022-0492).",
}
SHM_OF_OTHER: Final = (
    "POSIX shared memory, shared with the host or another container by --ipc: what one writes, "
    "the other reads."
)
DEVICE: Final = (
    "The host's own device node, with its owner and mode: in a user namespace no node can be made "
    "that opens a device. Whether it opens is decided by the device cgroup too."
)
CGROUP_VIEW: Final = "The container's own group in one version 1 hierarchy."
# By target; written by the engine for each container.
ENGINE_FILES: Final[dict[str, str]] = {
    "/etc/resolv.conf": "Written by the engine: which DNS servers answer (--dns). On a "
    "user-defined network that is 127.0.0.11, the engine's own resolver.",
    "/etc/hostname": "Written by the engine: the container's host name (--hostname).",
    "/etc/hosts": "Written by the engine: the container's own name and --add-host, --link.",
}
VOLUME: Final = "Asked for: volume {name}. Its data lives on when the container is removed."
ANONYMOUS_VOLUME: Final = (
    "Anonymous volume, of -v without a name or of VOLUME in the image; removed by `rm -v`."
)
BIND: Final = (
    "Asked for: this directory or file of the host itself. The container changes it as its user "
    "and permissions allow."
)
READ_ONLY_BIND: Final = "Asked for: this directory or file of the host, read-only."
SUBMOUNT: Final = (
    "It lies below a directory of the host that was asked for: it came with that (recursive "
    "bind), or was mounted there later."
)
NOT_THERE_YET: Final = " It does not exist yet: a start makes an empty directory."
TMPFS: Final = "Asked for: files in memory, gone when the container stops (--tmpfs)."
MASKED_FILE: Final = "Masks the file with /dev/null."
MASKED_DIRECTORY: Final = "Masks the directory with an empty, read-only tmpfs."
PROTECTED: Final = "The same files bound over themselves, read-only."
CONSOLE: Final = "The container's terminal (-t), a pseudo terminal of its own /dev/pts."
CONTAINERS_OWN: Final = (
    "Not made by the engine: the container has mounted it itself, or it came through a shared "
    "mount (propagation)."
)
