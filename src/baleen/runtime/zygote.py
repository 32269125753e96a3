"""The zygote: a lean process that forks a supervisor for each container to be started.

`python -m baleen.runtime.zygote FD`, where FD is the inherited end of a SOCK_SEQPACKET pair:

    daemon ── {"op": "spawn", "request": "<start.json>"} + [control socket, reserved…] ──► zygote
                                                                                            │
                                                              supervisor ◄──────────────────┘
           ◄─────────────────── answers on the control socket ──────┘

The supervisor was forked ahead and has waited for this; when it is gone, the zygote forks the
next one, while the first is busy.

There is no answer on this socket: a request that cannot be served closes the control socket, and
the daemon sees its end. The zygote ends when the daemon's end is closed; supervisors do not.

A fork copies page tables, so the zygote imports only what supervisors need, and never anything
else. Garbage collection is off: a collection would touch every page and unshare it. Nothing of
this process can be read or traced by a container, even one that shares the host's processes: it
is not dumpable, and its children inherit that until execve (CVE-2016-9962).

See: docs/architecture.md; prctl(2) PR_SET_DUMPABLE.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import detect
from baleen.linux.process import close_all_except, set_dumpable, set_name
from baleen.runtime.poller import Poller
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import LogRequest
from baleen.runtime.restart import RestartPolicy
from baleen.runtime.stdio import ProcessStreams, close_stdio, open_pipes
from baleen.runtime.supervisor import Supervisor
from baleen.runtime.worker_link import Facts, Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, cast

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.protocol import Message
else:

    def cast(_kind: object, value: object) -> object:
        """Without the module typing at run time."""
        return value


__all__ = ["main", "serve"]

# Code is specialised after eight calls.
_REHEARSALS = 10
_POOL_BYTES = 16 * 1024
# More than that many holes of one size are left.
_MOST_HOLES = 20_000


def supervise(
    control: int, request_path: str, reserved: list[int], cgroups: CgroupDriver, worker: Worker
) -> None:
    """Be the supervisor of one container, from here to the recorded end. Owns the descriptors."""
    first = socket.socket(fileno=control)
    try:
        facts = worker.load(request_path)
        if len(reserved) != facts.reserved_fds:
            raise InvalidArgument(
                f"{len(reserved)} descriptors were passed, {facts.reserved_fds} are expected"
            )
        poller = Poller(lambda err: supervisor.report_bug(err))
        supervisor = Supervisor(poller, facts, worker, cgroups, reserved)
        supervisor.serve(first)
    except (BaleenError, OSError) as err:
        _refuse(first, str(err))
        return
    poller.run()


def _refuse(control: socket.socket, message: str) -> None:
    """Say why there is no supervisor: to the first request if there is one, else as an event."""
    seq = None
    with contextlib.suppress(BlockingIOError, OSError, BaleenError):
        control.setblocking(False)
        data, fds = receive(control)
        for fd in fds:
            os.close(fd)
        seq = decode(data).get("seq")
    error = {"stage": "supervisor", "errno": 0, "message": message, "exit_code": 128}
    answer: Message = {"reply": seq, "ok": False, "error": error}
    if seq is None:
        answer = {"event": "error", "message": message}
    with contextlib.suppress(OSError):
        control.send(encode(answer), socket.MSG_NOSIGNAL)


class _Spare:
    """A supervisor that waits for its container, so that no start has to wait for a fork.

    Only its end of a socket pair is open in it; when that is closed by us it ends.
    """

    def __init__(self, cgroups: CgroupDriver) -> None:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            if os.fork() == 0:
                _wait_as_spare(theirs, cgroups)

    def take(self, request_path: str, fds: list[int]) -> bool:
        """Make it the supervisor of a container; false if it is not there any more."""
        with self._sock:
            try:
                socket.send_fds(self._sock, [os.fsencode(request_path)], fds, socket.MSG_NOSIGNAL)
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def close(self) -> None:
        """Let it end."""
        self._sock.close()


def _wait_as_spare(sock: socket.socket, cgroups: CgroupDriver) -> NoReturn:
    """The forked child: a session of its own, nothing foreign, then wait and supervise."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        # Whoever reads the daemon's output must not wait for the containers' end.
        null = os.open("/dev/null", os.O_RDWR)
        for target in range(3):
            os.dup2(null, target)
        close_all_except({0, 1, 2, sock.fileno()})
        set_name("baleen-spare")
        os.umask(0o022)
        worker = Worker(cgroups)
        data, fds = receive(sock)
        sock.close()
        if data:
            set_name("baleen-sup")
            supervise(fds[0], os.fsdecode(data), fds[1:], cgroups, worker)
        status = 0
    finally:
        os._exit(status)


