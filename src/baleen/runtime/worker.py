"""The worker: the short-lived process that does one thing for a shim: a start, or an exec.

A start reads two documents and runs through most of the runtime's code. Reference counting writes
to every object that is touched, so each page of them becomes the private memory of whoever does
it. A worker does it and ends. PID 1 is cloned as its sibling, hence is the shim's child.

    shim S                              worker W, cloned ahead by the nursery
         ──── {"op": "start"} ───────►      + the network namespace of the run before, if any
         ◄─── facts (JSON), or "!" ───       what S needs to know of start.json and config.json
         ──── "start" + stdio ───────►       three descriptors, none with a terminal
                                        create() ── clone as sibling ──► C, PID 1
         ◄─── "H<pid>" ───────────────       the intermediate process, S is to reap it
         ◄─── "C<pid>" + pidfd ───────       PID 1: S kills and reaps it, whatever happens to W
         ◄─── "N" + netns ────────────       a new network namespace, loopback up
         ──── "go" ──────────────────►       only with a resolver: it listens
         ◄─── "S<time>" (+ console) ──       execve succeeded
         or   "F<g>{failure}", "E<g>"        failed; PID 1 ended. <g> 1: the control group was made

         ──── {"op": "exec"} ────────►      + PID 1's pidfd, stdio
         ◄─── "R" + console ──────────       with a terminal
         ◄─── "P<pid>", {failure} ────       see `enter`; the end of the stream: execve succeeded

W dies with S, and so do PID 1 and what is not started yet: it waits for W's word.

See: docs/architecture.md; clone(2) CLONE_PARENT.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from time import time_ns

from baleen.errors import BaleenError
from baleen.linux.process import close_all_except, set_name, set_parent_death_signal
from baleen.linux.record import replace
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.enter import EnterPlan, enter
from baleen.runtime.failure import LaunchError, as_launch_error, encode_failure
from baleen.runtime.interfaces import attach_interface, bring_up_loopback
from baleen.runtime.launch import InitEnded, create
from baleen.runtime.logfile import format_time
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import load_request, read_file
from baleen.runtime.spec import parse_process, parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from baleen.linux.cgroup import CgroupDriver
    from baleen.linux.fd import Fd
    from baleen.runtime.launch import Container
    from baleen.runtime.prepare import Prepared
    from baleen.runtime.protocol import Message
    from baleen.runtime.request import StartRequest
    from baleen.runtime.spec import Spec

__all__ = ["GO", "START", "work"]

START = b"start"
GO = b"go"


def work(sock: socket.socket, cgroups: CgroupDriver, shim: int) -> NoReturn:
    """Be a worker of the process `shim`, just cloned; never returns."""
    status = 1
    try:
        set_parent_death_signal(signal.SIGKILL)
        if os.getppid() == shim:
            close_all_except({0, 1, 2, sock.fileno()})
            set_name("baleen-worker")
            data, fds = receive(sock)
            if data:
                _obey(sock, cgroups, decode(data), fds)
            status = 0
    finally:
        os._exit(status)


def _obey(
    sock: socket.socket, cgroups: CgroupDriver, order: dict[str, Any], fds: list[int]
) -> None:
    """Do what the shim orders, which is trusted to be well formed."""
    if order["op"] == "start":
        netns = fds[0] if fds else -1
        _Work(sock, cgroups, netns, has_cgroup=order["has_cgroup"]).run(order["request"])
    else:
        _enter(sock.detach(), cgroups, order, fds)


def _enter(channel: int, cgroups: CgroupDriver, order: dict[str, Any], fds: list[int]) -> NoReturn:
    """Be the process that enters, or the one that is executed; see `enter`."""
    stdio = Stdio(*fds[1:4]) if len(fds) > 1 else None

    def load() -> Prepared:
        path = order["seccomp_program"]
        program = None if path is None else read_file(path)
        return prepare(parse_process(order["process"]), stdio, program)

    cgroup = order["cgroup"]
    plan = EnterPlan(
        prepare=load,
        terminal=stdio is None,
        stdio=stdio,
        container=fds[0],
        namespaces=order["namespaces"],
        cgroup=cgroups.open(cgroup) if cgroup else None,
        channel=channel,
    )
    enter(plan)


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

    def run(self, path: str) -> None:
        """Serve the supervisor until the container runs or cannot, or the supervisor lets go."""
        try:
            request = load_request(path)
        except (BaleenError, OSError) as err:
            self._send(b"!" + str(err).encode(errors="replace"))
            return
        spec, error = None, None
        try:
            spec = _load_spec(request.bundle)
        except LaunchError as err:
            error = err
        self._send(encode(_facts(request, spec)))
        order, fds = receive(self._sock)
        if order != START:
            return
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
            console = container.console
            self._send(b"S" + format_time(time_ns()), None if console is None else console.fileno())

    def _send(self, data: bytes, fd: int | None = None) -> None:
        socket.send_fds(self._sock, [data], [] if fd is None else [fd], socket.MSG_NOSIGNAL)

    def _start(self, request: StartRequest, spec: Spec, stdio: Stdio | None) -> Container:
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
        program = request.seccomp_program
        container = create(
            spec,
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
            self._set_up_network(request, container)
        container.start()
        return container

    def _make_cgroup(self, spec: Spec) -> None:
        """Make the control group, while PID 1 makes its namespaces."""
        self._cgroups.create(spec.cgroups_path, spec.resources)
        self._has_cgroup = True

    def _tell_child(self, pid: int, pidfd: Fd | None) -> None:
        if pidfd is None:
            self._send(b"H%d" % pid)
        else:
            self._send(b"C%d" % pid, pidfd.fileno())

    def _set_up_network(self, request: StartRequest, container: Container) -> None:
        """Configure the new network namespace, while init is busy with its mounts."""
        bring_up_loopback(container.netns)
        self._send(b"N", container.netns.fileno())
        if request.interfaces:
            with RouteSocket() as host:
                for interface in request.interfaces:
                    attach_interface(host, container.netns, interface)
        if request.dns is not None:
            container.wait_ready()
            if receive(self._sock)[0] != GO:
                os._exit(1)  # the supervisor has given up; PID 1 ends as we do
