"""`ps`: the processes of a container, as the host numbers them.

The table is that of the host's ps(1), cut down to the container's: no program of the image is
asked, and none of it is believed.
"""

from __future__ import annotations

import json
import os

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.oci.access import group_of
from baleen.runtime.oci.output import print_text
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute", "rows_of"]


def rows_of(table: str, pids: set[int]) -> str:
    """The heading of `table` and the rows whose PID column is among `pids`.

    Raises InvalidArgument when there is no such column.
    """
    heading, *rows = table.splitlines()
    columns = heading.split()
    if "PID" not in columns:
        raise InvalidArgument("couldn't find PID field in ps output")
    column = columns.index("PID")
    chosen = []
    for row in rows:
        cells = row.split()
        if len(cells) > column and cells[column].isdecimal() and int(cells[column]) in pids:
            chosen.append(row)
    return "\n".join([heading, *chosen]) + "\n"


def execute(invocation: Invocation) -> int:
    """Returns 0 when they were printed."""
    name, *arguments = invocation.arguments
    form = invocation.options.text("format", "table")
    if form not in ("table", "json"):
        raise InvalidArgument("invalid format option")
    entry = Store(invocation.root).open(name)
    values = entry.read()
    group = group_of(values)
    if entry.status(values, group) in ("stopped", "creating") or group is None:
        raise FailedPrecondition("container not running")
    pids = sorted(group.pids())
    if form == "json":
        print_text(json.dumps(pids, separators=(",", ":")) + "\n")
    else:
        print_text(rows_of(_host_ps(arguments or ["-ef"]), set(pids)))
    return 0


def _host_ps(arguments: list[str]) -> str:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with open(reader, encoding="utf-8", errors="replace") as output:
        try:
            pid = os.posix_spawnp(
                "ps",
                ["ps", *arguments],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
            )
        except FileNotFoundError as error:
            raise Unsupported("the host has no ps command; use --format json") from error
        finally:
            os.close(writer)
        table = output.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code or not table:
        raise InvalidArgument(f"ps {' '.join(arguments)} ended with exit status {code}")
    return table
