"""The table of commands: names, arguments, options and where each one's code is.

Names and meanings are runc's, so that whoever calls that can call this.
"""

from __future__ import annotations

from baleen.linux.record import record
from baleen.runtime.oci.options import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.oci.options import Values
    from baleen.runtime.oci.report import Report

__all__ = ["COMMANDS", "DEFAULT_ROOT", "GLOBAL_OPTIONS", "Command", "Invocation"]

DEFAULT_ROOT: Final = "/run/baleen-runtime"


@record(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        usage: its arguments, for people.
        help: one line on what it does.
        module: of `baleen.runtime.oci`; its `execute(invocation)` returns the exit code.
        least, most: how many arguments it takes; None for any number.
        interspersed: options may stand behind arguments.
        failure: the exit code when it fails.
    """

    name: str
    usage: str
    help: str
    module: str
    options: tuple[Option, ...] = ()
    least: int = 1
    most: int | None = 1
    interspersed: bool = True
    failure: int = 1


@record(frozen=True, slots=True)
class Invocation:
    """What a command is called with.

    Attributes:
        root: the directory of all state directories.
        options: its own options.
        arguments: as many as its `Command` allows.
        report: where warnings go.
        systemd_cgroup: systemd is to make the cgroup of a new container.
        criu: path of the program, "" for the host's.
    """

    command: Command
    root: str
    options: Values
    arguments: list[str]
    report: Report
    systemd_cgroup: bool = False
    criu: str = ""


GLOBAL_OPTIONS: Final = (
    Option("root", "directory of the containers' state, on a tmpfs", "DIR"),
    Option("log", "file for errors and warnings, added to", "FILE"),
    Option("log-format", "`text` or `json`, a JSON object on each line", "FORMAT"),
    Option("debug", "log debug messages too"),
    Option("systemd-cgroup", "linux.cgroupsPath is slice:prefix:name, a scope that systemd makes"),
    Option("rootless", "accepted; only `true` is refused: root is needed", "WHEN"),
    Option("criu", "the criu program for `checkpoint` and `restore`, if not the host's", "PATH"),
    Option("version", "print the version", short="v"),
    Option("help", "print this", short="h"),
)

_BUNDLE = Option("bundle", "directory with config.json, if not the current one", "DIR", "b")
_CONSOLE = Option("console-socket", "unix socket that gets the terminal's master end", "PATH")
_PID_FILE = Option("pid-file", "file that gets the number of the process", "PATH")
_DETACH = Option("detach", "end once the process runs", short="d")
_CREATION = (
    _BUNDLE,
    _CONSOLE,
    _PID_FILE,
    Option("preserve-fds", "descriptors from 3 on that the process gets too", "N"),
    Option(
        "no-pivot", "move the root instead of pivot_root(2): for a host in a ramdisk, less safe"
    ),
    Option("no-new-keyring", "stay in the caller's session keyring"),
)
_CRIU = (
    Option("image-path", "directory of the image, `checkpoint` here if not given", "DIR"),
    Option("work-path", "directory for criu's log, if not the container's state", "DIR"),
    Option("tcp-established", "handle open TCP connections"),
    Option("ext-unix-sk", "handle unix sockets whose other end is outside"),
    Option("shell-job", "handle a terminal of outside, the caller's"),
    Option("file-locks", "handle file locks"),
    Option(
        "manage-cgroups-mode",
        "what criu does about cgroups: `ignore`, the default, `soft`, `full` or `strict`",
        "MODE",
    ),
    Option("empty-ns", "`network`: without what is in that namespace", "KIND", many=True),
    Option("auto-dedup", "drop pages that a later image has again"),
    Option("lazy-pages", "refused: no process would serve the pages"),
)
_FORMAT = Option("format", "`table` or `json`", "FORMAT", "f")
_ID = "<container-id>"

_COMMANDS = (
    Command("create", _ID, "make a container; its process waits for `start`", "create", _CREATION),
    Command("start", _ID, "let a created container execute its program", "start"),
    Command("state", _ID, "print the state of a container as JSON", "listing"),
    Command(
        "kill",
        f"{_ID} [signal]",
        "send a signal, SIGTERM if none is named, to a container's first process",
        "kill",
        (Option("all", "send it to all processes of the container", short="a"),),
        most=2,
    ),
    Command(
        "delete",
        _ID,
        "remove what is left of a container that has stopped",
        "delete",
        (Option("force", "kill it first; that it is not there is no error", short="f"),),
    ),
    Command(
        "run",
        _ID,
        "create and start a container, and stay until it ends",
        "run",
        (
            *_CREATION,
            _DETACH,
            Option("keep", "leave the state of a container that has ended, for `delete`"),
            Option("no-subreaper", "accepted: we adopt no processes"),
        ),
    ),
    Command(
        "exec",
        f"{_ID} <command> [argument...] || -p process.json {_ID}",
        "execute one more process in a running container",
        "exec",
        (
            Option("process", "file with the `process` object to execute", "FILE", "p"),
            _DETACH,
            Option("tty", "give the process a terminal", short="t"),
            Option("user", "who it is: uid[:gid], in numbers", "USER", "u"),
            Option("additional-gids", "a further group", "GID", "g", many=True),
            Option("env", "NAME=VALUE for its environment", "VARIABLE", "e", many=True),
            Option("cwd", "its working directory", "DIR"),
            Option("cap", "a capability that it gets in addition", "NAME", "c", many=True),
            Option("no-new-privs", "set no_new_privs for it"),
            _PID_FILE,
            _CONSOLE,
            Option("preserve-fds", "descriptors from 3 on that the process gets too", "N"),
            Option("ignore-paused", "do not refuse a paused container"),
            Option("process-label", "SELinux context for it", "LABEL"),
            Option("apparmor", "AppArmor profile for it, which must be loaded", "PROFILE"),
            Option(
                "cgroup", "refused: the process joins the container's cgroup", "PATH", many=True
            ),
        ),
        most=None,
        interspersed=False,
        failure=255,
    ),
    Command(
        "ps",
        f"{_ID} [ps options]",
        "show the processes of a container",
        "processes",
        (_FORMAT,),
        most=None,
        interspersed=False,
    ),
    Command(
        "list",
        "",
        "show all containers below --root",
        "listing",
        (_FORMAT, Option("quiet", "print only their names", short="q")),
        least=0,
        most=0,
    ),
    Command(
        "spec",
        "",
        "write a config.json to begin with",
        "starter_spec",
        (
            Option("bundle", "directory to write to, if not the current one", "DIR", "b"),
            Option("rootless", "refused: there are no rootless containers yet"),
        ),
        least=0,
        most=0,
    ),
    Command("features", "", "print what this runtime can do as JSON", "features", (), 0, 0),
    Command("pause", _ID, "stop all processes of a container", "pausing"),
    Command("resume", _ID, "let the processes of a paused container go on", "pausing"),
    Command(
        "update",
        _ID,
        "change the limits of a container",
        "update",
        (
            Option("resources", "JSON file with `linux.resources`, - for stdin", "FILE", "r"),
            Option("blkio-weight", "weight in block I/O, 10 to 1000", "N"),
            Option("cpu-period", "period of the CPU quota in microseconds", "US"),
            Option("cpu-quota", "CPU time in each period in microseconds", "US"),
            Option("cpu-burst", "unused quota that may be saved up, in microseconds", "US"),
            Option("cpu-share", "share of the CPU, relative to others", "N"),
            Option("cpu-idle", "1: run only when nothing else does", "N"),
            Option("cpu-rt-period", "real-time period in microseconds", "US"),
            Option("cpu-rt-runtime", "real-time CPU time in each period", "US"),
            Option("cpuset-cpus", "CPUs to use, as in 0-3,7", "LIST"),
            Option("cpuset-mems", "memory nodes to use", "LIST"),
            Option("memory", "memory limit in bytes, or with k, m, g", "BYTES"),
            Option("memory-reservation", "soft limit of memory", "BYTES"),
            Option("memory-swap", "memory and swap together, -1 for no limit", "BYTES"),
            Option("kernel-memory", "refused: the kernel has it no longer", "BYTES"),
            Option("kernel-memory-tcp", "limit of TCP buffers", "BYTES"),
            Option("pids-limit", "most tasks, -1 for no limit", "N"),
            Option("l3-cache-schema", "refused: Intel RDT is not set", "SCHEMA"),
            Option("mem-bw-schema", "refused: Intel RDT is not set", "SCHEMA"),
        ),
    ),
    Command(
        "events",
        _ID,
        "print counters every few seconds, and when memory runs out, as JSON lines",
        "events",
        (
            Option("interval", "time between two readings: 500ms, 5s, 1m", "DURATION"),
            Option("stats", "print one reading and end"),
        ),
    ),
    Command(
        "checkpoint",
        _ID,
        "write a running container's processes to image files, with criu",
        "checkpoint",
        (
            *_CRIU,
            Option("parent-path", "image before this one, relative to its directory", "DIR"),
            Option("leave-running", "let the container go on"),
            Option("status-fd", "descriptor to which criu writes when it is ready", "N"),
            Option("page-server", "ADDRESS:PORT of the page server", "ADDRESS"),
            Option("pre-dump", "write its memory only, as a base for later, and let it go on"),
            Option("tcp-skip-in-flight", "leave out TCP connections that are not accepted yet"),
            Option("link-remap", "make links for open files whose names are gone"),
        ),
    ),
    Command(
        "restore",
        _ID,
        "create a container with the processes of such an image",
        "restore",
        (
            _BUNDLE,
            _CONSOLE,
            _PID_FILE,
            _DETACH,
            *_CRIU,
            Option("no-subreaper", "accepted: we adopt no processes"),
            Option("no-pivot", "refused: criu changes the root, and only by pivot_root(2)"),
            Option("lsm-profile", "LSM profile to restore with, TYPE:NAME", "PROFILE"),
            Option("lsm-mount-context", "LSM context of mounts to restore with", "CONTEXT"),
        ),
    ),
)

COMMANDS: Final = {command.name: command for command in _COMMANDS}
