"""What an engine holds of the system, so that a test can be asked whether it left something.

A snapshot looks at the kernel and the disk, never at what the daemon says about itself: processes
(found by cgroup, network namespace and open mounts), mounts in every mount namespace, links and
nftables elements, cgroups, files under the roots, descriptors of the daemon and its zygote.

Other programs run on the machine meanwhile, so only what can be tied to this engine's own
namespace, cgroup parent and directories counts.

What an idle worker that lives has made ahead for the next container is no leak, nor is the process
in which a shim has mounts go: both come and go by the clock. `test_warm` and `test_nursery` look at
that.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where one engine lives."""

    netns: str
    cgroup_parent: str
    data_root: Path
    exec_root: Path


@dataclass
class Snapshot:
    processes: dict[int, str] = field(default_factory=dict)
    mounts: Counter[str] = field(default_factory=Counter)
    links: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    cgroups: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    descriptors: Counter[str] = field(default_factory=Counter)

    def leaks_since(self, before: Snapshot) -> list[str]:
        """Return a line for each thing that is there now and was not before."""
        found = []
        new = self.processes.keys() - before.processes.keys()
        # A daemon that was restarted has another pid; the number of each kind tells.
        extra = Counter(self.processes[pid] for pid in new)
        extra -= Counter(
            before.processes[pid] for pid in before.processes.keys() - self.processes.keys()
        )
        found += [f"process {name} ({count})" for name, count in extra.items()]
        found += [f"mount {name}" for name in (self.mounts - before.mounts)]
        found += [f"link {name}" for name in self.links - before.links]
        found += [f"nftables {line}" for line in self.rules - before.rules]
        found += [f"cgroup {path}" for path in self.cgroups - before.cgroups]
        found += [f"file {path}" for path in self.files - before.files]
        found += [
            f"descriptor {name} ({count} more)"
            for name, count in (self.descriptors - before.descriptors).items()
        ]
        return sorted(found)


def take(place: Place, daemon_pid: int | None) -> Snapshot:
    snapshot = Snapshot()
    _processes_and_mounts(place, snapshot)
    snapshot.links = _links(place.netns)
    snapshot.rules = _rules(place.netns)
    snapshot.cgroups = _cgroups(place.cgroup_parent)
    snapshot.files = _files(place)
    if daemon_pid is not None:
        snapshot.descriptors = _descriptors(daemon_pid)
    return snapshot


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _processes_and_mounts(place: Place, snapshot: Snapshot) -> None:
    own_net = os.stat(f"/run/netns/{place.netns}").st_ino
    seen: dict[int, bool] = {}
    marks = (str(place.data_root), str(place.exec_root))
    for pid in pids():
        try:
            mount_ns = os.stat(f"/proc/{pid}/ns/mnt").st_ino
            net_ns = os.stat(f"/proc/{pid}/ns/net").st_ino
        except OSError:
            continue
        if mount_ns not in seen:
            lines = [
                line
                for line in _read(f"/proc/{pid}/mountinfo").splitlines()
                if any(mark in line for mark in marks)
            ]
            seen[mount_ns] = bool(lines)
            is_host = mount_ns == os.stat("/proc/self/ns/mnt").st_ino
            for line in lines:
                fields = line.split()
                where = "host" if is_host else "another namespace"
                snapshot.mounts[f"{fields[4]} in {where}"] += 1
        in_foreign_tree = seen[mount_ns] and (mount_ns != os.stat("/proc/self/ns/mnt").st_ino)
        ours = (
            net_ns == own_net
            or in_foreign_tree
            or f"{place.cgroup_parent}/" in _read(f"/proc/{pid}/cgroup")
        )
        state = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if _read(f"/proc/{pid}/comm") in ("baleen-warm\n", "baleen-unmount\n"):
            continue
        if ours and state and state[0] not in "ZX":
            snapshot.processes[pid] = _name(pid)


def _name(pid: int) -> str:
    command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return re.sub(r"[0-9a-f]{64}", "<id>", command)[:120] or _read(f"/proc/{pid}/comm").strip()


def in_netns(netns: str, *command: str) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{netns}", *command]


def _links(netns: str) -> set[str]:
    text = subprocess.run(
        ["ip", "-o", "-n", netns, "link"], capture_output=True, text=True, check=False
    ).stdout
    return {line.split(":")[1].split("@")[0].strip() for line in text.splitlines()}


def _rules(netns: str) -> set[str]:
    """Return every rule and every element, each with the chain or set that it is in."""
    text = subprocess.run(
        in_netns(netns, "nft", "-s", "-n", "list", "ruleset"),
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    result: set[str] = set()
    where: list[str] = []
    text = re.sub(r",\s*\n\s*", ", ", text)
    for raw in text.splitlines():
        line = raw.strip()
        if line.endswith("{"):
            where.append(line[:-1].strip())
        elif line == "}":
            where.pop()
        elif line.startswith("elements"):
            inside = line.partition("{")[2].rpartition("}")[0]
            result |= {f"{where[-1]}: {part.strip()}" for part in inside.split(", ")}
        elif line:
            result.add(f"{' '.join(where)}: {line}")
    return result


def _cgroups(parent: str) -> set[str]:
    found = set()
    name = parent.strip("/")
    for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]:
        if (top / name).is_dir():
            for directory, _, _ in os.walk(top / name):
                if directory != str(top / name) and not _is_made_ahead(directory):
                    found.add(directory)
    return found


def _is_made_ahead(directory: str) -> bool:
    worker = directory.rpartition("/.baleen-warm-")[2]
    name, _, rest = _read(f"/proc/{worker}/stat").partition("(")[2].rpartition(")")
    return worker.isdecimal() and name == "baleen-worker" and rest.split()[0] not in "ZX"


def _files(place: Place) -> set[str]:
    found = set()
    trees = [
        (place.exec_root, ("seccomp",)),
        (place.data_root / "containers", ()),
        (place.data_root / "volumes", ()),
        (place.data_root / "snapshots", ()),
        (place.data_root / "tmp", ()),
    ]
    for root, skipped in trees:
        for directory, names, files in os.walk(root):
            depth = len(Path(directory).relative_to(root).parts)
            names[:] = [name for name in names if not (depth == 0 and name in skipped)]
            if depth >= 2:
                names.clear()
            found |= {f"{directory}/{name}" for name in (*names, *files)}
    return found


def children_of(pid: int) -> list[int]:
    return [int(text) for text in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _descriptors(pid: int) -> Counter[str]:
    result: Counter[str] = Counter()
    for owner in (pid, *children_of(pid)):
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{owner}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{owner}/fd/{name}")
                    kind = re.sub(r":\[\d+\]", "", target)
                    result[f"{'daemon' if owner == pid else 'child'} {kind}"] += 1
    return result
