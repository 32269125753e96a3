"""The worker: the process that starts containers for its shim, one after the other.

A start reads two documents, runs through most of the runtime's code and forks: nothing for a
process that serves others meanwhile.

    shim S                              worker W, cloned ahead by the nursery
         ──── {"request": path} ─────►      + the network namespace of the run before, if any
         ◄─── facts (JSON), or "!" ───       what S needs to know of start.json and config.json
         or   "?"                            another one is to do it, which has not started any yet
         ──── "start" + stdio ───────►       three descriptors, none with a terminal
                                        create() ── clone as sibling ──► C, PID 1
         ◄─── "H<pid>" ───────────────       the intermediate process, S is to reap it
         ◄─── "C<pid>" + pidfd ───────       PID 1: S kills and reaps it, whatever happens to W
         ◄─── "N" + netns ────────────       a new network namespace, loopback up
         ──── "go" ──────────────────►       only with a resolver: it listens
         ◄─── "S<r><time>" (+ console)       execve succeeded; <r> 1: W is ready for the next order
         or   "F<g>{failure}", "E<g>"        failed; PID 1 ended. <g> 1: the control group was made

C is W's sibling, hence the shim's child. W dies with S, and so do PID 1 and what is not started
yet: it waits for W's word.

W is never in a container's namespaces, but what it forks is. Where that stays as it is (PID 1 as
our reaper) or can be looked at before it has executed its program (a pid namespace that is
shared), it must not know of other containers: a fresh W does it, and ends. So does one that has
met a failure, or has worked for long.

See: docs/architecture.md; clone(2) CLONE_PARENT.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from time import time_ns

from baleen.errors import BaleenError
from baleen.linux.fd import Fd
from baleen.linux.process import close_all_except, set_name, set_parent_death_signal
from baleen.linux.record import replace
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.failure import LaunchError, as_launch_error, encode_failure
from baleen.runtime.interfaces import attach_interface, bring_up_loopback
from baleen.runtime.launch import InitEnded, create
from baleen.runtime.logfile import format_time
from baleen.runtime.prepare import Stdio
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import load_request, read_file
from baleen.runtime.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.criu.restore import Restored
    from baleen.runtime.launch import Container
    from baleen.runtime.protocol import Message
    from baleen.runtime.request import StartRequest
    from baleen.runtime.spec import Spec

__all__ = ["GO", "START", "work"]

# Nothing here collects garbage.
_MOST_STARTS = 64
START = b"start"
GO = b"go"


def work(sock: socket.socket, cgroups: CgroupDriver, shim: int) -> NoReturn:
    """Be a worker of the process `shim`, just cloned; never returns."""
    status = 1
    try:
        set_parent_death_signal(signal.SIGKILL)
        if os.getppid() == shim:
            keep = {0, 1, 2, sock.fileno()}
            close_all_except(keep)
            set_name("baleen-worker")
            _serve(sock, cgroups, keep)
            status = 0
    finally:
        os._exit(status)


def _serve(sock: socket.socket, cgroups: CgroupDriver, keep: set[int]) -> None:
    done = 0
    while done < _MOST_STARTS:
        data, fds = receive(sock)
        if not data:
            return
        order = decode(data)
        netns = fds[0] if fds else -1
        one = _Work(sock, cgroups, netns, has_cgroup=order["has_cgroup"] is True)
        last = done + 1 == _MOST_STARTS
        if not one.run(str(order["request"]), fresh=done == 0, last=last):
            return
        done += 1
        close_all_except(keep)


def _load_spec(bundle: str) -> Spec:
    """Parse config.json (LaunchError: it is malformed or asks for what we cannot do)."""
    try:
        document = json.loads(read_file(f"{bundle}/config.json"))
    except (OSError, ValueError, RecursionError) as err:
        raise LaunchError("spec", 0, f"config.json: {err}", 128) from err
    return parse_spec(document)


def _facts(request: StartRequest, spec: Spec | None) -> Message:
    """What the supervisor needs to know; `worker_link.Facts` reads it."""
    log, dns, restart = request.log, request.dns, request.restart
    return {
        "bundle": request.bundle,
        "state_dir": request.state_dir,
        "log": [log.driver, log.path, log.max_size, log.max_file, log.labels],
        "open_stdin": request.open_stdin,
        "stdin_once": request.stdin_once,
        "restart": [restart.name, restart.maximum_retries],
        "restart_count": request.restart_count,
        "dns": None if dns is None else [dns.names, dns.upstream, dns.search, dns.forward],
        "host_names": [str(interface.get("host_name")) for interface in request.interfaces],
        "reserved_fds": request.reserved_fds,
        "terminal": spec is not None and spec.process is not None and spec.process.terminal,
        "namespaces": [] if spec is None else [*spec.namespaces],
        "cgroup": "" if spec is None else spec.cgroups_path,
    }


class _Work:
    """One start, from its documents to execve."""

    def __init__(
        self, sock: socket.socket, cgroups: CgroupDriver, netns: int, *, has_cgroup: bool
    ) -> None:
        self._sock = sock
        self._cgroups = cgroups
        self._netns = netns
        self._has_cgroup = has_cgroup

    def run(self, path: str, *, fresh: bool, last: bool) -> bool:
        """Serve the supervisor until the container runs or cannot, or the supervisor lets go.

        `last`: no order will be taken after this one. Returns whether this process may serve
        another one.
        """
        try:
            request = load_request(path)
        except (BaleenError, OSError) as err:
            self._send(b"!" + str(err).encode(errors="replace"))
            return False
        spec, error = None, None
        try:
            spec = _load_spec(request.bundle)
        except LaunchError as err:
            error = err
        alone = request.init or spec is None or spec.namespaces.get("pid", "") is not None
        alone = alone or request.checkpoint is not None
        if alone and not fresh:
            self._send(b"?")
            return True
        self._send(encode(_facts(request, spec)))
        order, fds = receive(self._sock)
        if order != START:
            return False
        made = b"1" if self._has_cgroup else b"0"
        try:
            if spec is None:
                assert error is not None
                raise error
            container = self._start(request, spec, Stdio(*fds) if fds else None)
        except InitEnded:
            made = b"1" if self._has_cgroup else made
            self._send(b"E" + made)
        except (BaleenError, OSError, ValueError) as err:
            made = b"1" if self._has_cgroup else made
            failure = as_launch_error(err)
            self._send(b"F" + made + encode_failure(failure.stage, failure))
        else:
            again = not (alone or last)
            console = container.console
            text = b"S%d" % again + format_time(time_ns())
            self._send(text, None if console is None else console.fileno())
            container.close()
            return again
        return False

    def _send(self, data: bytes, fd: int | None = None) -> None:
        socket.send_fds(self._sock, [data], [] if fd is None else [fd], socket.MSG_NOSIGNAL)

    def _start(
        self, request: StartRequest, spec: Spec, stdio: Stdio | None
    ) -> Container | Restored:
        own_netns = spec.namespaces.get("network", "") is None
        if own_netns and self._netns >= 0:
            # A restart keeps addresses and routes.
            path = f"/proc/self/fd/{self._netns}"
            spec = replace(spec, namespaces={**spec.namespaces, "network": path})
            own_netns = False
        cgroup, make_cgroup = None, None
        if spec.cgroups_path:
            cgroup = self._cgroups.open(spec.cgroups_path)
            if not self._has_cgroup:
                make_cgroup = lambda: self._make_cgroup(spec)  # noqa: E731
        if request.checkpoint is not None and make_cgroup is not None:
            # Only a first start has no group yet: after an exit the container begins anew.
            make_cgroup()
            return self._restore(request, spec, stdio)
        program = request.seccomp_program
        container = create(
            spec,
            container_id=request.id,
            bundle=request.bundle,
            rootfs=request.rootfs,
            seccomp_program=None if program is None else read_file(program),
            stdio=stdio,
            init=request.init,
            cgroup=cgroup,
            meanwhile=make_cgroup,
            for_parent=self._tell_child,
        )
        if own_netns:
            self._set_up_network(request, container.netns, container.wait_ready)
        container.start()
        return container

    def _restore(self, request: StartRequest, spec: Spec, stdio: Stdio | None) -> Restored:
        from baleen.runtime.criu.starting import new_network_namespace, restore_container

        path, netns = spec.namespaces.get("network", ""), None
        if path is None:
            netns = new_network_namespace()
            self._set_up_network(request, netns, lambda: None)
        elif path:
            netns = Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        cgroup = self._cgroups.open(spec.cgroups_path)
        return restore_container(request, spec, cgroup, netns, stdio, self._tell_child)

    def _make_cgroup(self, spec: Spec) -> None:
        """Make the control group, while PID 1 makes its namespaces."""
        self._cgroups.create(spec.cgroups_path, spec.resources)
        self._has_cgroup = True

    def _tell_child(self, pid: int, pidfd: Fd | None) -> None:
        if pidfd is None:
            self._send(b"H%d" % pid)
        else:
            self._send(b"C%d" % pid, pidfd.fileno())

    def _set_up_network(
        self, request: StartRequest, netns: Fd, wait_ready: Callable[[], None]
    ) -> None:
        """Configure the new network namespace, while init is busy with its mounts."""
        bring_up_loopback(netns)
        self._send(b"N", netns.fileno())
        if request.interfaces:
            with RouteSocket() as host:
                for interface in request.interfaces:
                    attach_interface(host, netns, interface)
        if request.dns is not None:
            wait_ready()
            if receive(self._sock)[0] != GO:
                os._exit(1)  # the supervisor has given up; PID 1 ends as we do
