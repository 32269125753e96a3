"""The config.json of a container for which nothing special was asked.

It gives what `docker run` without options gives: rights, mounts, masks and devices. See: moby oci,
OCI runtime-spec config.md.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

__all__ = [
    "DEFAULT_CAPABILITIES",
    "MASKED_PATHS",
    "READONLY_PATHS",
    "default_device_rules",
    "default_spec",
]

DEFAULT_CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
MASKED_PATHS: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS: Final = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)
# What every container may use: the default devices, terminals, and mknod of any.
_DEVICE_RULES: Final = (
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 5, 1, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 136, None, "rwm"),
)


def _rule(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, object]:
    numbers = {"major": major, "minor": minor}
    given = {name: number for name, number in numbers.items() if number is not None}
    return {"allow": True, "type": kind, **given, "access": access}


def default_device_rules() -> list[dict[str, object]]:
    """Device cgroup rules that allow what every container may use."""
    return [_rule(*rule) for rule in _DEVICE_RULES]


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, object]:
    return {
        "destination": destination,
        "type": kind,
        "source": source,
        "options": list(options),
    }


def default_spec(args: Sequence[str] = ("sh",), *, terminal: bool = False) -> dict[str, Any]:
    """A new document for `args`; the caller may change it."""
    plain = ("nosuid", "noexec", "nodev")
    return {
        "ociVersion": "1.2.0",
        "process": {
            "terminal": terminal,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=xterm",
            ],
            "cwd": "/",
            "capabilities": {
                name: list(DEFAULT_CAPABILITIES) for name in ("bounding", "effective", "permitted")
            },
            "oomScoreAdj": 0,
        },
        "root": {"path": "rootfs"},
        "hostname": "baleen",
        "mounts": [
            _mount("/proc", "proc", "proc", *plain),
            _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount(
                "/dev/pts",
                "devpts",
                "devpts",
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ),
            _mount("/sys", "sysfs", "sysfs", *plain, "ro"),
            _mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", *plain),
            _mount("/dev/mqueue", "mqueue", "mqueue", *plain),
            _mount("/dev/shm", "tmpfs", "shm", *plain, "mode=1777", "size=65536k"),  # noqa: S108
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}, *default_device_rules()]},
            "sysctl": {
                "net.ipv4.ip_unprivileged_port_start": "0",
                "net.ipv4.ping_group_range": "0 2147483647",
            },
            "namespaces": [{"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc")],
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READONLY_PATHS),
        },
    }
