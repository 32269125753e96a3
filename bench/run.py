"""Every figure of the project's promise, on baleend and on dockerd where it is installed.

Both daemons run at the same time, private and idle; each figure is taken from one and then the
other, in turn, by the same code. The ratio is against the better of dockerd 20.10 and 26.1: the
installed one is measured, and where 26.1 is known to be better its advantage is given to the peer
(`better`, from measurements of both on one machine). A measurement begins when the processors have
come to rest: the kernel goes on cleaning up after the containers of the one before.

    python -m bench [--quick] [--only WORDS] [--no-peer]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measures
from bench.subjects import Baleend, Dockerd, Subject

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        limit: ratio to reach; a ceiling where less is better, a floor where more is.
        less: whether a smaller number is better.
        better: dockerd 26.1's number as a fraction of 20.10's, where it is the better one.
    """

    name: str
    unit: str
    limit: float | None
    less: bool
    better: float = 1.0


@dataclass(frozen=True)
class Task:
    """A measurement that gives one or two figures."""

    figures: tuple[Figure, ...]
    call: Callable[[Subject, bool], tuple[float, ...]]
    rounds: int = 1


def _ms(name: str, limit: float | None, better: float = 1.0) -> Figure:
    return Figure(name, "ms", limit, less=True, better=better)


def _rate(name: str, unit: str, limit: float | None, better: float = 1.0) -> Figure:
    return Figure(name, unit, limit, less=False, better=better)


def _memory(name: str, limit: float | None, better: float = 1.0) -> Figure:
    return Figure(name, "MB PSS", limit, less=True, better=better)


TASKS = (
    Task(
        (_ms("API cycle, bridge", 0.08, 239 / 272),),
        lambda subject, quick: (measures.cycle(subject, 5 if quick else 30),),
        rounds=2,
    ),
    Task(
        (_ms("API cycle, network none", None, 155 / 186),),
        lambda subject, quick: (measures.cycle(subject, 5 if quick else 20, "none"),),
    ),
    Task(
        (_ms("API cycle, network host", None),),
        lambda subject, quick: (measures.cycle(subject, 5 if quick else 20, "host"),),
    ),
    Task(
        (_ms("docker run --rm busybox true", 0.2, 242 / 284),),
        lambda subject, quick: (measures.run_cli(subject, 4 if quick else 8),),
        rounds=2,
    ),
    Task(
        (_ms("exec by API", 0.12),),
        lambda subject, quick: (measures.exec_api(subject, 10 if quick else 20),),
        rounds=2,
    ),
    Task(
        (_ms("exec by CLI", None),),
        lambda subject, quick: (measures.exec_cli(subject, 5 if quick else 10),),
    ),
    Task(
        (_ms("stop", 0.15, 84 / 89),),
        lambda subject, quick: (measures.stop(subject, 5 if quick else 10),),
    ),
    Task(
        (_ms("kill", 0.15, 75 / 80),),
        lambda subject, quick: (measures.kill(subject, 5 if quick else 10),),
    ),
    Task(
        (_rate("parallel starts", "1/s", 8, 12 / 9.5),),
        lambda subject, quick: (measures.parallel_starts(subject, 24 if quick else 48),),
    ),
    Task(
        (
            _memory("memory per container", 0.4),
            Figure("processes per container", "", None, less=True),
        ),
        lambda subject, quick: measures.memory_per_container(
            subject, 5 if quick else 10, ports=False
        ),
    ),
    Task(
        (
            _memory("memory per container with a port", 0.4),
            Figure("processes per container with a port", "", None, less=True),
        ),
        lambda subject, quick: measures.memory_per_container(
            subject, 5 if quick else 10, ports=True
        ),
    ),
    Task(
        (_rate("list of 100 containers", "1/s", 20), _rate("inspect", "1/s", 1)),
        lambda subject, quick: measures.listing_and_inspect(subject, 100, 0.5 if quick else 1.5),
    ),
    Task(
        (_rate("_ping", "1/s", 0.5, 13_200 / 9_900),),
        lambda subject, quick: (measures.ping(subject, 0.5 if quick else 1.0),),
        rounds=2,
    ),
    Task(
        (
            _rate("log lines of 100 bytes", "1/s", 2, 402 / 386),
            _rate("log read back", "MB/s", 5),
        ),
        lambda subject, quick: measures.log_write_and_read(subject, 200_000 if quick else 500_000),
    ),
    Task(
        (_rate("attached stdout", "MB/s", 2, 527 / 393),),
        lambda subject, quick: (measures.attached_stdout(subject, 256 if quick else 1024),),
    ),
    Task(
        (_rate("attached stdin", "MB/s", None, 522 / 463),),
        lambda subject, quick: (measures.attached_stdin(subject, 256 if quick else 1024),),
    ),
    Task(
        (
            _rate("published port, loopback", "Gbit/s", 2, 17 / 14),
            _rate("published port, connections", "1/s", 2),
        ),
        lambda subject, quick: measures.published_port(
            subject, 512 if quick else 2048, 500 if quick else 1500
        ),
    ),
    Task(
        (
            _rate("cp into a container", "MB/s", None, 1082 / 592),
            _rate("cp out of a container", "MB/s", None, 528 / 393),
        ),
        lambda subject, quick: measures.copy_in_and_out(subject, 64 if quick else 192),
    ),
)
FRESH = _memory("memory, fresh daemon", 0.75)
AFTER = _memory("memory, after this work", 0.5)
READY = Figure("ready after start", "s", 0.6, less=True)

