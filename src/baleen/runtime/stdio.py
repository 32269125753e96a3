"""The standard streams of one process: its pipes or terminal, its log and its attached clients.

    process ──stdout──►┐                 ┌──► log (json-file)
            ──stderr──►┤ ProcessStreams  ├──► client, client…   (`attach`)
            ◄──stdin───┤                 │
                       └◄────────────────┴─── input of clients

What is read is logged at once and sent to every client that wants the stream. When a client's
backlog is full, the stream is not read until it has drained: the process waits, as under dockerd.
With no log and exactly one framed client the bytes go from pipe to socket by splice(2).

Input of all clients goes to the one stdin, in order of arrival; while the process does not read,
clients are not read either.

See: pipe(7), pty(7), splice(2); moby container/stream/attach.go for what ends an attachment.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from select import EPOLLERR, EPOLLET, EPOLLIN, EPOLLOUT

from baleen.linux.files import set_pipe_size
from baleen.linux.pty import set_window_size
from baleen.linux.record import record
from baleen.linux.splice import SPLICE_F_MOVE, SPLICE_F_NONBLOCK, splice
from baleen.runtime.attach import Client
from baleen.runtime.detach_keys import DetachMatcher, parse_detach_keys
from baleen.runtime.prepare import Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.linux import Fd
    from baleen.runtime.logfile import LogFile
    from baleen.runtime.poller import Poller

__all__ = ["OurEnds", "ProcessStreams", "close_stdio", "open_pipes", "terminal_ends"]

_CHUNK = 64 * 1024
# The largest pipe without asking for a privilege (fs.pipe-max-size).
_PIPE_BYTES = 1024 * 1024
# A client that is so far behind holds the stream up (moby: blockThreshold of its BytesPipe).
_MOST_BACKLOG = 1024 * 1024
# Below this a copy is cheaper than two more calls.
_SPLICE_FROM = 16 * 1024
# At the end of a process at most so much is read without looking at backlogs: a full pipe or two.
_LAST_CHUNKS = 64


@record(frozen=True, slots=True)
class OurEnds:
    """Descriptors that we hold: stdin's writing end or None, and reading ends by stream number."""

    stdin: int | None
    outputs: dict[int, int]

    def close(self) -> None:
        """Close all of them."""
        if self.stdin is not None:
            os.close(self.stdin)
        for fd in self.outputs.values():
            os.close(fd)


def close_stdio(stdio: Stdio) -> None:
    """Close a process's descriptors, of which some may be the same one."""
    for fd in {stdio.stdin, stdio.stdout, stdio.stderr}:
        os.close(fd)


def terminal_ends(console: Fd) -> OurEnds:
    """Our two ends of a terminal, from its master, which is taken over."""
    output = console.steal()
    os.set_blocking(output, False)
    try:
        # Two numbers, because epoll has one registration for each.
        stdin = os.dup(output)
    except OSError:
        os.close(output)
        raise
    return OurEnds(stdin, {1: output})


def open_pipes(*, stdin: bool, stdout: bool = True, stderr: bool = True) -> tuple[OurEnds, Stdio]:
    """Make the streams of a process without terminal; unwanted ones are /dev/null.

    Our ends are non-blocking, the process's are not. All are close-on-exec and the caller's.
    """
    with contextlib.ExitStack() as undo:

        def pipe() -> tuple[int, int]:
            ends = os.pipe2(os.O_CLOEXEC)
            for fd in ends:
                undo.callback(os.close, fd)
            return ends

        null = -1
        if not (stdin and stdout and stderr):
            null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
            undo.callback(os.close, null)
        child_stdin = child_stdout = child_stderr = null
        our_stdin: int | None = None
        outputs: dict[int, int] = {}
        if stdin:
            child_stdin, our_stdin = pipe()
            os.set_blocking(our_stdin, False)
        if stdout:
            outputs[1], child_stdout = pipe()
        if stderr:
            outputs[2], child_stderr = pipe()
        for fd in outputs.values():
            os.set_blocking(fd, False)
        undo.pop_all()
    return OurEnds(our_stdin, outputs), Stdio(child_stdin, child_stdout, child_stderr)


