"""What the engine knows about containers: their records, names, states, logs and execs.

A *record* is the durable truth about one container: what the client asked for (`config`,
`host_config`), what it became (image, mounts, endpoints) and how its life goes (`status`, exit
code, times). Records are immutable values; `ContainerStore` owns the current one of each
container, writes every change through to the database before it returns, and serves lists and
inspections from cached bytes.

Nothing here starts or stops a process: that is the engine (policy) and the runtime (mechanism).
"""

from baleen.containers.exec_record import ExecRecord, ExecStore
from baleen.containers.logs import read_logs
from baleen.containers.record import ZERO_TIME, ContainerRecord
from baleen.containers.state import Status
from baleen.containers.store import ContainerStore

__all__ = [
    "ZERO_TIME",
    "ContainerRecord",
    "ContainerStore",
    "ExecRecord",
    "ExecStore",
    "Status",
    "read_logs",
]
