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
         ◄─── "G<group>" ─────────────       both may come before the "start", with a PID 1 made
                                             ahead: that control group is in the making
         ◄─── "N" + netns ────────────       a new network namespace, loopback up
         ──── "go" ──────────────────►       only with a resolver: it listens
         ◄─── "M" + mntns ────────────       the mount namespace, see `unmounting`
         ◄─── "S<r><time>" (+ console)       execve succeeded; <r> 1: W is ready for the next order
         or   "F<g>{failure}", "E<g>"        failed; PID 1 ended. <g> 1: the control group was made
         ◄─── "W<pid> <group>" + pidfd       with nothing to do: a PID 1 made ahead, for S to reap
                                             unless a "C" of that pid follows some time

C is W's sibling, hence the shim's child. W dies with S, and so do PID 1 and what is not started
yet: it waits for W's word.

W is never in a container's namespaces, but what it forks is. Where that can be looked at before it
has executed its program (a pid namespace that is shared), it must not know of other containers: a
fresh W does it, and ends. So does one that has
met a failure, or has worked for long.

See: docs/architecture.md; clone(2) CLONE_PARENT.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from time import time_ns

from baleen.errors import BaleenError
from baleen.linux.fd import Fd
from baleen.linux.namespaces import owner_of
from baleen.linux.process import close_all_except, set_name, set_parent_death_signal
from baleen.linux.record import replace
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.failure import LaunchError, as_launch_error, encode_failure
from baleen.runtime.interfaces import attach_interface, bring_up_loopback
from baleen.runtime.launch import InitEnded, create, create_warm
from baleen.runtime.logfile import format_time
from baleen.runtime.prepare import Stdio
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import load_request, load_spec, read_file
from baleen.runtime.warm import kinds_of, make_warm
from baleen.runtime.warm_groups import END_S, WORKER_NAME, let_go, remove_left_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from baleen.linux.cgroup import Cgroup, CgroupDriver
    from baleen.runtime.criu.restore import Restored
    from baleen.runtime.id_mapping import IdMappings
    from baleen.runtime.launch import Container
    from baleen.runtime.protocol import Message
    from baleen.runtime.request import StartRequest
    from baleen.runtime.spare_namespaces import SpareNamespaces
    from baleen.runtime.spec import Spec
    from baleen.runtime.warm import Kinds, WarmInit

__all__ = ["GO", "START", "work"]

# Nothing here collects garbage.
_MOST_STARTS = 64
# With so long nothing to do a PID 1 is made ahead: not while starts follow each other, when it
# would only compete with what ends and begins for the processors.
_QUIET_S = 0.02
# After so long without a start namespaces made ahead are let go.
_IDLE_S = 10.0
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
            set_name(WORKER_NAME)
            _serve(sock, cgroups, keep)
            status = 0
    finally:
        os._exit(status)


def _serve(sock: socket.socket, cgroups: CgroupDriver, keep: set[int]) -> None:
    ahead = _Ahead(sock, cgroups)
    try:
        for done in range(_MOST_STARTS):
            ahead.prepare()
            data, fds = receive(sock)
            if not data:
                return
            order = decode(data)
            one = _Work(
                sock,
                cgroups,
                fds[0] if fds else -1,
                ahead,
                has_cgroup=order["has_cgroup"] is True,
            )
            last = done + 1 == _MOST_STARTS
            if not one.run(str(order["request"]), fresh=done == 0, last=last):
                return
            close_all_except(keep | ahead.descriptors())
    finally:
        ahead.close()


class _Ahead:
    """What is made ahead, with nothing else to do, for a start that is like the one before.

    Attributes:
        kinds, mappings: what the last container had; None: what cannot be made ahead.
        like: the last container, if it had `kinds`.
        warm, spare: what waits to be used, at most one of each.
    """

    def __init__(self, sock: socket.socket, cgroups: CgroupDriver) -> None:
        self._sock = sock
        self._cgroups = cgroups
        self._looked = False
        self.kinds: Kinds | None = None
        self.like: Spec | None = None
        self.warm: WarmInit | None = None
        self.mappings: IdMappings | None = None
        self.spare: SpareNamespaces | None = None

    def prepare(self) -> None:
        """Make what is missing, unless there is an order; let go what nobody wants for long."""
        if self.spare is None and self.mappings is not None and self._is_idle(_QUIET_S):
            from baleen.runtime.spare_namespaces import make_spare

            self.spare = make_spare(self.mappings)
        if (
            self.warm is None
            and self.kinds is not None
            and self.like is not None
            and self._is_idle(_QUIET_S)
        ):
            if not self._looked:
                remove_left_groups(self._cgroups, self.kinds.cgroup_parent)
                self._looked = True
            self.warm = make_warm(self.kinds, self.like, self._cgroups, self._tell)
        if self.spare is not None and self._is_idle(_IDLE_S):
            self.spare.close()
            self.spare = None

    def _is_idle(self, seconds: float) -> bool:
        return not select.select([self._sock], [], [], seconds)[0]

    def _tell(self, pid: int, pidfd: Fd, group: Cgroup | None) -> None:
        text = f"W{pid} {'' if group is None else group.path}"
        socket.send_fds(self._sock, [text.encode()], [pidfd.fileno()], socket.MSG_NOSIGNAL)

    def take_warm(self, kinds: Kinds | None) -> WarmInit | None:
        """The PID 1 that was made ahead, if it is of such kinds and still lives."""
        warm = self.warm
        if warm is not None and not warm.alive:  # the shim has let it go
            self.warm = None
            warm.close()
            return None
        if warm is None or warm.kinds != kinds:
            return None
        self.warm = None
        return warm

    def descriptors(self) -> set[int]:
        """What has to stay open."""
        return set().union(*(one.descriptors() for one in (self.warm, self.spare) if one))

    def close(self) -> None:
        """Let go what nobody has used."""
        for one in (self.warm, self.spare):
            if one is not None:
                one.close()


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
        "foreign": request.runtime is not None,
        "dies_alone": request.dies_alone,
    }


