"""What each type of namespace isolates, and what it means to share it with the host.

See: namespaces(7) and the page named with each entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ENGINES", "JOINED", "NAMESPACES", "OTHER", "WhyNamespace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNamespace:
    """One type of namespace.

    Attributes:
        file: its name below /proc/PID/ns.
        isolates: what it holds.
        own: what a container gains that has its own.
        host: what it means to be in the host's.
        see: the manual page.
    """

    file: str
    isolates: str
    own: str
    host: str
    see: str


# By the type's name in the OCI runtime-spec, in the order in which they are shown.
NAMESPACES: Final[dict[str, WhyNamespace]] = {
    "mount": WhyNamespace(
        file="mnt",
        isolates="the list of mounts, and with it what the file tree is",
        own="The container sees its own root and the mounts below it, nothing else of the host's "
        "files. Mounts made inside do not show outside, unless a mount is shared.",
        host="The container works on the host's own mounts.",
        see="mount_namespaces(7)",
    ),
    "pid": WhyNamespace(
        file="pid",
        isolates="process ids",
        own="The container's first process is PID 1. Processes outside have no id here, so they "
        "can neither be seen nor be signalled; when PID 1 ends, the kernel kills all others.",
        host="Every process of the host is visible, with its command line, and root may signal "
        "those that the kernel lets its user and CAP_KILL reach; /proc/PID/root, environ and "
        "mem of other processes are guarded by the ptrace access check alone.",
        see="pid_namespaces(7)",
    ),
    "network": WhyNamespace(
        file="net",
        isolates="interfaces, addresses, routes, firewall rules, ports, abstract unix sockets",
        own="Ports bound inside are not ports of the host, and 127.0.0.1 is the container's own. "
        "Others reach it only through its interfaces.",
        host="The host's interfaces and ports themselves: services that listen on the host's "
        "127.0.0.1 or on an abstract unix socket can be reached, as containerd's shim could be "
        "(CVE-2020-15257). Published ports have no meaning.",
        see="network_namespaces(7)",
    ),
    "ipc": WhyNamespace(
        file="ipc",
        isolates="System V shared memory, semaphores and queues; POSIX message queues",
        own="Processes outside cannot open this container's shared memory segments by key.",
        host="System V objects and message queues of the host's processes can be opened, as far "
        "as their owner and mode allow. /dev/shm is the host's as well.",
        see="ipc_namespaces(7)",
    ),
    "uts": WhyNamespace(
        file="uts",
        isolates="host name and NIS domain name",
        own="The container has a host name of its own.",
        host="The host's name is shown; with CAP_SYS_ADMIN the container could change it.",
        see="uts_namespaces(7)",
    ),
    "user": WhyNamespace(
        file="user",
        isolates="user and group ids, capabilities, keys",
        own="User ids inside are mapped to others outside: root here is an ordinary user there, "
        "and capabilities count only for what belongs to this namespace.",
        host="User ids are the host's: uid 0 inside is uid 0 outside. What root may do is bounded "
        "by the capabilities that are left, the seccomp filter, and which files are visible.",
        see="user_namespaces(7)",
    ),
    "cgroup": WhyNamespace(
        file="cgroup",
        isolates="the view of control groups in /proc/PID/cgroup and of new cgroup mounts",
        own="The container's own group looks like the root: names of groups outside stay hidden.",
        host="/proc/self/cgroup shows the whole path on the host. That gives away names and no "
        "rights: limits hold all the same, and /sys/fs/cgroup is a mount of its own.",
        see="cgroup_namespaces(7)",
    ),
    "time": WhyNamespace(
        file="time",
        isolates="offsets of CLOCK_MONOTONIC and CLOCK_BOOTTIME",
        own="Monotonic and boot time can have offsets of their own. The wall clock "
        "(CLOCK_REALTIME) is never isolated: it is the host's.",
        host="Clocks are the host's, so the uptime is too. Setting the wall clock needs "
        "CAP_SYS_TIME, which a container does not have unless it was added.",
        see="time_namespaces(7)",
    ),
}

JOINED: Final = (
    "It is another container's: what it isolates is one and the same for both, and each can "
    "reach what the other has there."
)
OTHER: Final = (
    "It is neither the host's nor one that the engine made for a container: the process has made "
    "or joined it itself."
)
ENGINES: Final = (
    "The engine runs without root, in a user namespace that all its containers share: uid 0 inside "
    "is the user who started it, other ids are those that /etc/subuid grants, and capabilities "
    "count only for what belongs to that namespace."
)
