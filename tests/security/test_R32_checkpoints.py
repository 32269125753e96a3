"""R32 (CVE-2026-53489, -53492, -50195): a crafted checkpoint brings more than process state.

Devices, a log that is a link to /etc/shadow, annotations, the name of another image: as archives
of other engines have them (config.dump, spec.dump, container.log, rootfs-diff.tar). Nothing of that
is ever read here; what is no plain file is refused with its name.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bed import wait_until
from criu_here import criu  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration

COUNT = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done"
SECRET = "root:$y$secret-of-the-host"


@pytest.fixture(scope="module", autouse=True)
def experimental(engine):
    engine.flags.append("--experimental")
    engine.restart()


@pytest.fixture
def secret(tmp_path) -> Path:
    (tmp_path / "shadow").write_text(SECRET + "\n")
    return tmp_path / "shadow"


def checkpoints(engine) -> Path:
    return engine.place.data_root / "containers" / engine.inspect("box")["Id"] / "checkpoints"


def foreign_files(place: Path) -> None:
    """What archives of other engines hold beside the images, with an attacker's wishes."""
    document = {
        "annotations": {"cdi.k8s.io/x": "evil.example/device=all"},
        "rootfsImageName": "evil.example/image:latest",
        "rootfsImageRef": "sha256:" + "0" * 64,
        "process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}},
        "linux": {"devices": [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]},
        "mounts": [{"destination": "/host", "source": "/", "options": ["rbind"]}],
    }
    for name in ("config.dump", "spec.dump", "config.json", "status", "network.status"):
        (place / name).write_text(json.dumps(document))
    (place / "container.log").write_text(SECRET)
    (place / "rootfs-diff.tar").write_bytes(b"\0" * 1024)
    for path in place.iterdir():
        path.chmod(0o600)


def crafted(engine) -> Path:
    engine.docker("create", "--name", "box", "busybox", "sh", "-c", COUNT)
    place = checkpoints(engine) / "cp"
    place.mkdir(parents=True, mode=0o700)
    foreign_files(place)
    (place / "inventory.img").touch(0o600)
    (place / "descriptors.json").write_text('["", "", ""]')
    (place / "descriptors.json").chmod(0o600)
    return place


def refused(engine) -> str:
    images = engine.inventory()["images"]
    message = engine.fails("start", "--checkpoint", "cp", "box")
    assert engine.state("box")["Status"] in ("created", "exited")
    assert engine.inventory()["images"] == images
    assert engine.docker("logs", "box").stdout == ""
    return message


@pytest.mark.parametrize("name", ["container.log", "pages-1.img", "descriptors.json", "parent"])
def test_links_are_refused_by_name(engine, secret, name):
    place = crafted(engine)
    (place / name).unlink(missing_ok=True)
    (place / name).symlink_to(secret)
    assert f"'{name}' is a symbolic link" in refused(engine)
    assert secret.read_text() == SECRET + "\n"


def test_devices_pipes_and_second_names_are_refused(engine, secret):
    place = crafted(engine)
    odd = place / "odd.img"
    os.mknod(odd, 0o060600, os.makedev(8, 0))
    assert "'odd.img' is a special file" in refused(engine)
    odd.unlink()
    os.mkfifo(odd)
    assert "'odd.img' is a special file" in refused(engine)
    odd.unlink()
    (place / "dir").mkdir()
    assert "'dir' is a directory" in refused(engine)
    (place / "dir").rmdir()
    os.link(place / "config.dump", engine.directory / "second")
    assert "'config.dump' is a file with several names" in refused(engine)
    (engine.directory / "second").unlink()


def test_what_another_user_can_write_is_refused(engine):
    place = crafted(engine)
    place.chmod(0o777)
    assert "could change it" in refused(engine)
    place.chmod(0o700)
    os.chown(place / "inventory.img", 1000, 1000)
    assert "could change it" in refused(engine)


def test_names_lead_nowhere_else(engine, secret):
    place = crafted(engine)
    (place.parent / "link").symlink_to(place)
    assert "no directory" in engine.fails("start", "--checkpoint", "link", "box")
    for name in ("../cp", "cp/../cp", "/cp", ".."):
        answer = engine.api("POST", f"/containers/box/start?checkpoint={name}")
        assert (answer.status, b"Invalid checkpoint ID" in answer.body) == (400, True)
    answer = engine.api("DELETE", "/containers/box/checkpoints/..")
    assert answer.status == 400
    assert "no directory" in engine.fails("checkpoint", "rm", "box", "link")
    assert place.is_dir()
    assert engine.out("checkpoint", "ls", "box").split()[-1] == "cp", "a link is none"


def test_an_image_that_is_none_fails_and_leaves_nothing(engine):
    crafted(engine)
    message = refused(engine)
    assert "criu failed to restore" in message
    assert SECRET not in message


@pytest.mark.usefixtures("criu")
def test_foreign_files_beside_a_true_image_change_nothing(engine):
    engine.docker("run", "-d", "--name", "box", "--label", "a=b", "busybox", "sh", "-c", COUNT)
    engine.wait_for_log("box", "line 2")
    engine.docker("checkpoint", "create", "box", "cp")
    before, images = engine.inspect("box"), engine.inventory()["images"]
    foreign_files(checkpoints(engine) / "cp")
    engine.docker("start", "--checkpoint", "cp", "box")
    last = int(engine.out("logs", "--tail", "1", "box").split()[-1])
    engine.wait_for_log("box", f"line {last + 2}")
    after = engine.inspect("box")
    for part in ("Config", "HostConfig", "Image", "Mounts", "LogPath"):
        assert after[part] == before[part], part
    assert engine.inventory()["images"] == images
    assert SECRET not in engine.out("logs", "box")
    assert engine.docker("exec", "box", "ls", "/host", check=False).returncode != 0
    assert "sda" not in engine.out("exec", "box", "ls", "/dev")
    status = Path(f"/proc/{engine.state('box')['Pid']}/status").read_text()
    assert "CapBnd:\t00000000a80425fb" in status
    assert "Seccomp:\t2" in status


@pytest.mark.usefixtures("criu")
@pytest.mark.parametrize(
    "wish", ["--privileged", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"]
)
def test_more_rights_than_the_containers_own_are_refused(engine, wish, tmp_path):
    place = ("--checkpoint-dir", str(tmp_path / "place"))
    engine.docker("run", "-d", "--name", "rich", wish, "busybox", "sh", "-c", COUNT)
    engine.wait_for_log("rich", "line 2")
    engine.docker("checkpoint", "create", *place, "rich", "cp")
    engine.docker("create", "--name", "box", "busybox", "sh", "-c", COUNT)
    message = engine.fails("start", "--checkpoint", "cp", *place, "box")
    assert "the checkpoint" in message
    assert engine.docker("logs", "box").stdout == "", "it has not run for a moment"


@pytest.mark.usefixtures("criu")
def test_a_device_node_in_it_cannot_be_opened(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sh", "-c", COUNT)
    engine.docker("exec", "box", "mknod", "/dev/disk", "b", "8", "0")
    engine.docker("checkpoint", "create", "box", "cp")
    engine.docker("start", "--checkpoint", "cp", "box")
    wait_until("it runs", lambda: engine.state("box")["Status"] == "running")
    failed = engine.docker("exec", "box", "dd", "if=/dev/disk", "count=1", check=False)
    assert "Operation not permitted" in failed.stderr