class _Stdin:
    """The writing end of a process's stdin; owns the descriptor. Writing never blocks."""

    def __init__(self, poller: Poller, fd: int, on_writable: Callable[[], None]) -> None:
        self._poller = poller
        self._fd = fd
        self._on_writable = on_writable
        self._pending = b""
        self._waiting = False
        self._closing = False
        self.open = True

    @property
    def busy(self) -> bool:
        return self._waiting

    @property
    def takes_input(self) -> bool:
        return self.open and not self._closing

    def write(self, data: bytes) -> None:
        if not self.open or self._closing:
            return
        if self._waiting:
            self._pending += data
            return
        self._pending = data
        self._flush()

    def splice_from(self, sock: int) -> int:
        """As `ClientOwner.stdin_splice`."""
        if not self.open or self._closing:
            raise BrokenPipeError
        if self._waiting:
            return -1
        try:
            return splice(sock, self._fd, _PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
        except BlockingIOError:
            # The pipe is full, or the socket empty; both are known when the pipe is writable.
            self._wait()
            return -1
        except OSError as err:
            if err.errno != errno.EINVAL:
                self._broken()
                raise
            raise NotImplementedError from err

    def _flush(self) -> None:
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._fd, self._pending) :]
        except BlockingIOError:
            self._wait()
            return
        except OSError:
            self._broken()
            return
        if self._closing:
            self._close()

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._poller.add(self._fd, EPOLLOUT, self._on_ready)

    def _on_ready(self, events: int) -> None:
        self._poller.remove(self._fd)
        self._waiting = False
        if events & EPOLLERR:
            self._broken()
        else:
            self._flush()
        if not self._waiting:
            self._on_writable()

    def _broken(self) -> None:
        # EPIPE, or EIO of a terminal: nobody reads any more.
        self._pending = b""
        self._close()

    def close_when_written(self) -> None:
        self._closing = True
        if not self._waiting:
            self._close()

    def _close(self) -> None:
        if self.open:
            self.open = False
            self._poller.remove(self._fd)
            self._waiting = False
            os.close(self._fd)

    close = _close