def _needs_a_fresh_one(request: StartRequest, spec: Spec | None) -> bool:
    """Whether only a worker that has started nothing yet may do it, which then ends or stays."""
    if request.runtime is not None or request.checkpoint is not None or spec is None:
        return True
    return spec.namespaces.get("pid", "") is not None


class _Work:
    """One start, from its documents to execve."""

    def __init__(
        self,
        sock: socket.socket,
        cgroups: CgroupDriver,
        netns: int,
        ahead: _Ahead,
        *,
        has_cgroup: bool,
    ) -> None:
        self._sock = sock
        self._cgroups = cgroups
        self._netns = netns
        self._ahead = ahead
        self._has_cgroup = has_cgroup

    def run(self, path: str, *, fresh: bool, last: bool) -> bool:
        """Serve the supervisor until the container runs or cannot, or the supervisor lets go.

        `last`: no order will be taken after this one. Returns whether this process may serve
        another one.
        """
        if self._ahead.warm is not None:
            self._ahead.warm.read(path)
        try:
            request = load_request(path)
        except (BaleenError, OSError) as err:
            self._send(b"!" + str(err).encode(errors="replace"))
            return False
        spec, error = None, None
        try:
            spec = load_spec(request.bundle)
        except LaunchError as err:
            error = err
        alone = _needs_a_fresh_one(request, spec)
        if alone and not fresh:
            self._send(b"?")
            return True
        self._send(encode(_facts(request, spec)))
        ahead = None if spec is None else self._begin_ahead(request, spec)
        fds = self._await_start(ahead, spec)
        if fds is None or self._is_left_to_another(request, fds):
            return False
        made = b"1" if self._has_cgroup else b"0"
        try:
            if spec is None:
                assert error is not None
                raise error
            if isinstance(ahead, Exception):
                raise ahead
            container = self._start(request, spec, ahead, Stdio(*fds) if fds else None)
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
            if ahead is not None:
                self._join_rest(container.pid, spec)
            container.close()
            return again
        return False

    def _is_left_to_another(self, request: StartRequest, fds: list[int]) -> bool:
        """Whether another runtime has made the container, which has ended by now."""
        if request.runtime is None:
            return False
        # Here, and not before: what no other worker needs.
        from baleen.runtime.foreign.keeper import keep

        keep(self._sock, request, Stdio(*fds) if fds else None, self._netns)
        return True

    def _send(self, data: bytes, fd: int | None = None) -> None:
        socket.send_fds(self._sock, [data], [] if fd is None else [fd], socket.MSG_NOSIGNAL)

    def _begin_ahead(self, request: StartRequest, spec: Spec) -> Container | Exception | None:
        """Let the PID 1 made ahead, if one will do, go on as far as it can without its streams.

        What goes wrong is returned, to be told when the start is asked for.
        """
        kinds = self._ahead.kinds = kinds_of(request, spec)
        self._ahead.like = spec
        if self._netns >= 0 or self._has_cgroup:
            return None
        warm = self._ahead.take_warm(kinds)
        if warm is None:
            return None
        try:
            container = create_warm(
                warm,
                spec,
                meanwhile=lambda: self._take_group(warm, spec),
                for_parent=self._tell_child,
            )
            if spec.namespaces.get("network", "") is None:
                self._attach(request, container.netns)
        except (BaleenError, OSError, ValueError) as err:
            return err
        return container

    def _await_start(
        self, ahead: Container | Exception | None, spec: Spec | None
    ) -> list[int] | None:
        """The descriptors that come with the order to start; None: nobody wants the container.

        What was begun of it is undone then: the shim may not have heard of it.
        """
        try:
            order, fds = receive(self._sock)
        except ConnectionResetError:  # it is gone, and has not read all that we have said
            order, fds = b"", []
        if order == START:
            return fds
        if ahead is not None and not isinstance(ahead, Exception):
            ahead.close()
        if ahead is not None and spec is not None and spec.cgroups_path:
            let_go(self._cgroups.open(spec.cgroups_path), END_S)
        return None

    def _start(
        self, request: StartRequest, spec: Spec, ahead: Container | None, stdio: Stdio | None
    ) -> Container | Restored:
        if request.checkpoint is not None and not self._has_cgroup:
            # Only a first start has no group yet: after an exit the container begins anew.
            return self._restore(request, spec, stdio)
        own_netns = spec.namespaces.get("network", "") is None
        if own_netns and self._netns >= 0:
            # A restart keeps addresses and routes.
            kept = {"network": f"/proc/self/fd/{self._netns}"}
            if spec.namespaces.get("user", "") is None:
                # Whoever is root in another user namespace has no rights over the kept network.
                kept["user"] = f"/proc/self/fd/{owner_of(self._netns).steal()}"
            spec = replace(spec, namespaces={**spec.namespaces, **kept})
            own_netns = False
        elif spec.id_mappings is not None:
            spec = self._use_spare(spec)
        if ahead is not None:
            container = ahead
            container.give_streams(stdio)
        else:
            container = self._create(request, spec, stdio)
        if own_netns:
            self._use_network(
                request, container.netns, container.wait_ready, attached=ahead is not None
            )
        container.wait_ready()
        if spec.namespaces.get("mount", "") is None:
            self._give_mounts(container.pid)
        container.start()
        return container

    def _give_mounts(self, pid: int) -> None:
        """Let the shim hold the mount namespace, see `unmounting`."""
        with contextlib.suppress(OSError):  # it has failed since
            fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._send(b"M", fd)
            finally:
                os.close(fd)

    def _use_spare(self, spec: Spec) -> Spec:
        """Have the container's namespaces be those made ahead, if they are such as it wants."""
        from baleen.runtime.spare_namespaces import wanted_mappings

        self._ahead.mappings = wanted_mappings(spec)
        used = None if self._ahead.spare is None else self._ahead.spare.used_by(spec)
        if used is None:
            return spec
        self._ahead.spare = None  # closed with all else that this start leaves
        return used

    def _create(self, request: StartRequest, spec: Spec, stdio: Stdio | None) -> Container:
        cgroup, make_cgroup = None, None
        if spec.cgroups_path:
            cgroup = self._cgroups.open(spec.cgroups_path)
            if not self._has_cgroup:
                make_cgroup = lambda pid: self._make_cgroup(spec, pid)  # noqa: E731
        program = request.seccomp_program
        return create(
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

    def _restore(self, request: StartRequest, spec: Spec, stdio: Stdio | None) -> Restored:
        from baleen.runtime.criu.starting import new_network_namespace, restore_container

        if not spec.cgroups_path.startswith("/"):
            message = "a checkpoint cannot be restored into a scope of systemd: use cgroupfs"
            raise LaunchError("checkpoint", 0, message, 128)
        self._make_cgroup(spec, 0)
        path, netns = spec.namespaces.get("network", ""), None
        if path is None:
            netns = new_network_namespace()
            self._use_network(request, netns, lambda: None, attached=False)
        elif path:
            netns = Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        cgroup = self._cgroups.open(spec.cgroups_path)
        return restore_container(request, spec, cgroup, netns, stdio, self._tell_child)

    def _make_cgroup(self, spec: Spec, pid: int) -> None:
        """Make the control group, while PID 1 makes its namespaces."""
        self._cgroups.create(spec.cgroups_path, spec.resources, pid)
        self._has_cgroup = True

    def _take_group(self, warm: WarmInit, spec: Spec) -> None:
        """Make the control group of the PID 1 made ahead the container's."""
        if not spec.cgroups_path:
            return
        # Said before: if we die, or are given up before the start, somebody has to remove it.
        self._send(b"G" + spec.cgroups_path.encode())
        if warm.group is None:
            self._make_cgroup(spec, warm.pid)
            return
        self._cgroups.rename(warm.group, spec.cgroups_path, spec.resources)
        self._has_cgroup = True

    def _join_rest(self, pid: int, spec: Spec | None) -> None:
        """Have it in all hierarchies: what has no controllers may come late, see `warm_groups`."""
        if spec is not None and spec.cgroups_path:
            # One that has ended meanwhile has taken its group with it.
            with contextlib.suppress(OSError):
                self._cgroups.open(spec.cgroups_path).join_rest(pid)

    def _tell_child(self, pid: int, pidfd: Fd | None) -> None:
        if pidfd is None:
            self._send(b"H%d" % pid)
        else:
            self._send(b"C%d" % pid, pidfd.fileno())

    def _use_network(
        self,
        request: StartRequest,
        netns: Fd,
        wait_ready: Callable[[], None],
        *,
        attached: bool,
    ) -> None:
        """Configure the new network namespace, while init is busy with its mounts."""
        if not attached:
            bring_up_loopback(netns)
        self._send(b"N", netns.fileno())
        if not attached:
            self._attach(request, netns)
        if request.dns is not None:
            wait_ready()
            if receive(self._sock)[0] != GO:
                os._exit(1)  # the supervisor has given up; PID 1 ends as we do

    @staticmethod
    def _attach(request: StartRequest, netns: Fd) -> None:
        if request.interfaces:
            with RouteSocket() as host:
                for interface in request.interfaces:
                    attach_interface(host, netns, interface)
