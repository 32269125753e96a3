"""A `Bed` whose daemon has `--userns-remap`, with accounts that this machine does not have.

The daemon lives in a mount namespace with a copy of /etc, where `dockremap` has subordinate ids.
User and group ids differ, so that nothing which mixes them up goes unseen.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from bed import Bed

if TYPE_CHECKING:
    from pathlib import Path

ROOT_UID, ROOT_GID = 200_000, 300_000
"""What a container's root is on the host."""
COUNT = 65_536
ACCOUNT = "dockremap"

_HOLD = """
set -e
cp -a /etc "$1" && mount --bind "$1" /etc
echo ready
read _
"""


class RemappedBed(Bed):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.flags = [f"--userns-remap={ACCOUNT}"]
        self.root = self.data_root / f"{ROOT_UID}.{ROOT_GID}"
        self.place = replace(self.place, data_root=self.root)
        self.etc = directory / "etc"
        self._holder: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private",
             "sh", "-c", _HOLD, "hold", str(self.etc)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"
        self.prefix = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"]
        self.give_ids()
        super().open()

    def give_ids(self) -> None:
        """Have the account in the daemon's /etc, whatever this machine's says."""
        self.forget_account()
        for name, line in (
            ("passwd", f"{ACCOUNT}:x:993:993::/nonexistent:/bin/false"),
            ("group", f"{ACCOUNT}:x:993:"),
            ("subuid", f"{ACCOUNT}:{ROOT_UID}:{COUNT}"),
            ("subgid", f"{ACCOUNT}:{ROOT_GID}:{COUNT}"),
        ):
            with (self.etc / name).open("a") as file:
                file.write(f"{line}\n")

    def forget_account(self) -> None:
        for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"):
            file = self.etc / name
            lines = file.read_text().splitlines() if file.exists() else []
            kept = [line for line in lines if not line.startswith(f"{ACCOUNT}:")]
            file.write_text("".join(f"{line}\n" for line in kept))

    def host_pid(self, container: str) -> int:
        return int(self.state(container)["Pid"])

    def upper(self, container: str) -> Path:
        """Return the container's writable layer."""
        return self.root / "snapshots/active" / self.inspect(container)["Id"] / "upper"

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self._holder is not None:
                self._holder.communicate()


def owner(path: Path | str) -> tuple[int, int]:
    info = os.lstat(path)
    return info.st_uid, info.st_gid
