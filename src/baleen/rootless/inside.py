"""The holder: makes the namespaces, keeps them while nobody else is in them, forwards ports.

outside ── fork ──► holder          unshare(user)
        ◄── "N" ───                 the user namespace is there
   newuidmap, newgidmap
        ─── "M" ──►                 unshare(mount, network, ipc[, cgroup]), mounts, lo up
        ◄── "R" ───                 ready, or {"error": ...}
        ◄── {"bind": [...]} ───     for each published port, from now on
        ─── {"errno": 0} + socket ►
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.netns import bring_up_loopback
from baleen.linux.process import close_all_except, set_name
from baleen.rootless.delegation import ROOT, SUPERVISOR, enter_group
from baleen.rootless.published import MESSAGE_BYTES, PublishedPorts
from baleen.runtime.poller import Poller

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

    from baleen.rootless.published import Wanted

__all__ = ["be_holder", "listen_at"]

_PATIENCE_S = 10.0


def be_holder(channel: socket.socket, ports_path: Path, group: Path | None) -> NoReturn:
    """Be the holder, just forked; never returns."""
    status = 1
    try:
        close_all_except({0, 1, 2, channel.fileno()})
        set_name("baleen-holder")
        try:
            listener = _make(channel, ports_path, group)
        except OSError as err:
            what = " ".join(getattr(err, "__notes__", ()))
            message = f"{what or 'set-up'}: {err.strerror}"
            channel.send(json.dumps({"error": message, "errno": err.errno}).encode())
        else:
            channel.send(b"R")
            _serve(channel, listener)
            status = 0
    except Exception as err:
        print(f"baleen holder: {err!r}", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(status)


def _make(channel: socket.socket, ports_path: Path, group: Path | None) -> socket.socket:
    if group is not None:
        enter_group(group)
    ns.unshare(ns.CLONE_NEWUSER)
    channel.send(b"N")
    if channel.recv(1) != b"M":
        os._exit(1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    own_group = ns.CLONE_NEWCGROUP if group is not None else 0
    ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWNET | ns.CLONE_NEWIPC | own_group)
    # The host's mounts come in, ours do not go out.
    m.mount(None, "/", None, m.MS_SLAVE | m.MS_REC)
    if group is not None:
        # A bind: the kernel refuses the same file system over itself (EBUSY).
        m.mount(str(group), str(ROOT), None, m.MS_BIND)
        enter_group(ROOT / SUPERVISOR)
    with Fd(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as netns:
        bring_up_loopback(netns)
    os.chdir("/")
    return listen_at(ports_path)


def listen_at(path: Path) -> socket.socket:
    """Return the listening SOCK_SEQPACKET socket at `path`, only the user's."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    umask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(umask)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _serve(channel: socket.socket, listener: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.settimeout(_PATIENCE_S)

    def bind(wanted: Wanted) -> socket.socket:
        try:
            channel.send(json.dumps({"bind": wanted}).encode(), socket.MSG_NOSIGNAL)
            data, fds, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
        except TimeoutError as err:
            raise OSError(errno.ETIMEDOUT, "the process outside does not answer") from err
        number = json.loads(data)["errno"] if data else errno.EPIPE
        if number or not fds:
            raise OSError(number or errno.EIO, os.strerror(number or errno.EIO))
        return socket.socket(fileno=fds[0])

    def report(err: Exception) -> None:
        with suppress(OSError):
            print(f"baleen holder: {err!r}", file=sys.stderr, flush=True)  # noqa: T201

    poller = Poller(on_error=report)
    PublishedPorts(poller, listener, bind)
    poller.run()
