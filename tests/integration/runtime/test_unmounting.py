"""The end of a container is told before its mounts are gone, and they do go."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
from tests.integration.runtime.test_supervisor import (
    host,  # noqa: F401  # a fixture
    kill_all,
    parent_of,
    running,
)
from tests.integration.runtime.test_warm import until

pytestmark = pytest.mark.integration


def family(shim: int) -> list[int]:
    children = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
    return [shim, *map(int, children)]


def holders(shim: int, namespace: str) -> set[str]:
    """The names of the shim's processes that have a mount namespace open."""
    found = set()
    for pid in family(shim):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if os.readlink(link) == namespace:
                        found.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


def test_the_shim_holds_it_while_the_container_lives_and_nobody_afterwards(host):  # noqa: F811
    links = running(host, 2)
    shim = parent_of(links[0].pid)
    spaces = [os.readlink(f"/proc/{link.pid}/ns/mnt") for link in links]
    for space in spaces:
        assert holders(shim, space) == {"baleen-shim"}
    os.kill(links[0].pid, signal.SIGKILL)
    links[0].until_closed()
    until(lambda: not holders(shim, spaces[0]))
    assert holders(shim, spaces[1]) == {"baleen-shim"}
    kill_all(links[1:])


def test_one_process_does_it_for_all_and_ends_with_the_shim(host):  # noqa: F811
    links = running(host, 3)
    shim = parent_of(links[0].pid)
    for link in links[:2]:
        os.kill(link.pid, signal.SIGKILL)
        link.until_closed()

    def undertakers():
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in family(shim)}
        return [pid for pid, name in names.items() if name == "baleen-unmount"]

    (one,) = until(undertakers)
    os.kill(one, signal.SIGKILL)  # the next end does without
    kill_all(links[2:])
    assert not Path(f"/proc/{one}/fd").exists() or not list(Path(f"/proc/{one}/fd").iterdir())
