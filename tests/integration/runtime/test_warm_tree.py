"""/proc, /sys and /dev made ahead: the container cannot tell, and others do not get them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from tests.integration.runtime.test_supervisor import host, kill_all, parent_of  # noqa: F401
from tests.integration.runtime.test_warm import ready_one, until

from baleen.linux.calls import NUMBERS
from baleen.linux.cgroup import detect
from baleen.runtime.default_spec import default_spec

pytestmark = pytest.mark.integration

TOPS = ("/proc", "/sys", "/dev")


def prepared(host, args, change=lambda document, rootfs: None):  # noqa: F811
    """A container with all that a plain one has."""
    container = host.container(args)
    path = container.bundle / "config.json"
    document = json.loads(path.read_text())
    plain = default_spec(args=tuple(args))
    document["mounts"] = plain["mounts"]
    document["linux"] = {**plain["linux"], "cgroupsPath": document["linux"]["cgroupsPath"]}
    change(document, container.rootfs)
    path.write_text(json.dumps(document))
    return container


def start(container):
    link = container.spawn()
    link.pid = link.call("start")["pid"]
    return link


def mounts_of(pid: int) -> list[dict[str, str]]:
    found = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        number, parent, _device, root, point, options = head.split()[:6]
        kind, source, more = tail.split(" ", 2)
        entry = {"id": number, "parent": parent, "root": root, "at": point}
        found.append(entry | {"options": options, "type": kind, "source": source, "more": more})
    return found


def shape(pid: int) -> list[tuple[str, ...]]:
    """All that is the same in two such containers, each mount with what it lies on."""
    mounts = mounts_of(pid)
    places = {mount["id"]: mount["at"] for mount in mounts}
    (group,) = {line.split(":", 2)[2] for line in cgroup_lines(pid)}
    return sorted(
        (
            mount["at"],
            places.get(mount["parent"], ""),
            mount["root"].replace(group, "GROUP") if mount["at"] != "/" else "",
            mount["options"],
            mount["type"],
            mount["more"] if mount["at"] != "/" else "",
        )
        for mount in mounts
    )


def cgroup_lines(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return [line for line in lines if detect().version == 2 or not line.startswith("0::")]


def trees_of(pid: int) -> dict[str, str]:
    """The numbers of the mounts that PID 1 made ahead holds detached, once it has them all.

    They are used again when they are free: so only those of one that has finished count.
    """

    def look():
        if Path(f"/proc/{pid}/syscall").read_text().split()[0] != str(NUMBERS["recvmsg"]):
            return []  # it does not wait yet for what it is to become
        found = []
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(link) == "/":
                    text = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
                    found.append(dict(row.split(":\t") for row in text.splitlines())["mnt_id"])
        return found if len(found) == len(TOPS) + 1 else []  # and the procfs for sysctls

    return until(look)


def used(pid: int, ahead: list[str]) -> set[str]:
    return {mount["at"] for mount in mounts_of(pid) if mount["id"] in ahead}


def files_of(pid: int, top: str) -> list[tuple[object, ...]]:
    root = Path(f"/proc/{pid}/root{top}")
    return sorted(
        (entry.name, (found := entry.lstat()).st_mode, found.st_rdev, found.st_uid, found.st_gid)
        for entry in root.iterdir()
    )


def test_the_container_is_the_same_as_without(host):  # noqa: F811
    first = start(prepared(host, ["/bin/sleep", "1000"]))
    ahead = ready_one(parent_of(first.pid))
    trees = trees_of(ahead)
    second = start(prepared(host, ["/bin/sleep", "1000"]))
    assert second.pid == ahead
    assert used(second.pid, trees) == {*TOPS}
    assert shape(second.pid) == shape(first.pid)
    places = {place for place, *_ in shape(first.pid)}
    assert {*TOPS, "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup"} <= places
    assert files_of(second.pid, "/dev") == files_of(first.pid, "/dev")
    kill_all([first, second])


def test_two_that_follow_each_other_share_nothing(host):  # noqa: F811
    first = start(prepared(host, ["/bin/sleep", "1000"]))
    trees_of(ready_one(parent_of(first.pid)))
    second = start(prepared(host, ["/bin/sh", "-c", "echo 1 > /dev/shm/x; sleep 1000"]))
    until(lambda: Path(f"/proc/{second.pid}/root/dev/shm/x").exists())
    ahead = ready_one(parent_of(first.pid))
    trees_of(ahead)
    third = start(prepared(host, ["/bin/sleep", "1000"]))
    assert third.pid == ahead
    for other in (first, third):
        assert not Path(f"/proc/{other.pid}/root/dev/shm/x").exists()
    devices = {os.stat(f"/proc/{one.pid}/root/dev").st_dev for one in (first, second, third)}
    assert len(devices) == 3
    kill_all([first, second, third])


def test_a_volume_and_a_terminal_are_added_to_it(host, tmp_path):  # noqa: F811
    (tmp_path / "file").write_text("seen")

    def change(document, _rootfs):
        bind = {"destination": "/data/x", "type": "bind", "source": str(tmp_path)}
        document["mounts"].insert(1, {**bind, "options": ["rbind", "ro"]})

    first = start(prepared(host, ["/bin/sleep", "1000"]))
    ahead = ready_one(parent_of(first.pid))
    trees = trees_of(ahead)
    second = start(prepared(host, ["/bin/sleep", "1000"], change))
    assert used(second.pid, trees) == {*TOPS}
    assert Path(f"/proc/{second.pid}/root/data/x/file").read_text() == "seen"
    kill_all([first, second])


def link_into_sys(_document, rootfs):
    (rootfs / "data").symlink_to("sys/kernel")


def another_size(document, _rootfs):
    (dev,) = [mount for mount in document["mounts"] if mount["destination"] == "/dev"]
    dev["options"][-1] = "size=1024k"


def another_device(document, _rootfs):
    document["linux"]["devices"] = [
        {"path": "/dev/other", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600}
    ]


def less_masked(document, _rootfs):
    document["linux"]["maskedPaths"].remove("/proc/kcore")


@pytest.mark.parametrize("change", [link_into_sys, another_size, another_device, less_masked])
def test_one_that_is_another_has_its_own(host, tmp_path, change):  # noqa: F811
    def changed(document, rootfs):
        change(document, rootfs)
        bind = {"destination": "/data", "type": "bind", "source": str(tmp_path)}
        document["mounts"].append({**bind, "options": ["rbind"]})

    cold = start(prepared(host, ["/bin/sleep", "1000"], changed))
    shim = parent_of(cold.pid)
    plain = start(prepared(host, ["/bin/sleep", "1000"]))
    ahead = ready_one(shim)
    trees_of(ahead)
    warm = start(prepared(host, ["/bin/sleep", "1000"], changed))
    assert warm.pid == ahead
    assert shape(warm.pid) == shape(cold.pid)
    kill_all([cold, plain, warm])


def test_an_image_whose_proc_is_a_link_is_refused_all_the_same(host):  # noqa: F811
    def change(_document, rootfs):
        (rootfs / "proc").rmdir()
        (rootfs / "proc").symlink_to("tmp")

    first = start(prepared(host, ["/bin/sleep", "1000"]))
    trees_of(ready_one(parent_of(first.pid)))
    answer = prepared(host, ["/bin/true"], change).spawn().fail("start")
    assert 'filesystem at "/proc" must be mounted on an ordinary directory' in answer["message"]
    kill_all([first])
