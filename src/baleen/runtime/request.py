"""start.json: all that a supervisor needs to know beside the OCI bundle, parsed strictly.

The daemon writes it, so a malformed one is a bug or a version apart; it is refused with the place
of the mistake and nothing is started. Unknown fields are refused too: a field that a newer daemon
relies on must not be silently without effect.
"""

from __future__ import annotations

import json
import os

from baleen.errors import InvalidArgument
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError
from baleen.runtime.prepare import Rootfs
from baleen.runtime.restart import POLICIES, RestartPolicy
from baleen.runtime.spec import parse_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from baleen.runtime.spec import Spec

    _T = TypeVar("_T")

__all__ = [
    "DnsRequest",
    "LogRequest",
    "RuntimeRequest",
    "StartRequest",
    "load_request",
    "load_spec",
    "parse_dns",
    "parse_request",
    "parse_restart",
    "read_file",
]

_CHUNK = 64 * 1024
_HEX = frozenset("0123456789abcdef")


@record(frozen=True, slots=True)
class LogRequest:
    """Where output is kept ("none": nowhere). `max_size` is in bytes, None without limit."""

    driver: str
    path: str = ""
    max_size: int | None = None
    max_file: int = 1
    labels: Mapping[str, str] | None = None


@record(frozen=True, slots=True)
class DnsRequest:
    """The embedded resolver of a container on a user-defined network."""

    names: str
    upstream: tuple[str, ...]
    search: tuple[str, ...]
    forward: bool


@record(frozen=True, slots=True)
class RuntimeRequest:
    """A foreign runtime: the program's path, and the arguments that come before its own."""

    path: str
    args: tuple[str, ...] = ()


@record(frozen=True, slots=True)
class StartRequest:
    """One container to be run; the terms are those of the daemon's records.

    Attributes:
        bundle: directory with config.json; control.sock is made there.
        state_dir: where exit.json is written.
        interfaces: as `runtime.interfaces` takes them, in order.
        restart_count: restarts by the policy so far.
        init: PID 1 is our own init and the command its child.
        runtime: the program that makes the container; None: we do.
        reserved_fds: how many passed descriptors are only kept open while the container lives.
        checkpoint: directory of the image that the first start restores, None for none.
        dies_alone: it is killed when the daemon's connection ends: nobody else will ask for it.
    """

    id: str
    bundle: str
    state_dir: str
    rootfs: Rootfs
    seccomp_program: str | None
    log: LogRequest
    open_stdin: bool
    stdin_once: bool
    interfaces: tuple[Mapping[str, object], ...]
    dns: DnsRequest | None
    restart: RestartPolicy
    restart_count: int
    init: bool
    reserved_fds: int
    runtime: RuntimeRequest | None = None
    checkpoint: str | None = None
    dies_alone: bool = False


