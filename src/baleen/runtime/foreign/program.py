"""Calls of a foreign runtime's program: its command line, its log, and what it says when it fails.

    <path> <registered arguments> --root DIR --log FILE --log-format json COMMAND … ID

Several may run at the same time; none is waited for. A call dies with us.

See: runc(8); OCI runtime-spec runtime.md, Operations.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
from select import EPOLLIN
from time import monotonic

from baleen.linux.process import set_parent_death_signal
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, NoReturn

    from baleen.runtime.foreign.place import Place
    from baleen.runtime.poller import Deadline, Poller
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.request import RuntimeRequest

__all__ = ["Children", "Failure", "Program", "last_error"]

_MOST_TEXT: Final = 64 * 1024
_MOST_MESSAGE: Final = 4000
_ERRORS: Final = ("error", "fatal", "panic")
# A service manager's sockets and notifications are the daemon's; runc would hand them on.
_NOT_INHERITED: Final = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@record(frozen=True, slots=True)
class Failure:
    """Why a call did not succeed: in the program's own words, or in ours if it has said nothing."""

    command: str
    message: str
    errno: int = 0

    def of_start(self) -> LaunchError:
        """The failed start that it is, in dockerd's words."""
        message = f"OCI runtime {self.command} failed: {self.message}"
        return LaunchError(f"runtime {self.command}", self.errno, message)

    def of_exec(self) -> LaunchError:
        """The failed exec that it is; whoever tells of it says that it is one."""
        return LaunchError("runtime exec", self.errno, self.message)


class Children:
    """Reaps all our children, those too that became ours when their parents ended.

    The keeper is single-threaded and has no other way to wait for anybody.
    """

    def __init__(self, poller: Poller) -> None:
        """Be told of each that ends from now on."""
        self._awaited: dict[int, Callable[[int], None]] = {}
        self._ended: dict[int, int] = {}
        self._remembering = 0
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        poller.add(self._read, EPOLLIN, lambda _events: self._woken())

    def expect(self, pid: int, on_end: Callable[[int], None]) -> None:
        """Call `on_end` with the exit code, or 128 + signal, of our child `pid`.

        At once if it has ended. Raises ChildProcessError when it is not our child.
        """
        code = self._ended.pop(pid, None)
        if code is not None:
            on_end(code)
            return
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        self._awaited[pid] = on_end
        self.reap()

    def remember(self, change: int) -> None:
        """Processes are being made (+1) or are made (-1), whose numbers are not known before.

        Whoever ends meanwhile is remembered for `expect`.
        """
        self._remembering += change
        if not self._remembering:
            self._ended.clear()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        self.reap()

    def reap(self) -> None:
        """Reap whoever has ended, and tell those who wait for them."""
        told = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code
            on_end = self._awaited.pop(pid, None)
            if on_end is not None:
                told.append((on_end, code))
            elif self._remembering:
                self._ended[pid] = code
        for on_end, code in told:
            on_end(code)


