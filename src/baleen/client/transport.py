"""Byte streams to an engine: unix, TCP, TLS, and ssh.

`connect` gives a blocking, connected stream that has `recv_into`, `send`, `sendall`, `fileno` and
`close` of a socket. It belongs to the caller. TLS is real end to end: `shutdown_write` sends
close_notify and reading goes on. For ssh the socket is one end of a pair; the other end is the
standard input and output of an `ssh` process that runs `system dial-stdio` on the remote host.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

from baleen.errors import PermissionDenied, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from baleen.client.endpoint import Endpoint

__all__ = ["connect", "shutdown_write"]


def connect(endpoint: Endpoint, *, timeout_s: float = 30.0) -> socket.socket:
    """A connected blocking stream to `endpoint`; `timeout_s` bounds only the connecting.

    Raises:
        Unavailable: nothing answers there.
        PermissionDenied: the socket exists but may not be used.
        InvalidArgument: unusable TLS files.
    """
    try:
        if endpoint.scheme == "unix":
            return _connect_unix(endpoint.path)
        if endpoint.scheme == "ssh":
            return _connect_ssh(endpoint)
        stream = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.tls is not None:
            from baleen.client.tls import wrap_tls

            stream = wrap_tls(stream, endpoint.host, endpoint.tls)
        stream.settimeout(None)
    except OSError as err:
        raise _unavailable(endpoint, err) from err
    return stream


def _unavailable(endpoint: Endpoint, err: OSError) -> Unavailable | PermissionDenied:
    # Only for sockets: OpenSSL's errors have numbers of their own.
    if endpoint.scheme == "unix" and err.errno in {errno.EACCES, errno.EPERM}:
        return PermissionDenied(
            f"permission denied while trying to connect to the Baleen daemon at {endpoint}"
        )
    reason = ""
    if err.errno not in {errno.ENOENT, errno.ECONNREFUSED}:
        reason = f" ({err.strerror or err})"
    return Unavailable(
        f"Cannot connect to the Baleen daemon at {endpoint}{reason}. Is the baleen daemon running?"
    )


def _connect_unix(path: str) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            stream.connect(path)
        except OSError as err:
            if err.errno is not None or "too long" not in str(err):
                raise
            # sun_path holds 108 bytes; a descriptor's path is short.
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                stream.connect(f"/proc/self/fd/{descriptor}")
            finally:
                os.close(descriptor)
    except BaseException:
        stream.close()
        raise
    return stream


def _connect_ssh(endpoint: Endpoint) -> socket.socket:
    import shlex
    import subprocess

    ours, theirs = socket.socketpair()
    host = f"--host unix://{shlex.quote(endpoint.path)} " if endpoint.path else ""
    remote = (
        f"if command -v baleen >/dev/null 2>&1; then exec baleen {host}system dial-stdio; "
        f"else exec docker {host}system dial-stdio; fi"
    )
    command = ["ssh", "-o", "ConnectTimeout=30", "-T"]
    if endpoint.user:
        command += ["-l", endpoint.user]
    if endpoint.port:
        command += ["-p", str(endpoint.port)]
    command += ["--", endpoint.host, remote]
    end = theirs.fileno()
    try:
        # The process ends with our end of the pair. Its own session: Ctrl-C is for the container.
        process = subprocess.Popen(command, stdin=end, stdout=end, start_new_session=True)
    except OSError as err:
        ours.close()
        raise Unavailable(f"cannot run ssh: {err}") from err
    finally:
        theirs.close()
    return _SshSocket(ours, process)


class _SshSocket(socket.socket):
    """Our end of the pair; closing it ends and reaps the `ssh` process."""

    def __init__(self, ours: socket.socket, process: subprocess.Popen[bytes]) -> None:
        super().__init__(fileno=ours.detach())
        self._process = process

    def close(self) -> None:
        super().close()
        self._process.terminate()
        self._process.wait()


def shutdown_write(stream: socket.socket) -> None:
    """Tell the peer that no more bytes come; reading goes on. Nothing happens if it is gone."""
    close_write = getattr(stream, "close_write", None)
    if close_write is not None:
        close_write()
        return
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_WR)