class _Fields:
    """Takes typed fields out of a JSON object; `done` refuses what nobody took."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise InvalidArgument(f"{where}: an object is needed")
        self._left: dict[str, object] = dict(value)
        self._where = where

    def _error(self, name: str, needed: str) -> InvalidArgument:
        return InvalidArgument(f"{self._where}.{name}: {needed} is needed")

    def take(self, name: str) -> object:
        if name not in self._left:
            raise self._error(name, "a value")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        return self._left.get(name) is not None

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or "\0" in value:
            raise self._error(name, "a string")
        return value

    def path(self, name: str) -> str:
        value = self.text(name)
        if not value.startswith("/"):
            raise self._error(name, "an absolute path")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self._error(name, "true or false")
        return value

    def number(self, name: str, minimum: int = 0) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise self._error(name, f"an integer of at least {minimum}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.take(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(name, "a list of strings")
        return tuple(value)

    def objects(self, name: str) -> tuple[Mapping[str, object], ...]:
        value = self.take(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._error(name, "a list of objects")
        return tuple(value)

    def labels(self, name: str) -> Mapping[str, str]:
        value = self.take(name)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self._error(name, "an object of strings")
        result: dict[str, str] = value
        return result

    def optional(self, name: str, take: Callable[[str], _T]) -> _T | None:
        if self.has(name):
            return take(name)
        self._left.pop(name, None)
        return None

    def done(self) -> None:
        if self._left:
            raise InvalidArgument(f"{self._where}: unknown field {min(self._left)!r}")


def parse_restart(value: object, where: str = "restart") -> RestartPolicy:
    """Return the restart policy in a JSON object.

    Raises:
        InvalidArgument: an unknown policy or a negative number of retries.
    """
    fields = _Fields(value, where)
    name = fields.text("policy") or "no"
    if name not in POLICIES:
        raise InvalidArgument(f"{where}.policy: {name!r} is no restart policy")
    retries = fields.optional("maximum_retries", fields.number) or 0
    fields.done()
    return RestartPolicy(name, retries)


def _parse_rootfs(value: object) -> Rootfs:
    fields = _Fields(value, "rootfs")
    if fields.has("path"):
        rootfs = Rootfs(path=fields.path("path"))
    else:
        lower = fields.texts("lower")
        if not lower:
            raise InvalidArgument("rootfs.lower: at least one directory is needed")
        upper, work = fields.path("upper"), fields.path("work")
        mapped = fields.optional("map_lower", fields.flag) or False
        rootfs = Rootfs(None, lower, upper, work, mapped)
    fields.done()
    return rootfs


def _parse_log(value: object) -> LogRequest:
    fields = _Fields(value, "log")
    driver = fields.text("driver")
    if driver not in ("json-file", "none"):
        raise InvalidArgument(f"log.driver: {driver!r} is not supported")
    log = LogRequest(
        driver,
        fields.path("path")
        if driver == "json-file"
        else fields.optional("path", fields.text) or "",
        fields.optional("max_size", lambda name: fields.number(name, 1)),
        fields.optional("max_file", lambda name: fields.number(name, 1)) or 1,
        fields.optional("labels", fields.labels),
    )
    fields.done()
    return log


def parse_dns(value: object) -> DnsRequest:
    """Return the resolver's settings in a JSON object (InvalidArgument)."""
    fields = _Fields(value, "dns")
    dns = DnsRequest(
        fields.path("names"),
        fields.texts("upstream"),
        fields.optional("search", fields.texts) or (),
        fields.flag("forward"),
    )
    fields.done()
    return dns


def _parse_runtime(value: object) -> RuntimeRequest:
    fields = _Fields(value, "runtime")
    runtime = RuntimeRequest(fields.text("path"), fields.texts("args"))
    fields.done()
    return runtime


def parse_request(data: bytes) -> StartRequest:
    """Return the request in the bytes of a start.json.

    Raises:
        InvalidArgument: with the field that is missing, unknown or of the wrong type.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise InvalidArgument(f"start.json: {err}") from err
    fields = _Fields(document, "start.json")
    container_id = fields.text("id")
    if len(container_id) != 64 or not _HEX.issuperset(container_id):
        raise InvalidArgument("start.json.id: 64 hexadecimal digits are needed")
    restart = fields.optional("restart", fields.take)
    dns = fields.optional("dns", fields.take)
    runtime = fields.optional("runtime", fields.take)
    request = StartRequest(
        id=container_id,
        bundle=fields.path("bundle"),
        state_dir=fields.path("state_dir"),
        rootfs=_parse_rootfs(fields.take("rootfs")),
        seccomp_program=fields.optional("seccomp_program", fields.path),
        log=_parse_log(fields.take("log")),
        open_stdin=fields.flag("open_stdin"),
        stdin_once=fields.flag("stdin_once"),
        interfaces=fields.optional("interfaces", fields.objects) or (),
        dns=None if dns is None else parse_dns(dns),
        restart=RestartPolicy() if restart is None else parse_restart(restart),
        restart_count=fields.optional("restart_count", fields.number) or 0,
        init=fields.optional("init", fields.flag) or False,
        reserved_fds=fields.optional("reserved_fds", fields.number) or 0,
        runtime=None if runtime is None else _parse_runtime(runtime),
        checkpoint=fields.optional("checkpoint", fields.path),
        dies_alone=fields.optional("dies_alone", fields.flag) or False,
    )
    fields.done()
    return request


def load_request(path: str) -> StartRequest:
    """Read and parse a start.json.

    Raises:
        InvalidArgument: see parse_request.
        OSError: it cannot be read.
    """
    return parse_request(read_file(path))


def load_spec(bundle: str) -> Spec:
    """Parse config.json (LaunchError: it is malformed or asks for what we cannot do)."""
    try:
        document = json.loads(read_file(f"{bundle}/config.json"))
    except (OSError, ValueError, RecursionError) as err:
        raise LaunchError("spec", 0, f"config.json: {err}", 128) from err
    return parse_spec(document)


def read_file(path: str) -> bytes:
    """Return the content of a file with fewer calls than a buffered file object (OSError)."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(fd, os.fstat(fd).st_size + 1)]
        while parts[-1]:
            parts.append(os.read(fd, _CHUNK))
        return b"".join(parts)
    finally:
        os.close(fd)