Results = dict[Figure, dict[str, float]]


def settle(limit_s: float = 15.0) -> None:
    """Wait until the processors are at rest for a quarter of a second, a bounded time."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        before = _processor_ticks()
        time.sleep(0.25)  # noqa: TID251  # there is nothing to wait for but time
        idle, total = (now - then for now, then in zip(_processor_ticks(), before, strict=True))
        if total and idle >= 0.9 * total:
            return


def _processor_ticks() -> tuple[int, int]:
    """(idle, all) of all processors since the start of the machine; see proc_stat(5)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def measure(subjects: list[Subject], tasks: tuple[Task, ...], *, quick: bool) -> Results:
    """Take every figure from every daemon, in turn."""
    results: Results = {}
    for subject in subjects:
        results.setdefault(FRESH, {})[subject.name] = subject.pss_mb()
    for task in tasks:
        taken: dict[str, list[tuple[float, ...]]] = {subject.name: [] for subject in subjects}
        for _ in range(1 if quick else task.rounds):
            for subject in subjects:
                settle()
                try:
                    taken[subject.name].append(task.call(subject, quick))
                except Exception:
                    print(f"{task.figures[0].name} failed on {subject.name}:", file=sys.stderr)
                    traceback.print_exc()
                    subject.remove_containers()
        for position, figure in enumerate(task.figures):
            results[figure] = {
                name: statistics.median(values[position] for values in rounds)
                for name, rounds in taken.items()
                if rounds
            }
            print(line(figure, results[figure]), flush=True)
    for subject in subjects:
        results.setdefault(AFTER, {})[subject.name] = subject.pss_mb()
    return results


def measure_ready(subjects: list[Subject], count: int) -> dict[str, float]:
    """Stop and start each daemon, in turn; seconds until it answers."""
    taken: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for _ in range(count):
        for subject in subjects:
            subject.stop()
            taken[subject.name].append(subject.start())
    return {name: statistics.median(values) for name, values in taken.items()}


def verdict(figure: Figure, values: dict[str, float]) -> tuple[float | None, str]:
    """Return the ratio to the better peer, and what it means."""
    ours, peer = values.get("baleend"), values.get("dockerd")
    if ours is None:
        return None, "FAILED"
    if not peer:
        return None, ""
    ratio = ours / (peer * figure.better)
    if figure.limit is None:
        return ratio, ""
    reached = ratio <= figure.limit if figure.less else ratio >= figure.limit
    return ratio, "reached" if reached else "SHORT"


def line(figure: Figure, values: dict[str, float]) -> str:
    ratio, word = verdict(figure, values)
    ours, peer = (_number(values.get(name)) for name in ("baleend", "dockerd"))
    sign = "<=" if figure.less else ">="
    target = "" if figure.limit is None else f"{sign} {figure.limit:g}x"
    shown = "" if ratio is None else f"{ratio:.3g}x"
    return f"{figure.name:36}{ours:>11}{peer:>11} {figure.unit:8}{shown:>9}  {target:9}{word}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> int:
    """Run the benches; the exit code is 0 even where figures fall short, for they say so."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller loads, one round")
    parser.add_argument("--only", default="", help="figures whose name has one of these words")
    parser.add_argument("--no-peer", action="store_true", help="measure baleend alone")
    options = parser.parse_args(arguments)
    words = [word for word in options.only.split(",") if word]
    tasks = tuple(
        task
        for task in TASKS
        if not words or any(word in figure.name for word in words for figure in task.figures)
    )
    directory = Path(tempfile.mkdtemp(prefix="baleen-bench-"))
    subjects: list[Subject] = [Baleend(directory / "b")]
    if Dockerd.path() and not options.no_peer:
        subjects.append(Dockerd(directory / "d"))
    else:
        print("dockerd is not installed or not wanted: no ratios\n")
    try:
        for subject in subjects:
            subject.open()
        print(f"{'':36}{'baleend':>11}{'dockerd':>11} {'':8}{'ratio':>9}  target")
        results = measure(subjects, tasks, quick=options.quick)
        results[READY] = measure_ready(subjects, 1 if options.quick else 3)
        for figure in (FRESH, AFTER, READY):
            print(line(figure, results[figure]))
        short = [
            figure.name for figure in results if verdict(figure, results[figure])[1] == "SHORT"
        ]
        print(f"\n{len(short)} short" + (f": {', '.join(short)}" if short else ""))
    finally:
        for subject in subjects:
            subject.close()
        directory.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
