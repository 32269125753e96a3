"""Thousands of containers' lives, and what they leave behind: `python -m bench.churn [count]`.

Each life is one of: ends by itself; an exec, then stop; killed by the API; its process killed with
SIGKILL on the host; killed for lack of memory; removed by force while it runs. Every hundred lives
a supervising process is killed with SIGKILL under its containers. Codes and states are checked at
each step.

Counted before and after, once the kernel has cleaned up: processes, threads, descriptors, mounts,
links, rules, control groups, files, addresses; and the growth of the daemon's memory, and of a
life's time, from the second tenth of the lives to the last.

See: case F18.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.lean_http import Connection, Failed
from bench.measures import SLEEP, create, start
from bench.subjects import Baleend, pause

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 100
_THREADS = 4
_HUNGRY = ["sh", "-c", "tail /dev/zero"]
_HUNGRY_LIMIT = 16 << 20
_DEADLINE_S = 30.0


class Wrong(Exception):
    """A life that did not go as it should."""


@dataclass
class Tally:
    """What was done, by kind, and how long a life took, in order, in seconds."""

    kinds: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kind: str) -> None:
        with self.lock:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def add(self, kind: str, seconds: float) -> None:
        self.count(kind)
        self.seconds.append(seconds)


def _expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {found!r}, not {wanted!r}")


def _wait(connection: Connection, container_id: str) -> int:
    code: int = connection.json("POST", f"/containers/{container_id}/wait")["StatusCode"]
    return code


def _state(connection: Connection, container_id: str) -> dict[str, Any]:
    state: dict[str, Any] = connection.json("GET", f"/containers/{container_id}/json")["State"]
    return state


def _remove(connection: Connection, container_id: str) -> None:
    connection.request("DELETE", f"/containers/{container_id}?v=1")


# --- lives ---------------------------------------------------------------------------------------


def _by_itself(connection: Connection) -> None:
    container_id = start(connection, create(connection, ["sh", "-c", "exit 7"]))
    _expect("exit code", _wait(connection, container_id), 7)
    _remove(connection, container_id)


def _exec_and_stop(connection: Connection) -> None:
    container_id = start(connection, create(connection, SLEEP))
    made = connection.json("POST", f"/containers/{container_id}/exec", {"Cmd": ["true"]})["Id"]
    connection.request("POST", f"/exec/{made}/start", {"Detach": True})
    connection.request("POST", f"/containers/{container_id}/stop?t=0")
    _expect("state", _state(connection, container_id)["Status"], "exited")
    _remove(connection, container_id)


def _killed(connection: Connection) -> None:
    container_id = start(connection, create(connection, SLEEP))
    connection.request("POST", f"/containers/{container_id}/kill")
    _expect("exit code", _wait(connection, container_id), 137)
    _remove(connection, container_id)


def _killed_from_outside(connection: Connection) -> None:
    container_id = start(connection, create(connection, SLEEP))
    os.kill(_state(connection, container_id)["Pid"], signal.SIGKILL)
    _expect("exit code", _wait(connection, container_id), 137)
    _remove(connection, container_id)


def _out_of_memory(connection: Connection) -> None:
    limits = {"Memory": _HUNGRY_LIMIT, "MemorySwap": _HUNGRY_LIMIT}
    container_id = start(connection, create(connection, _HUNGRY, **limits))
    _wait(connection, container_id)
    _expect("OOMKilled", _state(connection, container_id)["OOMKilled"], True)
    _remove(connection, container_id)


def _by_force(connection: Connection) -> None:
    container_id = start(connection, create(connection, SLEEP))
    connection.request("DELETE", f"/containers/{container_id}?force=1&v=1")


_KINDS: dict[str, tuple[Callable[[Connection], None], int]] = {
    "ended by itself": (_by_itself, 40),
    "exec, stop": (_exec_and_stop, 30),
    "killed": (_killed, 9),
    "process killed -9": (_killed_from_outside, 10),
    "out of memory": (_out_of_memory, 1),
    "removed by force": (_by_force, 10),
}


def _kill_supervisor(socket_path: str) -> None:
    """Kill the process that supervises two containers: both end, and can be removed."""
    with Connection(socket_path) as connection:
        ids = [start(connection, create(connection, SLEEP)) for _ in range(2)]
        parents = {_parent_of(_state(connection, one)["Pid"]) for one in ids}
        for pid in parents:
            os.kill(pid, signal.SIGKILL)
        for one in ids:
            _expect("exit code", _wait(connection, one), 137)
            _remove(connection, one)


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def churn(socket_path: str, count: int, tally: Tally, *, seed: int = 1) -> None:
    """Live `count` lives, a few at a time (Wrong, Failed: one did not go as it should)."""
    choice = random.Random(seed)  # nothing secret
    names, weights = list(_KINDS), [weight for _, weight in _KINDS.values()]
    for first in range(0, count, _CHUNK):
        todo = choice.choices(names, weights, k=min(_CHUNK, count - first))
        if first == 0:
            todo[: len(names)] = names[: len(todo)]
        _live(socket_path, todo, tally)
        _kill_supervisor(socket_path)
        tally.count("supervisor killed -9")


def _live(socket_path: str, todo: list[str], tally: Tally) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Connection(socket_path) as connection:
                while not errors:
                    try:
                        kind = todo.pop()
                    except IndexError:
                        return
                    begin = time.perf_counter()
                    _KINDS[kind][0](connection)
                    tally.add(kind, time.perf_counter() - begin)
        except (Failed, Wrong, OSError) as err:
            errors.append(err)

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- what is left --------------------------------------------------------------------------------


def counts(subject: Baleend) -> dict[str, int]:
    """How many of each kind of thing the daemon, its helpers and its network namespace hold."""
    assert subject.process is not None
    daemon = _daemon_pid(subject)
    data, run = subject.directory / "data", subject.directory / "run"
    return {
        "processes": len(subject.processes()),
        "threads of the daemon": len(os.listdir(f"/proc/{daemon}/task")),
        "descriptors of the daemon": len(os.listdir(f"/proc/{daemon}/fd")),
        "mounts on the host": sum(
            str(subject.directory) in line
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
        ),
        "links": len(subject.inside("ip", "-o", "link").splitlines()),
        "lines of rules": len(subject.inside("nft", "list", "ruleset").splitlines()),
        "control groups": _groups(subject.cgroup_parent),
        "files of containers": sum(len(files) for _, _, files in os.walk(data / "containers")),
        "directories of snapshots": len(os.listdir(data / "snapshots")),
        "files of the run folder": sum(len(files) for _, _, files in os.walk(run)),
        "containers": _length(subject, "/containers/json?all=1"),
        "addresses in use": _length(subject, "/networks/bridge", "Containers"),
    }


def _length(subject: Baleend, path: str, field: str | None = None) -> int:
    with subject.connect() as connection:
        found = connection.json("GET", path)
        return len(found if field is None else found[field])


def _groups(parent: str) -> int:
    """Control groups below the parent, without what an idle worker has made ahead."""
    found = 0
    for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]:
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(top / parent.strip("/")):
                found += entry.is_dir() and not entry.name.startswith(".baleen-warm-")
    return found


def _daemon_pid(subject: Baleend) -> int:
    return int((subject.directory / "pid").read_text())


def _resident_mb(subject: Baleend) -> float:
    for line in Path(f"/proc/{_daemon_pid(subject)}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1000
    return 0.0


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if something went wrong or was left."""
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    options = parser.parse_args(arguments)
    subject = Baleend(Path(tempfile.mkdtemp(prefix="baleen-churn-")) / "b")
    try:
        subject.open()
        return _run(subject, options.count)
    finally:
        subject.close()
        subject.directory.parent.rmdir()


