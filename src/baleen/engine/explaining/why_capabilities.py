"""What each capability allows: the parts of root's power that Linux can give one by one.

See: capabilities(7); include/uapi/linux/capability.h of the kernel.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CAPABILITIES"]

# In the kernel's order. What is said is what matters for a container, not the whole list.
CAPABILITIES: Final[dict[str, str]] = {
    "CAP_CHOWN": "give files away: change owner and group of any file at will",
    "CAP_DAC_OVERRIDE": "read, write and execute files whatever their permission bits say",
    "CAP_DAC_READ_SEARCH": "read any file and search any directory; open_by_handle_at(2), with "
    "which a container could open files of the host by number ('shocker', 2014)",
    "CAP_FOWNER": "act as owner of any file: chmod, timestamps, remove from sticky directories",
    "CAP_FSETID": "keep set-user-ID and set-group-ID bits when a file is changed",
    "CAP_KILL": "signal processes of other users (that it can see)",
    "CAP_SETGID": "change the group ids of its own process",
    "CAP_SETUID": "change the user ids of its own process: su, or a server that drops root",
    "CAP_SETPCAP": "take capabilities out of its bounding set, change securebits",
    "CAP_LINUX_IMMUTABLE": "set and clear the append-only and immutable marks of files",
    "CAP_NET_BIND_SERVICE": "bind ports below 1024",
    "CAP_NET_BROADCAST": "unused by the kernel",
    "CAP_NET_ADMIN": "configure its network namespace: interfaces, routes, firewall, promiscuous "
    "mode; opens much of the kernel's network code to attack",
    "CAP_NET_RAW": "raw and packet sockets: ping, but also forged packets to neighbours on the "
    "bridge (ARP, and router advertisements as in CVE-2020-13401)",
    "CAP_IPC_LOCK": "lock memory beyond the limit (mlock), huge pages in shared memory",
    "CAP_IPC_OWNER": "ignore the permissions of System V IPC objects",
    "CAP_SYS_MODULE": "load kernel modules: code in the kernel, that is the whole host",
    "CAP_SYS_RAWIO": "I/O ports, /dev/mem, raw SCSI commands: the hardware, past the kernel",
    "CAP_SYS_CHROOT": "chroot(2), and setns(2) into mount namespaces",
    "CAP_SYS_PTRACE": "trace and read the memory of any process that it can see",
    "CAP_SYS_PACCT": "switch process accounting on and off (acct)",
    "CAP_SYS_ADMIN": "mount, namespaces, many device and kernel interfaces: close to all of root; "
    "many container escapes need it (CVE-2022-0492)",
    "CAP_SYS_BOOT": "reboot, and load another kernel (kexec)",
    "CAP_SYS_NICE": "raise priorities, real-time scheduling, CPU affinity of others",
    "CAP_SYS_RESOURCE": "exceed quotas and resource limits, raise hard limits",
    "CAP_SYS_TIME": "set the system clock, which is the host's",
    "CAP_SYS_TTY_CONFIG": "vhangup(2), and ioctls of virtual terminals",
    "CAP_MKNOD": "make device nodes; whether they can be opened is for the device cgroup to say",
    "CAP_LEASE": "leases on files of others (fcntl F_SETLEASE)",
    "CAP_AUDIT_WRITE": "write records to the kernel's audit log (login programs do)",
    "CAP_AUDIT_CONTROL": "change what the kernel audits",
    "CAP_SETFCAP": "set capabilities on files",
    "CAP_MAC_OVERRIDE": "override mandatory access control (Smack)",
    "CAP_MAC_ADMIN": "change mandatory access control (Smack, AppArmor, SELinux labels)",
    "CAP_SYSLOG": "read the kernel's log with syslog(2), see kernel addresses in /proc",
    "CAP_WAKE_ALARM": "timers that wake the machine from sleep",
    "CAP_BLOCK_SUSPEND": "keep the machine from sleeping",
    "CAP_AUDIT_READ": "read the audit log over netlink",
    "CAP_PERFMON": "performance events and tracing of the whole system",
    "CAP_BPF": "load BPF programs and make maps",
    "CAP_CHECKPOINT_RESTORE": "choose pids (clone3 set_tid), read /proc/PID/map_files of others",
}