class ProcessStreams:
    """Pumps the streams of one process; implements `attach.ClientOwner`.

    Clients may be attached before `begin`; they are served from then on. `close_stdin` says what
    the end of a client's input means: the process's stdin is closed too (True), or only the
    attachment ends (False, and always with a terminal).

    `on_detached(client, reason)` is called for every client that leaves.

    Attributes:
        on_end: called when all output has ended; None: nobody wants to know.
    """

    def __init__(
        self,
        poller: Poller,
        *,
        tty: bool,
        close_stdin: bool,
        on_detached: Callable[[Client, str], None],
    ) -> None:
        self._poller = poller
        self._tty = tty
        self._close_stdin = close_stdin and not tty
        self._on_detached = on_detached
        self.on_end: Callable[[], None] | None = None
        self._log: LogFile | None = None
        self._clients: list[Client] = []
        self._stdin: _Stdin | None = None
        self._outputs: dict[int, int] = {}
        self._paused: set[int] = set()
        self._quiet: set[int] = set()
        self._enlarged: set[int] = set()
        self._begun = False
        self._finishing = False

    @property
    def clients(self) -> int:
        """How many clients are attached or still get their last bytes."""
        return len(self._clients)

    @property
    def backlog(self) -> int:
        """Bytes that wait for clients."""
        return sum(client.backlog for client in self._clients)

    @property
    def ended(self) -> bool:
        """Whether all output was read to its end."""
        return self._begun and not self._outputs

    def attach(
        self,
        fd: int,
        *,
        number: int | None,
        streams: frozenset[int],
        stdin: bool,
        framed: bool,
        early: bytes = b"",
        detach_keys: str = "",
    ) -> None:
        """Attach a client; takes `fd` over.

        Raises:
            InvalidArgument: the detach keys are none; `fd` stays the caller's.
        """
        matcher = DetachMatcher(parse_detach_keys(detach_keys)) if self._tty and stdin else None
        for client in self._clients:
            client.settle()
        client = Client(
            self._poller,
            self,
            fd,
            number=number,
            streams=streams,
            stdin=stdin,
            framed=framed,
            early=early,
            matcher=matcher,
        )
        self._clients.append(client)
        if self._begun:
            self._start_reading(client)

    def begin(self, ends: OurEnds, log: LogFile | None = None) -> None:
        """Serve the process that was given the other ends; takes our ends and the log over."""
        self._log = log
        self._begun = True
        if ends.stdin is not None:
            self._stdin = _Stdin(self._poller, ends.stdin, self._stdin_writable)
        for stream, fd in ends.outputs.items():
            self._outputs[stream] = fd
            self._poller.add(fd, EPOLLIN, self._reader(stream))
        for client in list(self._clients):
            self._start_reading(client)

    # -- output ---------------------------------------------------------------------------------

    def _reader(self, stream: int) -> Callable[[int], None]:
        def on_ready(_events: int) -> None:
            self._pump(stream)

        return on_ready

    def _pump(self, stream: int) -> None:
        """Move one chunk, or what can be spliced, from the process to log and clients."""
        fd = self._outputs[stream]
        client = self._only_taker(stream)
        if client is not None:
            if client.busy:
                self._pause(stream)
                return
            size = self._readable_bytes(fd)
            if size >= _SPLICE_FROM:
                self._enlarge(stream, fd)
                client.splice(stream, fd, size)
                return
        data = self._read(stream, fd)
        if data:
            self._deliver(stream, data)
            if any(client.backlog > _MOST_BACKLOG for client in self._clients):
                self._pause(stream)

    def _only_taker(self, stream: int) -> Client | None:
        """The client to splice to, if that is all there is to do with the stream."""
        if self._log is not None or self._tty or len(self._clients) != 1:
            return None
        client = self._clients[0]
        return client if client.framed and stream in client.streams else None

    @staticmethod
    def _readable_bytes(fd: int) -> int:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), "little")

    def _enlarge(self, stream: int, fd: int) -> None:
        """Give a busy pipe more room, so that process and supervisor alternate less often."""
        if stream not in self._enlarged:
            self._enlarged.add(stream)
            with contextlib.suppress(OSError):  # a limit of pipe pages: it works as it is
                set_pipe_size(fd, _PIPE_BYTES)

    def _read(self, stream: int, fd: int) -> bytes:
        """Read a chunk; at the end, close the stream and return b""."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as err:
            if err.errno != errno.EIO or not self._tty:
                raise
            if not self._finishing:
                self._wait_for_terminal(stream, fd)
                return b""
            data = b""
        if not data:
            self._close_output(stream)
            return b""
        if stream in self._quiet:
            self._quiet.discard(stream)
            self._poller.modify(fd, EPOLLIN)
        if len(data) == _CHUNK:
            self._enlarge(stream, fd)
        return data

    def _wait_for_terminal(self, stream: int, fd: int) -> None:
        """Nobody has the terminal open at the moment (an init that changes its console does so).

        The hang-up state would be reported without end; edge-triggered, only news are.
        """
        if stream not in self._quiet:
            self._quiet.add(stream)
            self._poller.modify(fd, EPOLLIN | EPOLLET)

    def _deliver(self, stream: int, data: bytes) -> None:
        if self._log is not None:
            self._log.write(stream, data)
        for client in list(self._clients):
            if stream in client.streams:
                client.send(stream, data)

    def _pause(self, stream: int) -> None:
        if stream not in self._paused:
            self._paused.add(stream)
            # Not only masked: the hang-up of a writer that has ended would still be reported.
            self._poller.remove(self._outputs[stream])

    def _resume(self) -> None:
        if not self._paused or any(client.backlog > _MOST_BACKLOG for client in self._clients):
            return
        paused, self._paused = self._paused, set()
        for stream in paused:
            self._poller.add(self._outputs[stream], EPOLLIN, self._reader(stream))

    def _close_output(self, stream: int) -> None:
        fd = self._outputs.pop(stream)
        self._paused.discard(stream)
        self._poller.remove(fd)
        os.close(fd)
        if self._log is not None:
            self._log.end(stream)
        if not self._outputs and self.on_end is not None:
            self.on_end()

    # -- what clients tell us -------------------------------------------------------------------

    def stdin_data(self, data: bytes) -> None:
        """See ClientOwner."""
        if self._stdin is None:
            return
        self._stdin.write(data)
        self._after_input()

    def stdin_splice(self, fd: int) -> int:
        """See ClientOwner."""
        if self._stdin is None:
            raise NotImplementedError
        moved = self._stdin.splice_from(fd)
        if moved < 0:
            self._after_input()
        return moved

    def _after_input(self) -> None:
        assert self._stdin is not None
        if not self._stdin.open:
            self._stop_stdin()
        elif self._stdin.busy:
            for client in self._clients:
                client.set_reading(False)

    def _stop_stdin(self) -> None:
        # A terminal's client is still listened to: it may send the detach keys.
        if not self._tty:
            for client in self._clients:
                client.stop_stdin()

    def _stdin_writable(self) -> None:
        for client in list(self._clients):
            self._start_reading(client)

    def _start_reading(self, client: Client) -> None:
        if not client.wants_stdin:
            return
        if not self._tty and (self._stdin is None or not self._stdin.takes_input):
            client.stop_stdin()
        elif self._stdin is None or not self._stdin.busy:
            client.set_reading(True)

    def stdin_end(self, client: Client) -> None:
        """See ClientOwner."""
        if not self._close_stdin:
            if self._stdin is not None:
                client.finish("eof")
        elif self._stdin is not None:
            self._stdin.close_when_written()

    def client_writable(self, client: Client) -> None:
        """See ClientOwner."""
        del client
        self._resume()

    def client_closed(self, client: Client, reason: str) -> None:
        """See ClientOwner."""
        self._clients.remove(client)
        self._resume()
        self._on_detached(client, reason)

    # -- end ------------------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """Set the terminal's size; without a terminal nothing happens."""
        if self._tty and 1 in self._outputs:
            set_window_size(self._outputs[1], width, height)

    def finish(self) -> bool:
        """The process has ended: take what its pipes still hold. Returns whether that is all.

        False: somebody else has the writing end (a child in the background); what it writes goes
        on being served until `close`.
        """
        self._finishing = True
        self._close_input()
        for client in list(self._clients):
            client.settle()
        for stream in list(self._outputs):
            self._drain(stream)
        for stream in list(self._paused):
            self._paused.discard(stream)
            self._poller.add(self._outputs[stream], EPOLLIN, self._reader(stream))
        return not self._outputs

    def _close_input(self) -> None:
        # Forgotten too: it knows us, and nothing in this process collects cycles.
        stdin, self._stdin = self._stdin, None
        if stdin is not None:
            stdin.close()

    def _drain(self, stream: int) -> None:
        for _ in range(_LAST_CHUNKS):
            data = self._read(stream, self._outputs[stream])
            if not data:
                return
            self._deliver(stream, data)

    def close(self, reason: str) -> None:
        """Close streams and log; clients get what is queued for them and are then closed."""
        self.on_end = None
        self._close_input()
        for client in list(self._clients):
            client.settle()
        for stream in list(self._outputs):
            self._close_output(stream)
        if self._log is not None:
            self._log.close()
            self._log = None
        for client in list(self._clients):
            client.finish(reason)

    def drop_clients(self) -> None:
        """Close the connections of clients that have still not taken what is queued."""
        for client in list(self._clients):
            client.drop()

    def abandon(self) -> None:
        """The process did not start: drop the clients' descriptors without ending their streams.

        The daemon still has them and tells them why.
        """
        for client in self._clients:
            client.abandon()
        self._clients.clear()
