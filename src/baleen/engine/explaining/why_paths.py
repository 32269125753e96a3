"""Why paths of /proc and /sys are hidden from containers, or cannot be written.

These file systems are the kernel's, and large parts of them belong to no namespace: what is read
or written there is the host's. A masked file is covered by /dev/null, a masked directory by an
empty read-only tmpfs; a read-only path is bound over itself without the right to write.

See: OCI runtime-spec config-linux.md, Masked Paths and Readonly Paths; proc(5), sysfs(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["WhyPath", "why_path"]


@dataclass(frozen=True, slots=True)
class WhyPath:
    """Why a path is protected, and where to read more."""

    why: str
    see: str = ""


_PATHS: Final[dict[str, WhyPath]] = {
    "/proc/acpi": WhyPath(
        "Power and hardware switches; writing here could turn off Bluetooth or the keyboard light "
        "of the host.",
        "CVE-2018-10892",
    ),
    "/proc/asound": WhyPath(
        "State of the host's sound devices: that somebody plays or records sound shows here.",
        "moby issue 38285",
    ),
    "/proc/interrupts": WhyPath(
        "Counts of each interrupt, thermal ones among them: what others do on this machine shows, "
        "down to the rhythm of key presses.",
        "GHSA-6fw5-f8r9-fgfm",
    ),
    "/proc/kcore": WhyPath(
        "All memory of the machine as one file, the kernel's and every process' of the host.",
        "proc_kcore(5)",
    ),
    "/proc/keys": WhyPath(
        "Keys of the kernel's key rings that the reader may view; they are not namespaced by "
        "container.",
        "proc_keys(5), keyrings(7)",
    ),
    "/proc/latency_stats": WhyPath("Which kernel functions other processes wait in."),
    "/proc/sched_debug": WhyPath("Every process of the host with its name and scheduling state."),
    "/proc/scsi": WhyPath(
        "Writing 'scsi remove-single-device' here takes a disk of the host away.",
        "CVE-2017-16539",
    ),
    "/proc/timer_list": WhyPath(
        "All pending timers of the host with the processes that set them.",
        "proc_timer_list(5)",
    ),
    "/proc/timer_stats": WhyPath(
        "Which processes set which timers (kernels before 4.11).", "proc_timer_stats(5)"
    ),
    "/sys/devices/virtual/powercap": WhyPath(
        "Energy counters of the processor, precise enough to read keys out of other programs "
        "(Platypus).",
        "CVE-2020-8694, GHSA-jq35-85cj-fj4p",
    ),
    "/sys/firmware": WhyPath(
        "Tables of the firmware (ACPI, DMI, EFI variables), with serial numbers of the host.",
        "moby pull request 26618",
    ),
    "/proc/bus": WhyPath("Devices of the host's buses, configurable through these files."),
    "/proc/fs": WhyPath("Settings of the host's file systems and of its NFS server."),
    "/proc/irq": WhyPath("Which processor serves which interrupt of the host."),
    "/proc/sys": WhyPath(
        "The kernel's settings. kernel.core_pattern or kernel.modprobe would run any program as "
        "root on the host.",
        "proc_sys_kernel(5)",
    ),
    "/proc/sysrq-trigger": WhyPath(
        "A single letter written here reboots or crashes the host.", "proc_sysrq-trigger(5)"
    ),
}
_THERMAL = re.compile(r"/sys/devices/system/cpu/cpu[0-9]+/thermal_throttle")
_THERMAL_WHY: Final = WhyPath(
    "Counts how often the processor was too hot: a channel on what other programs do.",
    "GHSA-6fw5-f8r9-fgfm",
)
_ASKED: Final = WhyPath("Asked for with the container (HostConfig MaskedPaths, ReadonlyPaths).")


def why_path(path: str) -> WhyPath:
    """Return the reason; for a path that is not in the table, that the client asked for it."""
    if _THERMAL.fullmatch(path):
        return _THERMAL_WHY
    return _PATHS.get(path, _ASKED)
