"""Our runtime beside runc and crun, where they are installed: `python -m bench.runtime [rounds]`.

**bare start**: from the order until the program `true` has ended and all is cleaned up: all
namespaces, Docker's default mounts, masks, capabilities, filter and control groups. Ours as
the engine uses it: an order to the zygote, a shim and its worker, which mounts the overlay too,
with the filter compiled ahead; the others as an engine uses them: `RUNTIME run` on the same bundle
with Docker's profile in it, a program started for each. `baleen-runtime run` is given too: it is
for other engines.

That the kernel unmounts goes on behind our end, and is part of theirs.

**exec**: `true` in a running container until reaped, by the same ways.

**supervisor**: the memory of all processes that look after containers, for each of sixteen that run
and are left alone.

Medians in milliseconds and ratios of one run; between two rounds there are 30 ms of rest. A peer
that refuses this host says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baleen.linux.cgroup.detect import detect
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES, default_spec
from baleen.runtime.seccomp import compile_profile, default_profile, resolved_profile
from bench.run import settle
from bench.shim_client import Zygote
from bench.subjects import pause

if TYPE_CHECKING:
    from collections.abc import Callable

BUSYBOX = "/bin/busybox"
START_LIMIT, EXEC_LIMIT, MEMORY_LIMIT_MB = 0.35, 0.15, 1.0
_CONTAINERS = 16
_REST_S = 12.0
_BETWEEN_S = 0.03
_PARENT = "/baleen-bench"
_KERNEL = (6, 1)


def make_root(path: Path) -> None:
    (path / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, path / "bin/busybox")
    for name in ("true", "sleep"):
        (path / "bin" / name).symlink_to("busybox")


def filter_program() -> bytes:
    """Docker's default profile for a plain container, as the daemon compiles it ahead."""
    return compile_profile(
        default_profile(),
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=_KERNEL,
    )


def peers_document(document: dict[str, Any], root: Path) -> dict[str, object]:
    """The same container for runtimes that know config.json alone, as an engine writes it."""
    profile = resolved_profile(
        default_profile(),
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=_KERNEL,
    )
    return {
        **document,
        "ociVersion": "1.0.2",  # crun refuses one that is newer than itself
        "root": {"path": str(root)},
        "linux": {**document["linux"], "seccomp": profile},
    }


def timed(rounds: int, action: Callable[[], None]) -> float:
    """The median of `action`, in ms, after a few that are not counted."""
    for _ in range(3):
        action()
    settle(5)
    times = []
    for _ in range(rounds):
        pause(_BETWEEN_S)  # one at a time, as users start them; the kernel cleans up behind each
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


# --- ours ----------------------------------------------------------------------------------------


class Ours:
    """Bundles for the zygote, as the daemon writes them."""

    def __init__(self, work: Path, document: dict[str, Any]) -> None:
        self._work = work
        self._document = document
        (work / "filter").write_bytes(filter_program())
        self._number = 0
        self.zygote = Zygote()

    def close(self) -> None:
        self.zygote.close()
        with contextlib.suppress(OSError):
            detect().open(_PARENT).remove()

    def bundle(self, *args: str) -> Path:
        """A bundle of its own, with start.json; returns the path of that."""
        self._number += 1
        base = self._work / f"c{self._number}"
        for name in ("bundle", "state", "upper", "work"):
            (base / name).mkdir(parents=True)
        process = {**self._document["process"], "args": list(args)}
        linux = {**self._document["linux"], "cgroupsPath": f"{_PARENT}/{base.name}"}
        document = {**self._document, "process": process, "linux": linux}
        (base / "bundle/config.json").write_text(json.dumps(document))
        request = {
            "id": f"{self._number:064x}",
            "bundle": str(base / "bundle"),
            "state_dir": str(base / "state"),
            "rootfs": {
                "lower": [str(self._work / "rootfs")],
                "upper": str(base / "upper"),
                "work": str(base / "work"),
            },
            "seccomp_program": str(self._work / "filter"),
            "log": {"driver": "none"},
            "open_stdin": False,
            "stdin_once": False,
        }
        path = base / "bundle/start.json"
        path.write_text(json.dumps(request))
        return path

    def start(self, rounds: int) -> float:
        bundles = [self.bundle("true") for _ in range(rounds + 3)]

        def run() -> None:
            with self.zygote.spawn(bundles.pop()) as supervisor:
                supervisor.call("start")
                supervisor.until_closed()

        return timed(rounds, run)

    def exec(self, rounds: int) -> tuple[float, float]:
        """The time of an exec, and the MB that looking after each of some containers takes."""
        self.zygote.close()
        self.zygote = Zygote()  # or the shim that the starts have half used up would count as well
        supervisors = [self.zygote.spawn(self.bundle("sleep", "1000")) for _ in range(_CONTAINERS)]
        for supervisor in supervisors:
            supervisor.call("start")
        pause(_REST_S)  # what is kept warm for the next start is let go
        memory = self.zygote.supervising_pss_mb() / _CONTAINERS
        process = {**self._document["process"], "args": ["true"]}
        number = 0

        def execute() -> None:
            nonlocal number
            number += 1
            supervisors[0].execute(str(number), process, str(self._work / "filter"))

        took = timed(rounds, execute)
        for supervisor in supervisors:
            supervisor.call("destroy")
            supervisor.until_closed()
            supervisor.close()
        return took, memory


