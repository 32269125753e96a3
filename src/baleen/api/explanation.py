"""What isolates one container, for people: the document of Baleen's own `explain` endpoints.

An extension: Docker's API has nothing like it. It lies beside Docker's paths, below /baleen/v1,
and its names follow the same rules (PascalCase, empty instead of null). `Version` changes when a
field changes its meaning or goes away; new fields may come at any time.

Each fact comes with its reason in words (`Why`, `Isolates`, `Allows`), so that a client only has
to lay it out. Where `Source` is "kernel" the facts were read from the running process; where it
is "plan" they are what a start would make.

See: docs/explain.md
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from baleen.api.wire import Wire

__all__ = [
    "ExplainedCapability",
    "ExplainedCgroup",
    "ExplainedCgroupPath",
    "ExplainedDevice",
    "ExplainedInterface",
    "ExplainedLayer",
    "ExplainedLimit",
    "ExplainedMount",
    "ExplainedNamespace",
    "ExplainedNetwork",
    "ExplainedPath",
    "ExplainedPort",
    "ExplainedProcess",
    "ExplainedRlimit",
    "ExplainedRoute",
    "ExplainedRule",
    "ExplainedSeccomp",
    "ExplainedSupervisor",
    "ExplainedSyscall",
    "ExplainedSyscallGroup",
    "ExplainedSysctl",
    "Explanation",
]


class ExplainedNamespace(Wire, frozen=True):
    """One namespace of the container's process.

    Attributes:
        type: cgroup, ipc, mount, network, pid, time, user or uts.
        id: as the kernel shows it, "net:[4026532281]"; "" in a plan, except for a namespace of
            the host or of a running container.
        scope: "own", "host", "container" (joined), or "other" (none of these: made or joined by
            the process itself).
        shared_with: names of other containers in the same namespace.
        isolates: what a namespace of this type holds.
        why: what this scope means for the container.
        see: the manual page.
    """

    type: str
    id: str = ""
    scope: str = "own"
    shared_with: list[str] = field(default_factory=list)
    isolates: str = ""
    why: str = ""
    see: str = ""


class ExplainedLayer(Wire, frozen=True):
    """One directory of the union mount, top-most first.

    Attributes:
        role: "writable" (the container's own), "image", or "base" (what all have to mount on).
        directory: on the host; "" when the layer is not unpacked.
        digest, size: of the compressed blob in the image's manifest.
        diff_id: of the uncompressed archive; chain_id: of it and all below.
        unpacked_size: apparent bytes of the files that the layer brings.
        created_by: the image's history, where it has one.
        mapped: whether its files are shown with the ids of the container's user namespace in place
            of those on disk (an idmapped mount).
    """

    role: str
    directory: str = ""
    digest: str = ""
    size: int = 0
    diff_id: str = ""
    chain_id: str = ""
    unpacked_size: int = 0
    created_by: str = ""
    mapped: bool = False


class ExplainedMount(Wire, frozen=True):
    """One mount of the container's mount namespace.

    Attributes:
        target: where, inside the container.
        id, parent: as in mountinfo; 0 in a plan.
        type: of the file system; "bind" in a plan.
        source: host directory of a bind, else what was mounted.
        options: mount options, in force (kernel) or asked for (plan).
        propagation: "private", "shared:N", "master:N", …; see mount_namespaces(7).
        kind: "root", "default" (in every container), "engine" (files of /etc), "cgroup", "user"
            (asked for), "terminal", "mask", "read-only", or "container" (made by the container
            itself, or propagated into it).
        why: the reason.
    """

    target: str
    type: str = ""
    source: str = ""
    options: list[str] = field(default_factory=list)
    propagation: str = ""
    kind: str = ""
    why: str = ""
    id: int = 0
    parent: int = 0


class ExplainedPath(Wire, frozen=True):
    """One path of the kernel's file systems that is hidden or protected.

    Attributes:
        protection: "masked" or "read-only".
        state: "in force", "planned", "absent" (this kernel has no such path) or "missing": it
            should be there and is not.
        why, see: what the path would give away, and where to read more.
    """

    path: str
    protection: str
    state: str = ""
    why: str = ""
    see: str = ""


class ExplainedDevice(Wire, frozen=True):
    """One rule of the device cgroup, in order; the first is the default.

    Attributes:
        allow: whether it allows or denies.
        rule: "c 1:3 rwm" as in the kernel's devices.list.
        why: the device, or the reason.
    """

    allow: bool
    rule: str
    why: str = ""


class ExplainedRlimit(Wire, frozen=True):
    """One resource limit of the process; see getrlimit(2). "unlimited" where there is none.

    Attributes:
        name: as in `--ulimit`.
        soft, hard: the two values.
        inherited: nobody asked for it: it is what the daemon itself has.
        limits: what it limits.
    """

    name: str
    soft: str = ""
    hard: str = ""
    inherited: bool = True
    limits: str = ""


class ExplainedSupervisor(Wire, frozen=True):
    """Who started the container's process and looks after it, daemon or not.

    Attributes:
        pid, name: of the shim that it lives in, a process of ours; while the container runs.
        directory: of its socket and documents.
        why: what it does.
    """

    pid: int = 0
    name: str = ""
    directory: str = ""
    why: str = ""


class ExplainedProcess(Wire, frozen=True):
    """The container's first process.

    Attributes:
        pid: on the host; 0 in a plan.
        pid_inside: in the innermost pid namespace.
        args, cwd, terminal: of the command.
        init: whether our init is PID 1 and the command its child.
        uid, gid, groups: as the host sees them.
        uid_map, gid_map: lines "inside outside count" of the user namespace; empty in the host's.
        no_new_privileges: see PR_SET_NO_NEW_PRIVS in prctl(2).
        lsm: AppArmor profile or SELinux label in force, "" for none.
        oom_score: the kernel's badness now, with the adjustment; 0 in a plan.
    """

    pid: int = 0
    pid_inside: int = 0
    args: list[str] = field(default_factory=list)
    cwd: str = ""
    terminal: bool = False
    init: bool = False
    uid: int = 0
    gid: int = 0
    groups: list[int] = field(default_factory=list)
    uid_map: list[str] = field(default_factory=list)
    gid_map: list[str] = field(default_factory=list)
    user_why: str = ""
    no_new_privileges: bool = False
    no_new_privileges_why: str = ""
    lsm: str = ""
    oom_score_adj: int = 0
    oom_score: int = 0
    oom_why: str = ""
    rlimits: list[ExplainedRlimit] = field(default_factory=list)
    supervisor: ExplainedSupervisor = field(default_factory=ExplainedSupervisor)


class ExplainedCapability(Wire, frozen=True):
    """One capability that this kernel knows, and in which sets of the process it is.

    Attributes:
        bounding, effective, permitted, inheritable, ambient: the sets; see capabilities(7).
        default: whether `docker run` without options keeps it.
        allows: what it allows.
    """

    name: str
    bounding: bool = False
    effective: bool = False
    permitted: bool = False
    inheritable: bool = False
    ambient: bool = False
    default: bool = False
    allows: str = ""


class ExplainedSyscall(Wire, frozen=True):
    """One system call that is not simply allowed.

    Attributes:
        action: what the filter answers: "EPERM", "ENOSYS", "allow", "kill the process", …
        rules: conditions that are tried before, in order, each with its answer.
        allowed_with: capabilities each of which would make the profile allow it.
    """

    name: str
    action: str
    rules: list[str] = field(default_factory=list)
    allowed_with: list[str] = field(default_factory=list)
    why: str = ""


class ExplainedSyscallGroup(Wire, frozen=True):
    """System calls that are refused for one reason.

    Attributes:
        title, why, see: the reason, and where to read more.
    """

    title: str
    why: str = ""
    see: str = ""
    syscalls: list[ExplainedSyscall] = field(default_factory=list)


class ExplainedSeccomp(Wire, frozen=True):
    """The filter of system calls.

    Attributes:
        mode: "filter" or "disabled".
        filters: how many the kernel has for the process; 0 when it does not say.
        profile: "builtin", "custom", or "unconfined".
        program: digest of profile, capabilities, architecture and kernel: the program's name.
        default_action: the answer for what no rule names.
        allowed: how many system calls of this architecture are always allowed.
        architecture: of the numbers, as `uname -m` says it.
        refused: grouped by reason.
        conditional: allowed or refused by their arguments.
        why: what the mode means.
    """

    mode: str = "disabled"
    filters: int = 0
    profile: str = "unconfined"
    program: str = ""
    architecture: str = ""
    default_action: str = ""
    allowed: int = 0
    refused: list[ExplainedSyscallGroup] = field(default_factory=list)
    conditional: list[ExplainedSyscall] = field(default_factory=list)
    why: str = ""


class ExplainedCgroupPath(Wire, frozen=True):
    """Where the process is in one hierarchy.

    Attributes:
        controllers: of the hierarchy; empty for the unified and for a named one.
        path: below the hierarchy's root.
        directory: on the host.
    """

    controllers: list[str] = field(default_factory=list)
    path: str = ""
    directory: str = ""


class ExplainedLimit(Wire, frozen=True):
    """One limit or counter of the control group.

    Attributes:
        limit: "unlimited" where there is none; "" for what cannot be limited.
        usage: now; "" in a plan and where the kernel keeps no counter.
        file: the kernel's file that holds the limit.
        why: what it is for.
    """

    name: str
    limit: str = ""
    usage: str = ""
    file: str = ""
    why: str = ""


class ExplainedCgroup(Wire, frozen=True):
    """The control group: what the container may use, and what it uses now.

    Attributes:
        version: 1 (also of a hybrid layout) or 2.
        paths: one for each hierarchy.
        devices: the rules in order.
    """

    version: int = 1
    paths: list[ExplainedCgroupPath] = field(default_factory=list)
    limits: list[ExplainedLimit] = field(default_factory=list)
    devices: list[ExplainedDevice] = field(default_factory=list)


class ExplainedInterface(Wire, frozen=True):
    """One network interface of the container.

    Attributes:
        network: the engine's network; "" for lo and what the container made itself.
        bridge, host_name: the bridge, and the veth's other end on the host.
        addresses: with prefix length; in a plan, in words, where none was asked for.
    """

    name: str
    mac: str = ""
    mtu: int = 0
    up: bool = False
    addresses: list[str] = field(default_factory=list)
    network: str = ""
    bridge: str = ""
    host_name: str = ""
    why: str = ""


class ExplainedRoute(Wire, frozen=True):
    """One route of the main table; `via` "" is on the link."""

    to: str
    via: str = ""
    interface: str = ""


class ExplainedPort(Wire, frozen=True):
    """A port of the container that the host's addresses lead to. Port 0: not chosen yet."""

    protocol: str
    host_ip: str
    host_port: int
    container_port: int


class ExplainedRule(Wire, frozen=True):
    """A rule of the firewall that concerns this container, in the words of nft(8)."""

    rule: str
    why: str = ""


class ExplainedNetwork(Wire, frozen=True):
    """How the container reaches others, and who reaches it.

    Attributes:
        mode: as asked for: "bridge", "host", "none", a network's name, "container:NAME".
        why: what the mode means.
        ports: published ones.
        rules: of the firewall, those that concern this container.
        dns: what answers names.
    """

    mode: str = ""
    why: str = ""
    interfaces: list[ExplainedInterface] = field(default_factory=list)
    routes: list[ExplainedRoute] = field(default_factory=list)
    ports: list[ExplainedPort] = field(default_factory=list)
    rules: list[ExplainedRule] = field(default_factory=list)
    dns: str = ""


class ExplainedSysctl(Wire, frozen=True):
    """A kernel setting that the runtime writes into the container's namespaces at its start."""

    name: str
    value: str
    why: str = ""


class Explanation(Wire, frozen=True):
    """Everything about one container.

    Attributes:
        version: of this document's form.
        source: "kernel" (read from the running process) or "plan" (what a start would make).
        id: "" for a dry run.
        name: "" for a dry run without one.
        status: as in `docker ps`, or "dry-run".
        problems: why a start would fail.
        warnings: what a create would warn of; of a dry run.
        weaknesses: what makes this container less isolated than one without options.
        layers: of the union mount, top-most first.
        paths: masked ones, then read-only ones.
        oci: the OCI document (config.json): of the run, or what a start would write.
    """

    version: int = 1
    source: str = "kernel"
    id: str = ""
    name: str = ""
    image: str = ""
    image_id: str = ""
    status: str = ""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    weaknesses: list[str] = field(default_factory=list)
    namespaces: list[ExplainedNamespace] = field(default_factory=list)
    layers: list[ExplainedLayer] = field(default_factory=list)
    mounts: list[ExplainedMount] = field(default_factory=list)
    paths: list[ExplainedPath] = field(default_factory=list)
    process: ExplainedProcess = field(default_factory=ExplainedProcess)
    capabilities: list[ExplainedCapability] = field(default_factory=list)
    seccomp: ExplainedSeccomp = field(default_factory=ExplainedSeccomp)
    cgroup: ExplainedCgroup = field(default_factory=ExplainedCgroup)
    network: ExplainedNetwork = field(default_factory=ExplainedNetwork)
    sysctls: list[ExplainedSysctl] = field(default_factory=list)
    oci: dict[str, Any] = field(default_factory=dict)
