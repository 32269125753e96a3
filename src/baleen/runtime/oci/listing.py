"""`state` and `list`: what the containers are, as JSON or for people."""

from __future__ import annotations

import json

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import detect
from baleen.runtime.oci.access import group_of
from baleen.runtime.oci.output import print_table, print_text
from baleen.runtime.oci.state import OCI_VERSION, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.state import Entry, Record

__all__ = ["execute", "state_of"]


def state_of(entry: Entry, values: Record, group: Cgroup | None) -> dict[str, object]:
    """The state of a container as runtime.md has it, with runc's further members."""
    status = entry.status(values, group)
    state: dict[str, object] = {
        "ociVersion": OCI_VERSION,
        "id": entry.id,
        "pid": 0 if status == "stopped" else values.pid,
        "status": status,
        "bundle": values.bundle,
        "rootfs": values.rootfs,
        "created": values.created,
    }
    if values.annotations:
        state["annotations"] = values.annotations
    return state


def execute(invocation: Invocation) -> int:
    """Returns 0; `list` leaves out what it cannot read, with a warning."""
    store = Store(invocation.root)
    if invocation.command.name == "state":
        entry = store.open(invocation.arguments[0])
        values = entry.read()
        state = state_of(entry, values, group_of(values))
        print_text(json.dumps(state | {"owner": ""}, indent=2) + "\n")
        return 0
    form = invocation.options.text("format", "table")
    if form not in ("table", "json"):
        raise InvalidArgument("invalid format option")
    if invocation.options.flag("quiet"):
        print_text("".join(f"{entry.id}\n" for entry in store.entries()))
        return 0
    states = _states(invocation, store)
    if form == "json":
        print_text(json.dumps(states or None, separators=(",", ":")) + "\n")
    else:
        columns = ("id", "pid", "status", "bundle", "created", "owner")
        rows = [[str(state[column]) for column in columns] for state in states]
        print_table([[column.upper() for column in columns], *rows])
    return 0


def _states(invocation: Invocation, store: Store) -> list[dict[str, object]]:
    driver = None
    states = []
    for entry in store.entries():
        try:
            values = entry.read()
            driver = driver or detect()
            group = driver.open(values.cgroup) if values.cgroup else None
            state = state_of(entry, values, group)
        except BaleenError as error:
            invocation.report.warning(f"container {entry.id}: {error}")
            continue
        states.append(state | {"owner": _owner(values.uid)})
    return states


def _owner(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
