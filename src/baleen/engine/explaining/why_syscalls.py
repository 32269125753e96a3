"""Why a filter refuses system calls, by what they are for, and what conditions mean.

The kernel has several hundred system calls and most programs need few of them. What only an
administrator of the host uses, and what was hardly ever tried by hostile programs, is not offered
to containers: a bug in it is then out of reach. The groups follow Docker's default profile.

See: seccomp(2), syscalls(2); Docker documentation, Seccomp security profiles for Docker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CONDITIONS", "GROUPS", "OTHERS", "WhyGroup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyGroup:
    """System calls that are refused for one reason."""

    title: str
    syscalls: frozenset[str]
    why: str
    see: str = ""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


GROUPS: Final[tuple[WhyGroup, ...]] = (
    WhyGroup(
        title="mounting",
        syscalls=_names(
            "mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree "
            "open_tree_attr mount_setattr"
        ),
        why="Mounts could uncover what is masked, bring in file systems of the host, or undo "
        "what is read-only; and the kernel's file systems trust the disk that they are given.",
        see="CVE-2022-0185 (fsconfig)",
    ),
    WhyGroup(
        title="namespaces",
        syscalls=_names("unshare setns clone3 listns"),
        why="A new user namespace would give root inside it all capabilities, and so a way to "
        "kernel code that was never meant for ordinary users. clone3 hides its flags in memory "
        "where a filter cannot look, so it answers ENOSYS and programs fall back to clone.",
        see="user_namespaces(7), CVE-2022-0185",
    ),
    WhyGroup(
        title="kernel modules and other kernels",
        syscalls=_names(
            "init_module finit_module delete_module create_module query_module get_kernel_syms "
            "kexec_load kexec_file_load reboot"
        ),
        why="Code in the kernel is the whole host; another kernel or a reboot is its end.",
        see="init_module(2), kexec_load(2), reboot(2)",
    ),
    WhyGroup(
        title="BPF, tracing and performance events",
        syscalls=_names("bpf perf_event_open lookup_dcookie uprobe uretprobe"),
        why="Programs inside the kernel, and counters of the whole machine: a verifier's mistake "
        "is code in the kernel, and the counters tell of others' secrets.",
        see="CVE-2021-3490 (bpf), CVE-2013-2094 (perf_event_open)",
    ),
    WhyGroup(
        title="key rings",
        syscalls=_names("add_key request_key keyctl"),
        why="The kernel's key rings belong to no namespace: keys of the same user id outside "
        "would be within reach.",
        see="keyrings(7), CVE-2016-0728",
    ),
    WhyGroup(
        title="io_uring",
        syscalls=_names("io_uring_setup io_uring_enter io_uring_register"),
        why="Its operations run without passing this filter, and it has had many holes.",
        see="moby pull request 46762",
    ),
    WhyGroup(
        title="page faults in user space",
        syscalls=_names("userfaultfd"),
        why="It lets a program halt the kernel in the middle of a copy, which makes races easy "
        "to win.",
        see="userfaultfd(2)",
    ),
    WhyGroup(
        title="files by handle",
        syscalls=_names("open_by_handle_at"),
        why="Opens a file by its number, past all directories: it led out of containers.",
        see="open_by_handle_at(2); 'shocker', 2014",
    ),
    WhyGroup(
        title="other processes",
        syscalls=_names("kcmp pidfd_getfd process_madvise"),
        why="Compare or take over resources of other processes, as debuggers do.",
        see="kcmp(2), pidfd_getfd(2)",
    ),
    WhyGroup(
        title="memory of NUMA nodes",
        syscalls=_names(
            "get_mempolicy mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages"
        ),
        why="Where memory lies is for the host to decide; moving pages disturbs others.",
        see="numa(7)",
    ),
    WhyGroup(
        title="clocks of the host",
        syscalls=_names("clock_settime clock_settime64 settimeofday stime"),
        why="Time is not namespaced: the host's clock would be set.",
        see="time_namespaces(7)",
    ),
    WhyGroup(
        title="names of the host",
        syscalls=_names("sethostname setdomainname"),
        why="The engine has set the name; CAP_SYS_ADMIN would be needed anyhow.",
        see="sethostname(2)",
    ),
    WhyGroup(
        title="administration of the host",
        syscalls=_names(
            "acct quotactl quotactl_fd swapon swapoff syslog vhangup fanotify_init nfsservctl "
            "sysfs ustat uselib ioperm iopl _sysctl"
        ),
        why="Accounting, quotas, swap, the kernel's log, I/O ports: settings of the machine, not "
        "of a container. Some are obsolete and only old code is behind them.",
        see="acct(2), swapon(2), syslog(2), iopl(2)",
    ),
    WhyGroup(
        title="security modules",
        syscalls=_names("lsm_get_self_attr lsm_set_self_attr lsm_list_modules"),
        why="Attributes of security modules (AppArmor, SELinux) are the engine's to set.",
        see="Documentation/userspace-api/lsm.rst",
    ),
    WhyGroup(
        title="never implemented, or gone",
        syscalls=_names("afs_syscall tuxcall security vserver getpmsg putpmsg"),
        why="The kernel has numbers for them and no code; no program needs them.",
        see="unimplemented(2)",
    ),
    WhyGroup(
        title="newer than the profile",
        syscalls=_names("file_getattr file_setattr"),
        why="Calls that came into the kernel after the profile was written: they answer ENOSYS, "
        "as an older kernel does, so that programs use what came before.",
        see="seccomp(2)",
    ),
)
OTHERS: Final = WhyGroup(
    title="others",
    syscalls=frozenset(),
    why="Refused by a rule of this profile, or because none allows them.",
)

# What the conditions on arguments of the built-in profile mean.
CONDITIONS: Final[dict[str, str]] = {
    "clone": "Processes and threads, but no new namespaces: the CLONE_NEW* flags must be 0 "
    "(except CLONE_NEWTIME, which clone cannot take).",
    "socket": "Every family of addresses but AF_ALG (38), kernel cryptography with a record of "
    "holes, and AF_VSOCK (40), which reaches the hypervisor past the network namespace.",
    "personality": "PER_LINUX and PER_LINUX32, with or without UNAME26, and the question "
    "0xffffffff; not the flags that weaken memory protection (ADDR_NO_RANDOMIZE, "
    "READ_IMPLIES_EXEC).",
}
