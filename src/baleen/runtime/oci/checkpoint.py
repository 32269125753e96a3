"""`checkpoint`: have criu write down a container's processes, and end them or let them go on.

A checkpoint that fails changes nothing: the container goes on, and its state is kept. After one
that succeeds the container is gone, as with runc, unless it was to go on.
"""

from __future__ import annotations

import os

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.linux.record import record
from baleen.runtime.criu.dump import CGROUP_MODES, DumpOptions, check_supported, dump
from baleen.runtime.criu.images import open_directory
from baleen.runtime.criu.service import find_criu
from baleen.runtime.oci.access import group_of, open_init
from baleen.runtime.oci.bundle import decode
from baleen.runtime.oci.delete import destroy
from baleen.runtime.oci.options import whole_number
from baleen.runtime.oci.state import Store
from baleen.runtime.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.options import Values

__all__ = ["Common", "common_options", "execute", "image_path", "wanted_dump", "work_path"]

_DEFAULT_IMAGE: Final = "checkpoint"
_MOST_PORT: Final = 65535


@record(frozen=True, slots=True)
class Common:
    """What both commands are asked alike.

    Attributes:
        cgroups: what criu may do about control groups.
        empty_network: make a network namespace and leave it empty.
    """

    cgroups: str
    empty_network: bool


def common_options(options: Values) -> Common:
    """The options that both commands check alike. Raises InvalidArgument or NotImplemented."""
    if options.flag("lazy-pages"):
        raise Unsupported("--lazy-pages is not supported: no process would serve the pages")
    mode = options.text("manage-cgroups-mode", "ignore")
    if mode not in CGROUP_MODES:
        raise InvalidArgument(
            f'invalid manage-cgroups-mode "{mode[:64]}": one of {", ".join(CGROUP_MODES)} is needed'
        )
    kinds = options.texts("empty-ns")
    for kind in kinds:
        if kind != "network":
            raise InvalidArgument(f'namespace "{kind[:64]}" is not supported by --empty-ns')
    return Common(mode, bool(kinds))


def image_path(options: Values) -> str:
    """The directory of the image: that of the option, or `checkpoint` here, as with runc."""
    return os.path.abspath(options.text("image-path", _DEFAULT_IMAGE))


def work_path(options: Values, directory: str) -> Fd:
    """The directory for criu's log: that of the option, made if missing, else `directory`."""
    path = options.text("work-path")
    if path:
        os.makedirs(path, 0o700, exist_ok=True)
    return open_directory(path or directory)


def wanted_dump(options: Values, image: str) -> DumpOptions:
    """What the options of `checkpoint` ask for. Raises InvalidArgument or NotImplemented."""
    common = common_options(options)
    return DumpOptions(
        leave_running=options.flag("leave-running"),
        tcp_established=options.flag("tcp-established"),
        tcp_skip_in_flight=options.flag("tcp-skip-in-flight"),
        ext_unix_sk=options.flag("ext-unix-sk"),
        shell_job=options.flag("shell-job"),
        file_locks=options.flag("file-locks"),
        link_remap=options.flag("link-remap"),
        auto_dedup=options.flag("auto-dedup"),
        pre_dump=options.flag("pre-dump"),
        parent=_parent(options.text("parent-path"), image),
        page_server=_page_server(options.text("page-server")),
        cgroups=common.cgroups,
        empty_network=common.empty_network,
        status_fd=options.number("status-fd", -1),
    )


def _parent(path: str, image: str) -> str:
    if not path:
        return ""
    if os.path.isabs(path):
        raise InvalidArgument("--parent-path must be relative to --image-path")
    if not os.path.isdir(os.path.join(image, path)):
        raise InvalidArgument(f"invalid --parent-path {path}: no such directory below {image}")
    return path


def _page_server(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    address, colon, port = text.rpartition(":")
    if not (address and colon):
        raise InvalidArgument("use --page-server ADDRESS:PORT to specify page server")
    number = whole_number(port, "--page-server")
    if not 0 < number <= _MOST_PORT:
        raise InvalidArgument(f"invalid port number in --page-server {text[:64]}")
    return address, number


def execute(invocation: Invocation) -> int:
    """Returns 0 when the image is written."""
    options = invocation.options
    image = image_path(options)
    wanted = wanted_dump(options, image)
    entry = Store(invocation.root).open(invocation.arguments[0])
    with entry.locked():
        values = entry.read()
        status = entry.status(values, group_of(values))
        if status != "running":
            raise FailedPrecondition(f"cannot checkpoint a {status} container")
        spec = parse_spec(decode(entry.config(), entry.path("config.json")))
        check_supported(spec)
        criu = find_criu(invocation.criu)
        os.makedirs(image, 0o700, exist_ok=True)
        with (
            open_directory(image) as images,
            work_path(options, entry.directory) as work,
            open_init(values),
        ):
            dump(criu, values.pid, spec, images, work, wanted)
        if not (wanted.leave_running or wanted.pre_dump):
            destroy(entry, values, invocation.report)
    return 0
