"""Builds, on baleend and on dockerd's classic builder where it is installed.

Both daemons run at the same time, private and idle; each figure is taken from one and then the
other, in turn, by the same real `docker build` with the classic builder. The best of some rounds
counts. The ratio is against the better of dockerd 20.10 and 26.1: the installed one is measured,
and where 26.1 is known to be better its advantage is given to the peer (`better`, from
measurements of both on one machine).

- ten steps: `FROM busybox` and ten RUN, each with a layer; cold: none is in the cache.
- context: `COPY . /context` with 10,000 files of 28 MB; cold: one file is new.
- four stages: four that wait half a second each and need nothing of each other, against one.
- memory: the daemon's most during those above what it has when idle.

    python -m bench.build [--rounds N] [--only WORDS] [--no-peer]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import select
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.lean_http import Failed
from bench.subjects import Baleend, Dockerd, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS, FILES, FILE_BYTES, STAGE_S = 10, 10_000, 2_800, 0.5
MEMORY_LIMIT_MB = 60.0
_SAMPLE_S = 0.02


@dataclass(frozen=True)
class Figure:
    """One line: `limit` is the ratio to stay below, `better` what 26.1 takes of 20.10's time.

    Attributes:
        prepare: what happens before each measurement, outside of the clock.
    """

    name: str
    limit: float
    better: float
    prepare: Callable[[Subject, Path], None]
    call: Callable[[Subject, Path], None]


def build(subject: Subject, directory: Path, tag: str) -> None:
    """Run the real client; raises with its output where it fails."""
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_HOST": f"unix://{subject.socket}",
        "DOCKER_CONFIG": str(subject.directory),
        "DOCKER_BUILDKIT": "0",
    }
    done = subprocess.run(
        ["docker", "build", "-q", "-t", tag, str(directory)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{subject.name}: {done.stdout!r} {done.stderr[-1000:]!r}")


# --- the loads -----------------------------------------------------------------------------------


def new_steps(subject: Subject, directory: Path) -> None:
    (directory / subject.name / "steps").mkdir(parents=True, exist_ok=True)
    first = f"RUN echo {secrets.token_hex(8)} > /f0"
    lines = ["FROM busybox", first, *(f"RUN echo {n} > /f{n}" for n in range(1, STEPS))]
    (directory / subject.name / "steps" / "Dockerfile").write_text("\n".join(lines) + "\n")


def old_steps(subject: Subject, directory: Path) -> None:
    new_steps(subject, directory)
    steps(subject, directory)


def steps(subject: Subject, directory: Path) -> None:
    build(subject, directory / subject.name / "steps", "bench-steps")


def make_context(directory: Path) -> None:
    for index in range(FILES):
        path = directory / f"d{index // 100}" / f"f{index}"
        if index % 100 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(f"{index}\n".encode() * (FILE_BYTES // len(f"{index}\n")))
    (directory / "Dockerfile").write_text("FROM busybox\nCOPY . /context\n")


def new_context(subject: Subject, directory: Path) -> None:
    del subject
    (directory / "context" / "new").write_text(secrets.token_hex(8))


def old_context(subject: Subject, directory: Path) -> None:
    context(subject, directory)


def context(subject: Subject, directory: Path) -> None:
    build(subject, directory / "context", "bench-context")


def stages(subject: Subject, directory: Path, count: int) -> float:
    """Build that many stages side by side; returns the seconds."""
    place = directory / subject.name / f"stages{count}"
    place.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(8)
    lines = []
    for number in range(count):
        lines += [f"FROM busybox AS s{number}", f"RUN sleep {STAGE_S}; echo {token} > /f{number}"]
    lines.append("FROM scratch")
    lines += [f"COPY --from=s{number} /f{number} /" for number in range(count)]
    (place / "Dockerfile").write_text("\n".join(lines) + "\n")
    begin = time.perf_counter()
    build(subject, place, f"bench-stages{count}")
    return time.perf_counter() - begin


FIGURES = [
    Figure("ten steps, cold", 0.15, 1.4 / 2.1, new_steps, steps),
    Figure("ten steps, cached", 1.0, 18 / 56, old_steps, steps),
    Figure("context, cold", 0.4, 1.0, new_context, context),
    Figure("context, cached", 0.4, 1.0, old_context, context),
]


# --- memory --------------------------------------------------------------------------------------


class Peak:
    """Look at a daemon's memory all the time; `above` is its most, less what it was before."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._end, self._signal = os.pipe()
        self._thread = threading.Thread(target=self._watch)
        self.idle = self.most = subject.pss_mb()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._signal)
        self._thread.join()
        os.close(self._end)

    def _watch(self) -> None:
        while not select.select([self._end], [], [], _SAMPLE_S)[0]:
            self.most = max(self.most, self._subject.pss_mb())

    @property
    def above(self) -> float:
        return self.most - self.idle


def memory(subject: Subject, directory: Path) -> float:
    """Return the megabytes (10^6) above idle of all loads, one after the other."""
    with Peak(subject) as peak:
        new_steps(subject, directory)
        steps(subject, directory)
        new_context(subject, directory)
        context(subject, directory)
        stages(subject, directory, 4)
    return peak.above


# --- the table -----------------------------------------------------------------------------------


def _best(figure: Figure, subjects: list[Subject], directory: Path, rounds: int) -> list[float]:
    best = [float("inf")] * len(subjects)
    for _ in range(rounds):
        for index, subject in enumerate(subjects):
            figure.prepare(subject, directory)
            begin = time.perf_counter()
            figure.call(subject, directory)
            best[index] = min(best[index], time.perf_counter() - begin)
    return best


def _line(name: str, values: list[float], limit: float, better: float) -> bool:
    """Print a line in ms; returns whether the limit holds."""
    line = f"{name:18} {values[0] * 1000:9.0f}"
    good = True
    if len(values) > 1:
        peer = values[1] * better
        ratio = values[0] / peer
        good = ratio <= limit
        line += f" {peer * 1000:9.0f} {ratio:7.2f} {limit:6.2f}"
    print(line + ("" if good else "   above its limit"), flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="figures whose name holds one of these words")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    words = options.only.split()

    def wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="bench-build-") as name,
        contextlib.ExitStack() as stack,
    ):
        directory = Path(name)
        make_context(directory / "context")
        subjects: list[Subject] = [Baleend(directory / "b")]
        if Dockerd.path() is not None and not options.no_peer:
            subjects.append(Dockerd(directory / "d"))
        for subject in subjects:
            stack.callback(subject.close)
            subject.open()
        print(f"{'':18} {'baleend':>9} {'peer':>9} {'ratio':>7} {'limit':>6}   ms")
        for figure in FIGURES:
            if not wanted(figure.name):
                continue
            try:
                values = _best(figure, subjects, directory, options.rounds)
            except (RuntimeError, Failed, OSError):
                traceback.print_exc()
                failed += 1
                continue
            failed += not _line(figure.name, values, figure.limit, figure.better)
        ours = subjects[0]
        if wanted("four stages"):
            one = min(stages(ours, directory, 1) for _ in range(options.rounds))
            four = min(stages(ours, directory, 4) for _ in range(options.rounds))
            print(f"{'four stages':18} {four * 1000:9.0f}, one {one * 1000:.0f}")
            failed += four > 1.5 * one
        if wanted("memory"):
            above = memory(ours, directory)
            good = above < MEMORY_LIMIT_MB
            print(f"{'memory':18} {above:9.1f} MB above idle" + ("" if good else "   too much"))
            failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