def _run(subject: Baleend, count: int) -> int:
    tally = Tally()
    churn(subject.socket, _CHUNK, tally)  # all that is made once is there
    before = _settled(subject, None)
    tally = Tally()
    tenth = max(count // 10, 1)
    begin = time.perf_counter()
    churn(subject.socket, 2 * tenth, tally, seed=2)
    memory = _resident_mb(subject)
    churn(subject.socket, count - 2 * tenth, tally, seed=3)
    took = time.perf_counter() - begin
    growth = _resident_mb(subject) / memory - 1
    after = _settled(subject, before)
    for kind, number in sorted(tally.kinds.items()):
        print(f"{number:8,} {kind}")
    early, late = (
        statistics.median(part)
        for part in (tally.seconds[tenth : 2 * tenth], tally.seconds[-tenth:])
    )
    print(
        f"{len(tally.seconds):8,} lives in {took:.0f} s, {len(tally.seconds) / took:.0f} a second"
    )
    print(f"a life: {early * 1000:.1f} ms early, {late * 1000:.1f} ms at the end")
    print(f"the daemon's resident memory grew by {growth * 100:.1f} % from the second tenth on")
    print(f"\n{'':28}{'before':>8}{'after':>8}")
    left = 0
    for name, number in after.items():
        more = number > before[name]
        left += more
        print(f"{name:28}{before[name]:8}{number:8}{'  LEFT BEHIND' if more else ''}")
    print(f"\n{'something was left behind' if left else 'nothing was left behind'}")
    return 1 if left else 0


def _settled(subject: Baleend, before: dict[str, int] | None) -> dict[str, int]:
    """The counts when they are what they were, or no longer change, a bounded time."""
    end = time.monotonic() + _DEADLINE_S
    last = counts(subject)
    while time.monotonic() < end:
        pause(1.0)
        now = counts(subject)
        if before is None and now == last:
            return now
        if before is not None and all(now[name] <= before[name] for name in now):
            return now
        last = now
    return last


if __name__ == "__main__":
    sys.exit(main())
