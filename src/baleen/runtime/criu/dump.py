"""A dump: the state of a running container's processes, from PID 1 down, into an image.

criu stops the processes, writes them down, and either kills them or lets them go on; if it fails
they go on in any case. It is a process of its own, in a session of its own, that ends what it has
begun even if we are killed.

Processes that were put into the container by an exec are no children of its PID 1, and not part of
it.
"""

from __future__ import annotations

import os

from baleen.errors import NotImplemented as Unsupported
from baleen.linux.fd import Fd
from baleen.linux.namespaces import CLONE_NEWNET
from baleen.linux.record import record
from baleen.runtime.criu import messages
from baleen.runtime.criu.external import NETWORK, binds_of, external_mount, streams_of
from baleen.runtime.criu.images import write_streams
from baleen.runtime.criu.service import Service, become_criu, pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.spec import Spec

__all__ = ["CGROUP_MODES", "DumpOptions", "check_supported", "dump"]

CGROUP_MODES: Final = {"ignore": 0, "soft": 3, "full": 4, "strict": 5}
"""What criu may do about control groups; the values are those of its protocol."""

LOG_LEVEL: Final = 4
# The rules that keep peers quiet meanwhile: nftables need no program, and no module of iptables.
NFTABLES: Final = 2
_LOG: Final = "dump.log"
_NEW_ONLY: Final = ("pid", "ipc", "uts", "cgroup")


@record(frozen=True, slots=True)
class DumpOptions:
    """What is asked of criu, in its terms.

    Attributes:
        pre_dump: memory only, as a base for a later dump; the processes go on.
        parent: path, below the image's directory, of the image that this one adds to.
        page_server: address and port of who takes the pages.
        external_network: the network namespace is not in the image.
        empty_network: it is, but without what is in it.
    """

    leave_running: bool = False
    tcp_established: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    file_locks: bool = False
    link_remap: bool = False
    auto_dedup: bool = False
    tcp_skip_in_flight: bool = False
    pre_dump: bool = False
    parent: str = ""
    page_server: tuple[str, int] | None = None
    cgroups: str = "ignore"
    external_network: bool = False
    empty_network: bool = False
    status_fd: int = -1


def check_supported(spec: Spec) -> None:
    """Refuse containers whose restore could not be what they were. Raises NotImplemented."""
    names = spec.namespaces
    if "pid" not in names:
        raise Unsupported("a container without a pid namespace of its own cannot be checkpointed")
    for kind in _NEW_ONLY:
        if names.get(kind) is not None:
            raise Unsupported(
                f"a container that shares the {kind} namespace of another cannot be checkpointed"
            )
    if "user" in names:
        raise Unsupported("a container with a user namespace cannot be checkpointed yet")
    if "time" in names:
        raise Unsupported("a container with a time namespace cannot be checkpointed yet")


def dump(
    criu: str, pid: int, spec: Spec, image: Fd, work: Fd, options: DumpOptions | None = None
) -> None:
    """Dump the container whose PID 1 is `pid` into the directory `image`.

    `work` is the directory of criu's log, dump.log. The caller has to know that `pid` is what it
    seems to be, and runs.

    Raises:
        NotImplemented: see check_supported.
        CriuFailed: the container goes on; what criu has written is there.
    """
    options = options or DumpOptions()
    check_supported(spec)
    streams = streams_of(pid)
    if not options.pre_dump:
        write_streams(image, streams)
    values = _values(pid, spec, options, streams)
    ours, theirs = pair()
    with ours, theirs, Fd(os.memfd_create("criu-errors")) as errors:
        helper = os.fork()
        if helper == 0:
            try:
                os.setsid()
                stdin = 0 if options.shell_job else -1
                become_criu(criu, theirs.fileno(), errors=errors.fileno(), stdin=stdin)
            finally:
                os._exit(127)
        theirs.close()
        try:
            service = Service(ours, errors, work, _LOG)
            directories: dict[str, object] = {
                "images_dir_fd": image.fileno(),
                "work_dir_fd": work.fileno(),
            }
            kind = messages.SINGLE_PRE_DUMP if options.pre_dump else messages.DUMP
            service.ask(kind, messages.encode_options(directories | values))
        finally:
            ours.close()
            os.waitpid(helper, 0)


def _values(
    pid: int, spec: Spec, options: DumpOptions, streams: tuple[str, ...]
) -> dict[str, object]:
    external = [external_mount(place, place) for place in binds_of(pid, spec)]
    external += sorted({stream for stream in streams if stream.startswith("file[")})
    if options.external_network or spec.namespaces.get("network") is not None:
        inode = os.stat(f"/proc/{pid}/ns/net").st_ino
        external.append(f"net[{inode}]:{NETWORK}")
    values: dict[str, object] = {
        "pid": pid,
        "log_level": LOG_LEVEL,
        "log_file": _LOG,
        "leave_running": options.leave_running or options.pre_dump,
        "tcp_established": options.tcp_established,
        "ext_unix_sk": options.ext_unix_sk,
        "shell_job": options.shell_job,
        "file_locks": options.file_locks,
        "link_remap": options.link_remap,
        "auto_dedup": options.auto_dedup,
        "tcp_skip_in_flight": options.tcp_skip_in_flight,
        "orphan_pts_master": True,
        # Binds have masters on the host where those are shared; they get them again.
        "ext_masters": True,
        "ext_sharing": True,
        "manage_cgroups": True,
        "manage_cgroups_mode": CGROUP_MODES[options.cgroups],
        "network_lock": NFTABLES,
        "external": external,
    }
    if options.pre_dump:
        values["track_mem"] = True
    if options.parent:
        values |= {"parent_img": options.parent, "track_mem": True}
    if options.page_server is not None:
        address, port = options.page_server
        values["ps"] = {"address": address, "port": port}
    if options.empty_network:
        values["empty_ns"] = CLONE_NEWNET
    if options.status_fd >= 0:
        values["status_fd"] = options.status_fd
    return values
