"""R10 (runc CVE-2024-45310): a racing rename makes the runtime create files on the host.

B has a mount below a directory that it shares with a racer; the racer swaps a directory of that
path for a link to the host's canary. The place for the mount has to be made, so a runtime that
checks a path and then uses it again makes a file or directory where the link leads.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from attack_lab import canary
from racing import flipping, repeat, started

from baleen.linux import inotify

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

STARTS = 500


@pytest.fixture
def places(tmp_path):
    """(shared directory, canary): both under a path that is short and the host's own."""
    shared = tmp_path / "shared"
    (shared / "real" / "deep").mkdir(parents=True)
    return shared, tmp_path / "canary"


def links_to(shared, host):
    """Make links that lead out if a path is walked from the host's root, each way of climbing."""
    (shared / "out").symlink_to(host)
    (shared / "climb").symlink_to("/" + "../" * 12 + str(host)[1:])
    (shared / "up").symlink_to("../" * 20 + str(host)[1:])


def test_no_new_inode_in_the_canary(engine, places):
    shared, host = places
    with canary(host), inotify.init() as watch:
        (host / "deep").mkdir()
        links_to(shared, host)
        before = sorted(os.listdir(host)), sorted(os.listdir(host / "deep"))
        for directory in (host, host / "deep"):
            events = inotify.IN_CREATE | inotify.IN_MOVED_TO | inotify.IN_ATTRIB
            inotify.add_watch(watch.fileno(), str(directory), events)
        source = host.parent / "source"
        source.mkdir()
        (source / "file").write_text("x")

        def start(number: int) -> str:
            name = ("real", "other", "third")[number % 3]
            return started(
                engine, {},
                Binds=[
                    f"{shared}:/s", f"{source}:/s/{name}/new{number}/place",
                    f"{source}/file:/s/{name}/deep/file{number}",
                ],
            )  # fmt: skip

        (shared / "other" / "deep").mkdir(parents=True)
        (shared / "third" / "deep").mkdir(parents=True)
        pairs = [("real", "out"), ("other", "climb"), ("third", "up")]
        with flipping(engine, shared, pairs):
            results = repeat(STARTS, start)
        # Both ways happened: the mount was made in a directory, or the start was refused.
        assert results.count("") > STARTS // 20
        assert (sorted(os.listdir(host)), sorted(os.listdir(host / "deep"))) == before
        os.set_blocking(watch.fileno(), False)
        with pytest.raises(BlockingIOError):
            os.read(watch.fileno(), 4096)
        (host / "deep").rmdir()
    shutil.rmtree(shared)


def test_nor_by_a_working_directory_or_a_device(engine, places):
    """The other things that are made below a path of the container's."""
    shared, host = places
    with canary(host):
        (shared / "out").symlink_to(host)

        def start(number: int) -> str:
            return started(
                engine, {"WorkingDir": f"/s/real/cwd{number}"},
                Binds=[f"{shared}:/s"], Tmpfs={f"/s/real/tmp{number}": ""},
                Devices=[{"PathOnHost": "/dev/null", "PathInContainer": f"/s/real/dev{number}",
                          "CgroupPermissions": "rwm"}],
            )  # fmt: skip

        with flipping(engine, shared, [("real", "out")]):
            assert "" in repeat(60, start)
    shutil.rmtree(shared)


def test_nor_by_cp(engine, places):
    """`cp` writes by a path too, into a container that runs beside the racer."""
    shared, host = places
    engine.docker("run", "-d", "--name", "box", "-v", f"{shared}:/s", "busybox", "sleep", "1000")
    with canary(host):
        (shared / "out").symlink_to(host)
        file = Path(host.parent / "payload")
        file.write_text("x")
        with flipping(engine, shared, [("real", "out")]):
            done = repeat(
                20, lambda n: engine.docker("cp", str(file), f"box:/s/real/in{n}", check=False)
            )
        assert any(result.returncode == 0 for result in done)
    shutil.rmtree(shared)
