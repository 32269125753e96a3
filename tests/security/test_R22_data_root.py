"""R22 (moby CVE-2021-41091): a user of the host walks into the data root and runs setuid files.

With `--userns-remap` such a user may be what a container's root is: who has left a container is
no more welcome than anybody else.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from attack_lab import Layer, euid_program, image
from bed import Bed, running
from remapped import COUNT, ROOT_GID, ROOT_UID, RemappedBed

pytestmark = pytest.mark.integration

NOBODY = (65534, 65534)


@pytest.fixture(scope="module", params=[Bed, RemappedBed], ids=["plain", "remapped"])
def engine(request):
    yield from running(request.param)


def strangers(engine) -> list[tuple[int, int]]:
    """Return users that have no business there."""
    return [NOBODY, *([(ROOT_UID, ROOT_GID)] if isinstance(engine, RemappedBed) else [])]


def as_user(ids: tuple[int, int], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", f"--reuid={ids[0]}", f"--regid={ids[1]}", "--clear-groups", *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_other_users_get_nowhere(engine):
    name = image(engine, Layer().file("suid", euid_program(), mode=0o4755))
    engine.docker(
        "run", "-d", "--name", "box", "-v", "vol:/vol", name, "sh", "-c",
        "cp /suid /vol/suid; chmod 4755 /vol/suid; sleep 1000",
    )  # fmt: skip
    found = 0
    for ids in strangers(engine):
        for root in (engine.data_root, engine.place.exec_root):
            for entry in root.iterdir():
                if entry.is_dir():
                    assert "ermission denied" in as_user(ids, "ls", str(entry)).stderr, entry
            for directory, names, files in os.walk(root):
                if directory.count("/") > str(root).count("/") + 7:
                    names.clear()
                for file in files:
                    path = f"{directory}/{file}"
                    if os.lstat(path).st_mode & stat.S_ISUID:
                        found += 1
                        # By a shell: setpriv itself still has root's rights when it executes.
                        assert "Permission denied" in as_user(ids, "sh", "-c", path).stderr
                        assert as_user(ids, "stat", path).returncode != 0
        # The first level is the end already.
        assert "ermission denied" in as_user(ids, "stat", f"{engine.data_root}/x").stderr
        assert "ermission denied" in as_user(ids, "ls", str(engine.place.exec_root)).stderr
    assert found >= 2 * len(strangers(engine)), "the files of image and volume were looked at"


def test_nothing_below_the_roots_is_writable_by_others(engine):
    engine.docker("run", "-d", "--name", "box", "-p", "8080:80", "busybox", "sleep", "1000")
    for root in (engine.data_root, engine.place.data_root, engine.place.exec_root):
        assert os.stat(root).st_mode & 0o022 == 0
        for entry in root.iterdir():
            info = entry.lstat()
            assert (info.st_uid, info.st_gid) == (0, 0), entry
            assert info.st_mode & 0o022 == 0, entry
            if not entry.is_dir():
                assert info.st_mode & 0o077 == 0, entry


def test_a_remapped_root_owns_nothing_above_what_is_the_containers(engine):
    if not isinstance(engine, RemappedBed):
        pytest.skip("only where ids are remapped")
    engine.docker(
        "run", "-d", "--name", "box", "-v", "vol:/vol", "--ipc", "shareable", "busybox", "sh", "-c",
        "touch /mine /vol/mine; sleep 1000",
    )  # fmt: skip
    container = engine.inspect("box")["Id"]
    root, run = engine.place.data_root, engine.place.exec_root
    state = root / "containers" / container
    own = [
        root / "snapshots/active" / container / "upper",
        root / "volumes/vol/_data",
        run / "containers" / container / "shm",
        *(state / name for name in ("hosts", "hostname", "resolv.conf")),
    ]
    foreign, theirs = [], set()
    for top in (engine.data_root, run):
        for directory, names, files in os.walk(top):
            for name in (*names, *files):
                path = Path(directory, name)
                info = path.lstat()
                if "snapshots/layers/" in str(path) or not (info.st_uid or info.st_gid):
                    continue  # layers have the ids of the image, under directories of root's
                assert ROOT_UID <= info.st_uid < ROOT_UID + COUNT, path
                place = next((one for one in own if path == one or one in path.parents), None)
                theirs.add(place)
                if place is None:
                    foreign.append(str(path))
    assert foreign == []
    # Of the shared memory the host sees the mount in the daemon's own namespace only.
    assert theirs - {None} >= {*own} - {run / "containers" / container / "shm"}


def test_a_setuid_file_of_a_remapped_root_is_not_the_hosts_roots(engine):
    if not isinstance(engine, RemappedBed):
        pytest.skip("only where ids are remapped")
    engine.docker(
        "run", "--rm", "-v", "vol:/vol", "busybox", "sh", "-c",
        "cp /bin/busybox /vol/suid; chmod 6755 /vol/suid",
    )  # fmt: skip
    info = os.stat(engine.place.data_root / "volumes/vol/_data/suid")
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (ROOT_UID, ROOT_GID, 0o6755)
