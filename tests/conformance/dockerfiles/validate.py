"""Run the corpus on an incumbent: do the expectations hold there too?

    python .../validate.py classic|buildkit [--docker PATH] [--shapes] [NAME...]

Starts a private dockerd 20.10, as the benches do. `buildkit` needs a docker command that speaks
BuildKit by itself (Debian's docker.io 20.10). Prints a line for each case that is not as expected:
`differs` is known and has its reason in the case, `words` failed as it should with other words,
`WRONG` is the rest. The exit code is that of the last kind. A case that is known to differ and
does not is wrong as well.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]

from bench.subjects import Baleend, Dockerd  # noqa: E402
from building import CliBuilder, files_served, run  # noqa: E402
from corpus import SHAPES, Case, load  # noqa: E402
from debian_base import debian_base, with_packages  # noqa: E402

KNOWS = {"classic": (1, 0), "buildkit": (1, 2)}
"""The newest syntax of dockerd 20.10's builders."""


def verdict(case: Case, peer: str, found: list[str]) -> str:
    if peer in case.differs:
        return "differs" if found else "WRONG   (said to differ, and does not)"
    other_words = (": says: ", ": names another line: ")
    if found and all(any(mark in line for mark in other_words) for line in found):
        return "words"
    return "WRONG" if found else "ok"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=sorted(KNOWS))
    parser.add_argument("--docker", default="docker")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    cases = _shapes() if options.shapes else load()
    cases = [c for c in cases if not options.names or any(n in c.name for n in options.names)]
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        base = _busybox(Path(name))
        dockerd = Dockerd(Path(name) / "d")
        try:
            dockerd.open()
            dockerd.docker("load", "-i", str(base))
            if options.shapes:
                dockerd.docker("import", str(debian_base()[0]), "debian:bookworm-slim")
            builder = CliBuilder(
                dockerd.socket, options.docker, buildkit=options.peer == "buildkit"
            )
            with (
                files_served(cases, dockerd.netns, Path(name) / "files"),
                ThreadPoolExecutor(3) as pool,
            ):

                def judge(case: Case) -> tuple[str, list[str]]:
                    if case.since > KNOWS[options.peer]:
                        return "newer", []
                    try:
                        found = run(_known_to(case, options.peer), builder)
                    except (AssertionError, KeyError, subprocess.TimeoutExpired) as err:
                        found = [f"harness: {err!r}"]
                    return verdict(case, options.peer, found), found

                for case, (word, found) in zip(cases, pool.map(judge, cases), strict=True):
                    counts[word.split()[0]] = counts.get(word.split()[0], 0) + 1
                    if word not in ("ok", "newer"):
                        print(f"{word:8} {case.topic}/{case.name}")
                        print("".join(f"           {line[:600]}\n" for line in found), end="")
        finally:
            dockerd.close()
    print("  ".join(f"{word} {count}" for word, count in sorted(counts.items())))
    return 1 if counts.get("WRONG") else 0


def _shapes() -> list[Case]:
    packages = debian_base()[1]
    return [with_packages(case, packages) for case in load(SHAPES)]


def _known_to(case: Case, peer: str) -> Case:
    """BuildKit's client does not number the steps as the classic stream does."""
    if peer == "classic":
        return case
    builds = tuple(
        replace(build, expect=tuple(f for f in build.expect if f[0] not in ("cached", "ran")))
        for build in case.builds
    )
    return replace(case, builds=builds)


def _busybox(directory: Path) -> Path:
    """Save Baleen's own busybox image, so that the base is the same."""
    baleend = Baleend(directory / "b")
    try:
        baleend.open()
        baleend.docker("save", "-o", str(directory / "busybox.tar"), "busybox")
    finally:
        baleend.close()
    return directory / "busybox.tar"


if __name__ == "__main__":
    sys.exit(main())
