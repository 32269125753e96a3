"""An engine in a process of its own, whose parts a test's script uses directly.

    result = in_engine(tmp_path, SCRIPT)     # SCRIPT: async def main(engine, world) -> JSON

The script runs as the daemon does: with its own network namespace, zygote and roots. What it
returns comes back as JSON; what it raises fails the test with its traceback.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 60
SLEEP = 100_000 + os.getpid()
"""Seconds that steps of tests sleep: tells our processes from others."""


def sleepers() -> list[str]:
    """Return the processes that sleep so long."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read() == f"sleep\0{SLEEP}\0".encode():
                    found.append(pid)
        except OSError:
            continue
    return found


class EngineBed:
    """A place for engines, one after the other.

    Attributes:
        errors: what the last one logged, debug messages included.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.name = f"bl{secrets.token_hex(4)}"
        self.cgroup = f"/{self.name}"
        self.errors = ""
        self._kept: subprocess.Popen[bytes] | None = None
        self._log = place / "script-errors"
        _run("ip", "netns", "add", self.name)
        _run("ip", "-n", self.name, "link", "set", "lo", "up")

    def script(self, text: str, **facts: object) -> subprocess.Popen[bytes]:
        """Start a script in an engine of its own; `facts` are `world.facts`."""
        self.let_go()
        process = self._engine(facts, subprocess.PIPE)
        process.stdin.write(self._order(text, facts))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, text: str, *, fresh: bool = False, **facts: object) -> Any:
        """Run a script to its end; return what it returned.

        It is run by the engine of the script before, unless it wants another kind, or a `fresh`
        one.
        """
        if fresh or facts.keys() & {"remap", "driver", "root"}:
            with self.script(text, **facts) as process:
                out, errors = process.communicate(timeout=TIMEOUT_S)
            self.errors = errors.decode()
        else:
            if self._kept is None:
                with self._log.open("wb") as log:
                    self._kept = self._engine({}, log)
            self._kept.stdin.write(self._order(text, facts))
            self._kept.stdin.flush()
            out = self._kept.stdout.readline()
            self.errors = self._log.read_text()
            if not out:
                self.let_go()
        assert out, self.errors
        answer = json.loads(out.splitlines()[-1])
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def let_go(self) -> None:
        """End the engine that is kept."""
        if self._kept is not None:
            self._kept.communicate(timeout=TIMEOUT_S)
            self._kept = None

    def _engine(self, facts: dict[str, object], errors: Any) -> subprocess.Popen[bytes]:
        request = {
            "place": str(self.place),
            "cgroup": self.cgroup,
            "bridge": f"{self.name}br"[:15],
            "facts": facts,
        }
        return subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{self.name}"),
                *(sys.executable, str(HERE / "build_world.py"), json.dumps(request)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )

    def _order(self, text: str, facts: dict[str, object]) -> bytes:
        path = self.place / f"script-{secrets.token_hex(4)}.py"
        path.write_text(textwrap.dedent(text))
        return json.dumps({"script": str(path), "facts": facts}).encode() + b"\n"

    def left(self) -> list[str]:
        """What runs have left: control groups, mounts, drafts, directories."""
        found = [
            str(path)
            for top in Path("/sys/fs/cgroup").glob("*")
            for path in (top / self.cgroup.strip("/")).glob("*")
            if path.is_dir() and len(path.name) == 64
        ]
        for pattern in ("data/snapshots/drafts/*", "data/vfs/drafts/*", "exec/builds/*"):
            found += [str(path) for path in self.place.glob(f"**/{pattern}")]
        mounts = Path("/proc/self/mountinfo").read_text()
        found += [line for line in mounts.splitlines() if f"{self.place}/" in line]
        return found

    def holding(self, *secrets: bytes) -> list[str]:
        """Files below the place, scripts apart, in which one of the texts is."""
        return [
            str(path)
            for path in self.place.rglob("*")
            if path.is_file() and not path.is_symlink() and not path.name.startswith("script-")
            if any(secret in path.read_bytes() for secret in secrets)
        ]

    def close(self) -> None:
        self.let_go()
        for top in Path("/sys/fs/cgroup").glob("*"):
            group = top / self.cgroup.strip("/")
            for path in sorted(group.rglob("*"), reverse=True):
                if path.is_dir():
                    path.rmdir()
            if group.is_dir():
                group.rmdir()
        _run("ip", "netns", "del", self.name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=20)


@pytest.fixture(scope="module")
def build_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineBed]:
    if os.geteuid() != 0:
        pytest.skip("needs root: processes are real")
    bed = EngineBed(tmp_path_factory.mktemp("engine"))
    yield bed
    bed.close()