# --- the command lines ---------------------------------------------------------------------------


class Program:
    """An OCI runtime as a program."""

    def __init__(self, command: list[str], work: Path, bundle: Path) -> None:
        self._command = [*command, "--root", str(work / f"state-{Path(command[0]).name}")]
        self._bundle = bundle
        self._errors = work / "errors"

    def __call__(self, *arguments: str) -> None:
        # A detached container keeps the streams: a pipe would never end.
        with self._errors.open("wb") as errors:
            subprocess.run(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                check=True,
            )

    def measure(self, rounds: int) -> tuple[float, float]:
        """ms of a run and of an exec (CalledProcessError: it does not work here)."""
        whole = timed(rounds, lambda: self("run", "--bundle", str(self._bundle), "bench"))
        path = self._bundle / "config.json"
        before = path.read_text()
        document = json.loads(before)
        document["process"]["args"] = ["sleep", "1000"]
        path.write_text(json.dumps(document))
        try:
            self("run", "--detach", "--bundle", str(self._bundle), "bench")
            exec_time = timed(rounds, lambda: self("exec", "bench", "true"))
            self("delete", "--force", "bench")
        finally:
            path.write_text(before)
        return whole, exec_time


def line(name: str, ours: float, peer: float | None, limit: float, unit: str = "ms") -> bool:
    """Print one comparison; returns whether it falls short."""
    if peer is None:
        print(f"{name:34}{ours:9.2f}{'-':>9} {unit}")
        return False
    ratio = ours / peer
    short = ratio > limit
    word = "SHORT" if short else "reached"
    print(f"{name:34}{ours:9.2f}{peer:9.2f} {unit:7}{ratio:7.2f}x  <= {limit:g}x  {word}")
    return short


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 even where figures fall short, for they say so."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtime", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=60)
    rounds = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory(prefix="baleen-bench-") as directory:
        work = Path(directory)
        make_root(work / "rootfs")
        document = default_spec(args=("true",))
        bundle = work / "bundle"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(peers_document(document, work / "rootfs")))
        ours = Ours(work, document)
        try:
            start = ours.start(rounds)
            exec_time, memory = ours.exec(rounds)
        finally:
            ours.close()
        short = 0
        print(f"{'':34}{'baleen':>9}{'peer':>9}")
        for name in ("runc", "crun"):
            peer = _peer(name, work, bundle, max(rounds // 3, 5))
            if peer is not None:
                # crun is given for comparison; the promise is about runc.
                limits = (START_LIMIT, EXEC_LIMIT) if name == "runc" else (1.0, 1.0)
                short += line(f"bare start, beside {name}", start, peer[0], limits[0])
                short += line(f"exec, beside {name}", exec_time, peer[1], limits[1])
        short += line("memory per supervisor", memory, 1.0, MEMORY_LIMIT_MB, "MB PSS")
        own = Program(
            [str(Path(sys.executable).with_name("baleen-runtime"))], work, bundle
        ).measure(max(rounds // 3, 5))
        print(f"\nas a program, baleen-runtime: run {own[0]:.1f} ms, exec {own[1]:.1f} ms")
        print(f"\n{short} short")
    return 0


def _peer(name: str, work: Path, bundle: Path, rounds: int) -> tuple[float, float] | None:
    path = shutil.which(name)
    if path is None:
        print(f"{name} is not installed")
        return None
    try:
        return Program([path], work, bundle).measure(rounds)
    except subprocess.CalledProcessError:
        said = (work / "errors").read_text(errors="replace").strip()
        print(f"{name} refuses this host or bundle: {said[:200]}")
        return None


if __name__ == "__main__":
    sys.exit(main())
