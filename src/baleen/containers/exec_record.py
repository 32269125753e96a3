"""Execs: commands that run in a running container beside its own; kept in memory only.

An exec is made by /containers/{id}/exec, started once, and can be inspected until its container
is removed. It ends with the container; a new daemon learns of the running ones from the
supervisors, and forgets the rest, as Docker does.

See: Engine API v1.55 /exec/{id}/json.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from baleen.api import ExecInspect, ProcessConfig
from baleen.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ExecRecord", "ExecStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRecord:
    """One exec. `pid` is the host's number, 0 before the start and after the end.

    `process` is the OCI process object that the supervisor is given.
    """

    id: str
    container_id: str
    process: Mapping[str, object] = field(default_factory=dict)
    user: str = ""
    privileged: bool = False
    tty: bool = False
    open_stdin: bool = False
    open_stdout: bool = False
    open_stderr: bool = False
    detach_keys: str = ""
    command: tuple[str, ...] = ()
    started: bool = False
    running: bool = False
    pid: int = 0
    exit_code: int | None = None

    def inspect(self) -> ExecInspect:
        """Return the API's view."""
        return ExecInspect(
            id=self.id,
            running=self.running,
            exit_code=self.exit_code,
            process_config=ProcessConfig(
                tty=self.tty,
                entrypoint=self.command[0],
                arguments=list(self.command[1:]),
                privileged=self.privileged,
                user=self.user,
            ),
            open_stdin=self.open_stdin,
            open_stderr=self.open_stderr,
            open_stdout=self.open_stdout,
            can_remove=False,
            container_id=self.container_id,
            detach_keys=self.detach_keys,
            pid=self.pid,
        )


class ExecStore:
    """The execs of all containers, by full id."""

    def __init__(self) -> None:
        self._by_id: dict[str, ExecRecord] = {}
        self._ids_of: dict[str, list[str]] = {}

    def add(self, record: ExecRecord) -> None:
        """Keep a new exec."""
        self._by_id[record.id] = record
        self._ids_of.setdefault(record.container_id, []).append(record.id)

    def get(self, exec_id: str) -> ExecRecord:
        """Return the exec of a full id.

        Raises:
            NotFound: there is none, or its container is gone.
        """
        record = self._by_id.get(exec_id)
        if record is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return record

    def begin(self, exec_id: str) -> ExecRecord:
        """Mark the exec as started; only the first call succeeds.

        Raises:
            NotFound: there is no such exec.
            Conflict: it was started before.
        """
        record = self.get(exec_id)
        if record.running:
            raise Conflict(f"Error: Exec command {exec_id} is already running")
        if record.started:
            raise Conflict(f"Error: Exec command {exec_id} has already run")
        return self._replace(replace(record, started=True, running=True))

    def set_pid(self, exec_id: str, pid: int) -> None:
        """Note the process of a started exec."""
        self._replace(replace(self.get(exec_id), pid=pid))

    def finish(self, exec_id: str, exit_code: int) -> None:
        """Note the end; an exec that is not known any more is ignored."""
        record = self._by_id.get(exec_id)
        if record is not None:
            self._replace(replace(record, running=False, started=True, pid=0, exit_code=exit_code))

    def of_container(self, container_id: str) -> list[ExecRecord]:
        """Return the execs of a container in the order they were made."""
        return [self._by_id[exec_id] for exec_id in self._ids_of.get(container_id, ())]

    def running_ids(self, container_id: str) -> list[str]:
        """Return what inspection shows as `ExecIDs`: the execs not yet ended."""
        return [record.id for record in self.of_container(container_id) if record.exit_code is None]

    def forget(self, container_id: str) -> None:
        """Drop all execs of a container that was removed."""
        for exec_id in self._ids_of.pop(container_id, ()):
            del self._by_id[exec_id]

    def _replace(self, record: ExecRecord) -> ExecRecord:
        self._by_id[record.id] = record
        return record