def _requested(message: dict[str, object], fds: list[int]) -> str:
    if message.get("op") != "spawn" or not fds:
        raise InvalidArgument("only spawn, with at least one descriptor, is understood")
    path = message.get("request")
    if not isinstance(path, str) or not path:
        raise InvalidArgument("request: a path is needed")
    return path


def serve(sock: socket.socket, cgroups: CgroupDriver) -> None:
    """Have a supervisor for each request until the other end is closed."""
    spare: _Spare | None = None
    while True:
        if spare is None:
            spare = _Spare(cgroups)
        try:
            data, fds = receive(sock)
        except InvalidArgument:
            continue
        except ConnectionResetError:
            data, fds = b"", []
        if not data and not fds:
            spare.close()
            return
        try:
            path = _requested(decode(data), fds)
            given, spare = spare, None
            if not given.take(path, fds):
                _Spare(cgroups).take(path, fds)
        except (BaleenError, OSError, ValueError) as err:
            # The daemon learns it from the end of the control socket; its log from here.
            print(f"baleen zygote: {err}", file=sys.stderr)  # noqa: T201
        finally:
            for fd in fds:
                os.close(fd)


def _fill_pools() -> list[object]:
    """Fill the holes of the allocator's pools, and return what fills them, to be kept.

    What a supervisor allocates would go into them, one here and one there, and copy a page of ours
    each time. After this it gets pools of its own.

    See: CPython, Objects/obmalloc.c: 16 KiB pools, one for each size up to 512 bytes.
    """
    kept: list[object] = []
    for size in range(48, 513, 16):
        for _ in range(_MOST_HOLES):
            filler = bytes(size - 33)
            kept.append(filler)
            if id(filler) % _POOL_BYTES < 64:
                break  # the first of a new pool
    for make in (float, object):
        for number in range(_MOST_HOLES):
            item: object = make() if make is object else float(number)
            kept.append(item)
            if id(item) % _POOL_BYTES < 64:
                break
    return kept


class _Understudy:
    """A worker for the rehearsal, that does no work."""

    made_cgroup = False

    def start(self, _stdio: object) -> None:
        """Take the order and forget it."""

    def close(self) -> None:
        """Nothing is left of it."""


def _rehearse(cgroups: CgroupDriver) -> None:
    """Do, until the interpreter has specialised it, what every supervisor does.

    The interpreter writes to code that is new to it, and to its cache of attributes. What was
    written here stays shared.
    """
    log = LogRequest("none")
    for _ in range(_REHEARSALS):
        poller = Poller()
        facts = Facts(
            "", "/proc/none", "/proc/none", log, False, False, RestartPolicy(), 0, None,
            ["a"], 0, False, ["pid"], "",
        )  # fmt: skip
        daemon, first = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        worker = cast("Worker", _Understudy())
        supervisor = Supervisor(poller, facts, worker, cgroups, [])
        supervisor.serve(first)
        ends, child = open_pipes(stdin=False)
        close_stdio(child)
        streams = ProcessStreams(poller, tty=False, close_stdin=True, on_detached=_nothing)
        streams.begin(ends)
        poller.run_once()
        streams.close("exited")
        # There is no directory for its socket, so the start fails.
        socket.send_fds(daemon, [encode({"seq": 1, "op": "start"})], [daemon.fileno()])
        poller.run()
        receive(daemon)
        daemon.close()
        poller.close()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()


def _nothing(*_: object) -> None:
    pass


def main() -> None:
    """Run on the descriptor named by the only argument."""
    gc.disable()
    set_dumpable(dumpable=False)
    set_name("baleen-zygote")
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # A terminal's Ctrl-C is for the daemon; its end ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        os.set_inheritable(sock.fileno(), False)
        cgroups = detect()
        _rehearse(cgroups)
        kept = _fill_pools()
        serve(sock, cgroups)
        del kept


if __name__ == "__main__":
    main()
