"""Other file systems and the storage driver vfs, under the real command."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess

import pytest
from bed import Bed

from baleen.linux.mount import MNT_DETACH, umount2

pytestmark = pytest.mark.integration


@pytest.fixture(params=["btrfs", "xfs"])
def disk(request, tmp_path):
    """A small file system of that kind, mounted."""
    program = shutil.which(f"mkfs.{request.param}")
    if program is None:
        pytest.skip(f"needs mkfs.{request.param}")
    image, place = tmp_path / "disk", tmp_path / "mnt"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    place.mkdir()
    subprocess.run([program, "-q", str(image)], check=True, timeout=60, capture_output=True)
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], capture_output=True, timeout=60
    )
    if done.returncode:
        pytest.skip(f"the kernel has no {request.param}: {done.stderr!r}")
    yield place
    umount2(str(place), MNT_DETACH)


@pytest.fixture
def daemon(tmp_path_factory):
    """Give a function that starts a daemon with a data root and flags of its own."""
    beds = []

    def make(data_root, *flags):
        bed = Bed(tmp_path_factory.mktemp("d"))
        if data_root is not None:
            bed.data_root = data_root / "data"
            bed.place = dataclasses.replace(bed.place, data_root=bed.data_root)
        bed.flags = list(flags)
        beds.append(bed)
        bed.open()
        return bed

    yield make
    for bed in beds:
        bed.close()


def use(bed, tmp_path):
    """What every store has to do: run, write, diff, commit, export, save, load, remove."""
    bed.docker(
        "run", "--name", "c1", "busybox", "sh", "-c",
        "echo x >/f; chown 5:6 /f; ln /f /h; rm /etc/group; echo y >>/etc/passwd",
    )  # fmt: skip
    assert bed.out("diff", "c1").splitlines() == [
        "C /etc", "D /etc/group", "C /etc/passwd", "A /f", "A /h",
    ]  # fmt: skip
    bed.docker("commit", "c1", "made:1")
    path = str(tmp_path / "saved.tar")
    bed.docker("save", "-o", path, "made:1")
    bed.docker("rmi", "made:1")
    bed.docker("load", "-i", path)
    shown = bed.out(
        "run", "--rm", "made:1", "sh", "-c", "stat -c '%u %g %h' /f; tail -n1 /etc/passwd; ls /etc"
    ).split("\n")
    assert shown[:2] == ["5 6 2", "y"]
    assert "group" not in shown
    bed.docker("cp", "c1:/f", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == "x\n"
    bed.docker("rm", "c1")
    bed.docker("rmi", "made:1")


def test_overlay_on_other_file_systems(disk, daemon, tmp_path):
    bed = daemon(disk)
    assert bed.out("info", "-f", "{{.Driver}}") == "overlayfs"
    use(bed, tmp_path)


def test_vfs_when_it_is_asked_for(daemon, tmp_path):
    bed = daemon(None, "--storage-driver=vfs")
    assert bed.out("info", "-f", "{{.Driver}}") == "vfs"
    use(bed, tmp_path)
    bed.docker("run", "-d", "--name", "c2", "busybox", "sleep", "1000")
    assert bed.out("inspect", "-f", "{{.Driver}}", "c2") == "vfs"
    bed.docker("exec", "c2", "touch", "/x")
    bed.restart()
    assert bed.out("exec", "c2", "ls", "/x") == "/x"
    bed.docker("rm", "-f", "c2")


@pytest.fixture
def stack(tmp_path):
    """A place in an overlay, where the upper directory of another one can not be."""
    place = tmp_path / "stack"
    for name in ("lower", "upper", "work", "merged"):
        (place / name).mkdir(parents=True)
    options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(place / "merged")],
        check=True, timeout=60,
    )  # fmt: skip
    yield place / "merged"
    umount2(str(place / "merged"), MNT_DETACH)


def test_vfs_where_overlay_can_not_be(stack, daemon, tmp_path):
    bed = daemon(stack)
    if bed.out("info", "-f", "{{.Driver}}") == "overlayfs":
        pytest.skip("this kernel has overlays in overlays")
    use(bed, tmp_path)
