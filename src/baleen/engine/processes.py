"""The process list of a container, read from /proc, in the forms of ps(1).

No program is run, neither the host's `ps` nor, far worse, the image's own (podman
CVE-2022-1227): the daemon reads the kernel's numbers and lays them out itself.

See: proc(5), ps(1); Engine API, /containers/{id}/top.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["namespace_members", "process_table"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_MAX_CMDLINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    ppid: int
    pgid: int
    sid: int
    uid: int
    gid: int
    state: str
    tty: str
    nice: int
    threads: int
    priority: int
    cpu_ticks: int
    start_ticks: int
    vsz_kib: int
    rss_kib: int
    comm: str
    args: str


def _read(pid: int, name: str, limit: int = 8192) -> str:
    with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123  # one read, no path object
        return file.read(limit).decode("utf-8", "replace")


def _tty_name(number: int) -> str:
    major, minor = os.major(number), os.minor(number)
    if number == 0:
        return "?"
    return f"pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else f"tty{minor}"


def _load(pid: int) -> _Process | None:
    try:
        stat = _read(pid, "stat")
        status = os.stat(f"/proc/{pid}")  # noqa: PTH116
        arguments = _read(pid, "cmdline", _MAX_CMDLINE)
    except (FileNotFoundError, ProcessLookupError):
        return None  # it ended between the listing and the look
    comm = stat[stat.index("(") + 1 : stat.rindex(")")]
    field = stat[stat.rindex(")") + 2 :].split()
    return _Process(
        pid=pid,
        ppid=int(field[1]),
        pgid=int(field[2]),
        sid=int(field[3]),
        uid=status.st_uid,
        gid=status.st_gid,
        state=field[0],
        tty=_tty_name(int(field[4])),
        priority=int(field[15]),
        nice=int(field[16]),
        threads=int(field[17]),
        cpu_ticks=int(field[11]) + int(field[12]),
        start_ticks=int(field[19]),
        vsz_kib=int(field[20]) // 1024,
        rss_kib=int(field[21]) * _PAGE_KIB,
        comm=comm,
        args=arguments.rstrip("\0").replace("\0", " ") or f"[{comm}]",
    )


class _Clock:
    """Times of one listing: they share one notion of now."""

    def __init__(self) -> None:
        self.now = time.time()
        self.uptime = time.clock_gettime(time.CLOCK_BOOTTIME)

    def age_s(self, process: _Process) -> float:
        return max(self.uptime - process.start_ticks / _TICKS, 0.001)

    def started(self, process: _Process) -> str:
        begin = self.now - self.age_s(process)
        moment = time.localtime(begin)
        same_day = time.localtime(self.now)[:3] == moment[:3]
        return time.strftime("%H:%M" if same_day else "%b%d", moment)

    def cpu_percent(self, process: _Process) -> float:
        return process.cpu_ticks / _TICKS / self.age_s(process) * 100


def _clock_text(seconds: float, *, short: bool = False) -> str:
    whole = int(seconds)
    if short:  # the BSD form of `ps aux`: minutes:seconds
        return f"{whole // 60}:{whole % 60:02d}"
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days}-{text}" if days else text


_Column = tuple[str, "Callable[[_Process, _Clock], str]"]

_COLUMNS: dict[str, _Column] = {
    "pid": ("PID", lambda p, _: str(p.pid)),
    "ppid": ("PPID", lambda p, _: str(p.ppid)),
    "pgid": ("PGID", lambda p, _: str(p.pgid)),
    "pgrp": ("PGRP", lambda p, _: str(p.pgid)),
    "sid": ("SID", lambda p, _: str(p.sid)),
    "sess": ("SESS", lambda p, _: str(p.sid)),
    "uid": ("UID", lambda p, _: str(p.uid)),
    "gid": ("GID", lambda p, _: str(p.gid)),
    "user": ("USER", lambda p, _: _user(p.uid)),
    "group": ("GROUP", lambda p, _: str(p.gid)),
    "c": ("C", lambda p, c: str(min(int(c.cpu_percent(p)), 99))),
    "stime": ("STIME", lambda p, c: c.started(p)),
    "start": ("STARTED", lambda p, c: c.started(p)),
    "tty": ("TTY", lambda p, _: p.tty),
    "tt": ("TT", lambda p, _: p.tty),
    "time": ("TIME", lambda p, _: _clock_text(p.cpu_ticks / _TICKS)),
    "etime": ("ELAPSED", lambda p, c: _clock_text(c.age_s(p))),
    "etimes": ("ELAPSED", lambda p, c: str(int(c.age_s(p)))),
    "ni": ("NI", lambda p, _: str(p.nice)),
    "nice": ("NI", lambda p, _: str(p.nice)),
    "pri": ("PRI", lambda p, _: str(39 - p.priority)),
    "nlwp": ("NLWP", lambda p, _: str(p.threads)),
    "stat": ("STAT", lambda p, _: p.state),
    "s": ("S", lambda p, _: p.state),
    "state": ("S", lambda p, _: p.state),
    "vsz": ("VSZ", lambda p, _: str(p.vsz_kib)),
    "rss": ("RSS", lambda p, _: str(p.rss_kib)),
    "%cpu": ("%CPU", lambda p, c: f"{c.cpu_percent(p):.1f}"),
    "pcpu": ("%CPU", lambda p, c: f"{c.cpu_percent(p):.1f}"),
    "%mem": ("%MEM", lambda p, _: f"{p.rss_kib / _memory_kib() * 100:.1f}"),
    "pmem": ("%MEM", lambda p, _: f"{p.rss_kib / _memory_kib() * 100:.1f}"),
    "comm": ("COMMAND", lambda p, _: p.comm),
    "ucmd": ("CMD", lambda p, _: p.comm),
    "cmd": ("CMD", lambda p, _: p.args),
    "args": ("COMMAND", lambda p, _: p.args),
    "command": ("COMMAND", lambda p, _: p.args),
}

# ps -ef shows user names in the column UID; so does `docker top`.
_FULL: list[_Column] = [
    ("UID", lambda p, _: _user(p.uid)),
    *(_COLUMNS[name] for name in ("pid", "ppid", "c", "stime", "tty", "time", "cmd")),
]
_USER_ORIENTED: list[_Column] = [
    _COLUMNS["user"],
    *(_COLUMNS[name] for name in ("pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat")),
    ("START", lambda p, c: c.started(p)),
    ("TIME", lambda p, _: _clock_text(p.cpu_ticks / _TICKS, short=True)),
    _COLUMNS["args"],
]
_SHORT: list[_Column] = [_COLUMNS[name] for name in ("pid", "tty", "time", "ucmd")]


def _user(uid: int) -> str:
    # Names come from the host's own file: no NSS, whose modules would load more code.
    return _host_users().get(uid, str(uid))


def _host_users() -> dict[int, str]:
    users: dict[int, str] = {}
    try:
        with open("/etc/passwd", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            for line in file:
                name, _, rest = line.partition(":")
                uid = rest.split(":")[1] if rest.count(":") >= 2 else ""
                if uid.isascii() and uid.isdigit():
                    users.setdefault(int(uid), name)
    except OSError:
        return {}
    return users


def _memory_kib() -> int:
    return os.sysconf("SC_PHYS_PAGES") * _PAGE_KIB


def _columns(ps_arguments: str) -> list[_Column]:
    words = ps_arguments.split()
    for index, word in enumerate(words):
        if word in ("-o", "o", "-eo", "-Ao", "axo", "--format"):
            return _named("".join(words[index + 1 : index + 2]))
        for prefix in ("--format=", "-eo", "-o"):
            if word.startswith(prefix):
                return _named(word[len(prefix) :])
    letters = "".join(word.lstrip("-") for word in words)
    if unknown := set(letters) - set("aefFluwxjAH"):
        raise InvalidArgument(
            f"ps argument {ps_arguments!r} is not supported: {', '.join(sorted(unknown))}",
            hint="use -ef, aux, or -o with column names",
        )
    if "u" in letters:
        return _USER_ORIENTED
    return _FULL if "f" in letters.lower() else _SHORT


def _named(names: str) -> list[_Column]:
    columns = []
    for name in names.split(","):
        key, _, title = name.partition("=")
        if key not in _COLUMNS:
            raise InvalidArgument(f"error: unknown user-defined format specifier {key!r}")
        heading, value = _COLUMNS[key]
        columns.append((title or heading, value))
    return columns


def namespace_members(pid: int) -> list[int]:
    """Return the processes in the pid namespace of `pid`: for a container without control group.

    One that shares the host's pid namespace is only known by its first process.
    """
    own, wanted = _pid_namespace("self"), _pid_namespace(str(pid))
    if wanted in ("", own):
        return [pid]
    names = (name for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208  # numbers
    return [int(name) for name in names if _pid_namespace(name) == wanted]


def _pid_namespace(process: str) -> str:
    try:
        return os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115  # procfs
    except OSError:
        return ""  # it has ended, or is none of ours


def process_table(
    pids: Iterable[int], ps_arguments: str
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Return titles and one row for each process of `pids` that still lives, in order.

    Args:
        pids: host process ids.
        ps_arguments: as for ps(1): "-ef" (the default of `docker top`), "aux", "-o pid,args", …

    Raises:
        InvalidArgument: a column or an option that we do not know.
    """
    columns = _columns(ps_arguments or "-ef")
    clock = _Clock()
    processes = filter(None, (_load(pid) for pid in sorted(pids)))
    return (
        [title for title, _ in columns],
        [[value(process, clock) for _, value in columns] for process in processes],
    )