class Program:
    """The registered program, for one container."""

    def __init__(
        self,
        poller: Poller,
        children: Children,
        request: RuntimeRequest,
        container_id: str,
        place: Place,
    ) -> None:
        self._poller = poller
        self._children = children
        self._request = request
        self._id = container_id
        self._place = place
        self._calls = 0

    def call(
        self,
        command: str,
        options: Sequence[str],
        on_end: Callable[[Failure | None], None],
        *,
        arguments: Sequence[str] = (),
        stdio: Stdio | None = None,
        timeout_s: float,
    ) -> None:
        """Run `command`; `on_end` is told when it has ended: None, or why it has failed.

        `arguments` come behind the container's id. `stdio` stays the caller's; without, the program
        has nothing to read, and its output is looked at when it fails. After `timeout_s` it is
        killed.
        """
        self._calls += 1
        log, output = f"log-{self._calls}", f"output-{self._calls}"
        words = [
            *(self._request.path, *self._request.args, "--root", self._place.path("state")),
            *("--log", self._place.path(log), "--log-format", "json"),
            *(command, *options, self._id, *arguments),
        ]
        timer: Deadline | None = None
        started = monotonic()

        def ended(code: int) -> None:
            if timer is not None:
                timer.cancel()
            failure = None
            if code != 0:
                text = last_error(self._place.read(log))
                text = text or _tail(self._place.read(output)) or _unread(stdio_copy)
                if not text and code == 128 + signal.SIGKILL and monotonic() - started >= timeout_s:
                    text = f"it has not ended within {timeout_s:g} seconds"
                failure = Failure(command, text or f"exit status {code}")
            if stdio_copy >= 0:
                os.close(stdio_copy)
            self._place.remove(log)
            self._place.remove(output)
            on_end(failure)

        stdio_copy = -1
        try:
            if stdio is not None:
                stdio_copy = os.dup(stdio.stderr)
            pid = self._spawn(words, stdio, self._place.path(output))
        except OSError as error:
            if stdio_copy >= 0:
                os.close(stdio_copy)
            self._place.remove(output)
            text = f"cannot execute {self._request.path}: {reason_of(error.errno or 0)}"
            on_end(Failure(command, text, error.errno or 0))
            return
        timer = self._poller.call_later(timeout_s, lambda: _kill(pid))
        self._children.expect(pid, ended)

    def _spawn(self, words: list[str], stdio: Stdio | None, output: str) -> int:
        """Fork and execute; OSError says why the program cannot be executed."""
        keeper = os.getpid()
        said, saying = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
            if pid == 0:
                _become(words, stdio, output, self._place.directory, saying, keeper)
            os.close(saying)
            saying = -1
            failure = os.read(said, 16)
        finally:
            os.close(said)
            if saying >= 0:
                os.close(saying)
        if failure:
            os.waitpid(pid, 0)
            raise OSError(int(failure), os.strerror(int(failure)))
        return pid


def _kill(pid: int) -> None:
    # Its number is its own as long as we have not reaped it; then the timer is cancelled.
    os.kill(pid, signal.SIGKILL)


def _become(
    words: list[str],
    stdio: Stdio | None,
    output: str,
    directory: str,
    saying: int,
    keeper: int,
) -> NoReturn:
    """Be the program, just forked; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        if stdio is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            null, text = (
                os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC),
                os.open(output, flags, 0o600),
            )
            wanted = (null, text, text)
        else:
            wanted = (stdio.stdin, stdio.stdout, stdio.stderr)
        # Copies above 2 first: what is to be 0, 1 and 2 may be one of these.
        copies = [os.dup(fd) for fd in wanted]
        for number, fd in enumerate(copies):
            os.dup2(fd, number, inheritable=True)
        os.chdir(directory)
        environment = {
            name: value for name, value in os.environ.items() if name not in _NOT_INHERITED
        }
        os.execvpe(words[0], words, environment)  # noqa: S606
    except OSError as error:
        os.write(saying, b"%d" % (error.errno or 0))
    finally:
        os._exit(127)


def last_error(log: bytes) -> str:
    """The last error in a log of JSON lines, else the last line that is none; "" if there is none.

    runc and crun have `level` and `msg`; youki has `fields` with a `message`.
    """
    message, other = "", ""
    for line in log[-_MOST_TEXT:].decode(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            other = line.strip() or other
            continue
        if not isinstance(entry, dict):
            continue
        fields = entry.get("fields")
        text = entry.get("msg") or entry.get("message")
        if not text and isinstance(fields, dict):
            text = fields.get("message")
        if isinstance(text, str) and str(entry.get("level")).lower() in _ERRORS:
            message = text
    return (message or other)[:_MOST_MESSAGE]


def _tail(text: bytes) -> str:
    """What a program has printed, as one line."""
    lines = text[-_MOST_MESSAGE:].decode(errors="replace").split("\n")
    return "; ".join(line.strip() for line in lines if line.strip())


def _unread(fd: int) -> str:
    """What was printed into a pipe whose reader has not taken it yet.

    The container's stderr is the program's until the container is there.
    """
    if fd < 0 or not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return ""
    reader = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _tail(os.read(reader, _MOST_TEXT))
    except BlockingIOError:
        return ""
    finally:
        os.close(reader)
