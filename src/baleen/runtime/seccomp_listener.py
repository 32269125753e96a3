"""The part of `linux.seccomp` that is not the filter: its flags, and who hears its notifications.

A call that the filter answers with SCMP_ACT_NOTIFY waits for an agent. Its end of that is a
descriptor that installing the filter gives to the process; we take it from there and send it to
the agent's socket, with the state of the container, before the process goes on::

    PID 1 ──"L<fd>"──► parent: pidfd_getfd ──JSON + descriptor──► listenerPath
          ◄───"L"────

Loaded only for documents with a filter of their own. See: OCI runtime-spec config-linux.md,
Seccomp and The Container Process State; seccomp_unotify(2).
"""

from __future__ import annotations

import json
import os
import socket

from baleen.linux import seccomp as kernel
from baleen.linux.process import pidfd_getfd
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, decode_failure, reason
from baleen.runtime.hooks import STATE_VERSION, state_document
from baleen.runtime.process_spec import refuse
from baleen.runtime.sync import MESSAGE_LISTENER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Protocol

    from baleen.linux.fd import Fd
    from baleen.runtime.fields import Fields
    from baleen.runtime.spec import Spec

    class Link(Protocol):
        """The parent's end of a launch's channel."""

        def receive(self) -> tuple[bytes, Fd | None]:
            """The next message."""

        def send(self, message: bytes) -> None:
            """Send one."""


__all__ = ["SeccompListener", "SeccompUse", "parse_seccomp_use", "seccomp_listener"]

_FLAGS: Final = {
    "SECCOMP_FILTER_FLAG_TSYNC": kernel.SECCOMP_FILTER_FLAG_TSYNC,
    "SECCOMP_FILTER_FLAG_LOG": kernel.SECCOMP_FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": kernel.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": kernel.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}
_AGENT_TIMEOUT_S: Final = 30.0


@record(frozen=True, slots=True)
class SeccompUse:
    """`flags` for seccomp(2); the agent's socket is "" if the filter notifies nobody."""

    flags: int
    listener_path: str
    metadata: str | None


def parse_seccomp_use(linux: Fields) -> SeccompUse:
    """Read it from `seccomp`, whose rules are the compiler's. Raises LaunchError."""
    fields = linux.object("seccomp")
    flags = 0
    for name in fields.texts("flags"):
        if name not in _FLAGS:
            raise refuse(f"{fields.where}flags: {name!r} is not a flag of seccomp")
        flags |= _FLAGS[name]
    if not fields.has("flags"):
        flags = kernel.SECCOMP_FILTER_FLAG_SPEC_ALLOW
    path = fields.text("listenerPath", "")
    if fields.has("listenerMetadata") and not path:
        raise refuse(f"{fields.where}listenerMetadata is of no use without listenerPath")
    actions = [rule.text("action", "") for rule in fields.objects("syscalls")]
    if "SCMP_ACT_NOTIFY" not in actions:
        # Without notifications nothing waits for an answer, killable or not.
        return SeccompUse(flags & ~kernel.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "", None)
    if not path.startswith("/"):
        raise refuse(f"{fields.where}listenerPath: SCMP_ACT_NOTIFY needs an absolute one")
    flags |= kernel.SECCOMP_FILTER_FLAG_NEW_LISTENER
    if flags & kernel.SECCOMP_FILTER_FLAG_TSYNC:
        flags |= kernel.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
    metadata = fields.text("listenerMetadata") if fields.has("listenerMetadata") else None
    return SeccompUse(flags, path, metadata)


@record(frozen=True, slots=True)
class SeccompListener:
    """Hands one container's listener to its agent."""

    use: SeccompUse
    container_id: str
    bundle: str
    annotations: Mapping[str, str]

    def serve(self, link: Link, pidfd: Fd, pid: int) -> None:
        """Wait for PID 1 to have it, hand it on, and let PID 1 go on (LaunchError)."""
        data, _ = link.receive()
        number = data[len(MESSAGE_LISTENER) :]
        if not data.startswith(MESSAGE_LISTENER) or not number.isdigit():
            if data[:1] == b"{":
                raise decode_failure(data)
            message = "the container's process ended before it had its seccomp filter"
            raise LaunchError("seccomp", 0, message, 128)
        try:
            with pidfd_getfd(pidfd.fileno(), int(number)) as listener:
                self._send(listener, pid)
        except OSError as error:
            message = (
                f"cannot hand the seccomp listener to {self.use.listener_path}: {reason(error)}"
            )
            raise LaunchError("seccomp", error.errno or 0, message, 128) from error
        link.send(MESSAGE_LISTENER)

    def _send(self, listener: Fd, pid: int) -> None:
        state = state_document(self.container_id, self.bundle, self.annotations, "created", pid)
        process_state: dict[str, object] = {
            "ociVersion": STATE_VERSION,
            "fds": ["seccompFd"],
            "pid": pid,
            "state": state,
        }
        if self.use.metadata is not None:
            process_state["metadata"] = self.use.metadata
        data = json.dumps(process_state).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(_AGENT_TIMEOUT_S)
            agent.connect(self.use.listener_path)
            sent = socket.send_fds(agent, [data], [listener.fileno()])
            agent.sendall(data[sent:])


def seccomp_listener(spec: Spec, container_id: str, bundle: str) -> SeccompListener | None:
    """What hands on the listener that the document's filter has, None if it notifies nobody."""
    use = spec.seccomp_use
    if use is None or not use.listener_path:
        return None
    bundle = os.path.abspath(bundle)
    name = container_id or os.path.basename(bundle)
    return SeccompListener(use, name, bundle, spec.annotations)
