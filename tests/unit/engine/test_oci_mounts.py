"""What is mounted in every container, and on top of it."""

from __future__ import annotations

from baleen.api import HostConfig
from baleen.engine.mounts_parse import MountRequest, ResolvedMount
from baleen.engine.oci_mounts import container_mounts
from baleen.engine.oci_spec import Facts
from baleen.images.users import User


def facts(**changes) -> Facts:
    base = {"path": "sh", "args": [], "hostname": "h", "cgroup_path": "/b/x", "user": User(0, 0)}
    return Facts(**(base | changes))


def mounts(host=None, **changes) -> dict[str, dict]:
    return {
        mount["destination"]: mount
        for mount in container_mounts(HostConfig(**(host or {})), facts(**changes))
    }


def test_the_defaults():
    found = mounts()
    assert list(found) == [
        "/proc",
        "/dev",
        "/sys",
        "/dev/pts",
        "/dev/mqueue",
        "/dev/shm",
        "/sys/fs/cgroup",
    ]
    assert found["/proc"]["options"] == ["nosuid", "noexec", "nodev"]
    assert set(found["/dev"]["options"]) == {"nosuid", "strictatime", "mode=755", "size=65536k"}
    assert {"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"} <= set(
        found["/dev/pts"]["options"]
    )
    assert {"ro", "nosuid", "noexec", "nodev"} == set(found["/sys"]["options"])
    assert "ro" in found["/sys/fs/cgroup"]["options"]
    assert {"mode=1777", f"size={64 << 20}"} <= set(found["/dev/shm"]["options"])


def test_privileged_may_write_sysfs_and_cgroups():
    found = mounts({"privileged": True})
    assert "ro" not in found["/sys"]["options"]
    assert "ro" not in found["/sys/fs/cgroup"]["options"]


def test_shared_memory_by_ipc_mode():
    assert "/dev/shm" not in mounts({"ipc_mode": "none"})
    host = mounts({"ipc_mode": "host"})
    assert (host["/dev/shm"]["source"], host["/dev/mqueue"]["type"]) == ("/dev/shm", "mqueue")
    assert mounts(shm_path="/run/x/shm")["/dev/shm"]["source"] == "/run/x/shm"
    assert "size=1048576" in mounts({"shm_size": 1 << 20})["/dev/shm"]["options"]


def test_the_files_in_etc():
    found = mounts({"readonly_rootfs": True}, hosts_path="/d/hosts", hostname_path="/d/hostname")
    assert found["/etc/hosts"]["source"] == "/d/hosts"
    assert "ro" in found["/etc/hosts"]["options"]
    assert "/etc/resolv.conf" not in found
    assert "ro" not in mounts(hosts_path="/d/hosts")["/etc/hosts"]["options"]


def test_the_clients_mounts_win_and_come_after_their_parents():
    wanted = [
        ResolvedMount(
            MountRequest(type="bind", source="/h", target="/etc/hosts", read_only=True), "/h"
        ),
        ResolvedMount(MountRequest(type="tmpfs", target="/dev/shm", options=("size=1m",)), ""),
        ResolvedMount(MountRequest(type="volume", source="v", target="/a/b/c"), "/vol/v"),
        ResolvedMount(
            MountRequest(
                type="bind", source="/x", target="/a", propagation="rslave", recursive=False
            ),
            "/x",
        ),
    ]
    found = mounts(mounts=wanted, hosts_path="/d/hosts")
    assert found["/etc/hosts"]["options"] == ["rbind", "rprivate", "ro", "rro"]
    assert found["/dev/shm"]["options"] == ["size=1m"]
    assert found["/a"]["options"] == ["bind", "rslave"]
    order = list(found)
    assert order.index("/a") < order.index("/a/b/c")
    assert order.index("/dev") < order.index("/dev/shm")


def test_read_only_recursion_can_be_turned_off():
    request = MountRequest(
        type="bind", source="/x", target="/a", read_only=True, read_only_recursion="none"
    )
    assert mounts(mounts=[ResolvedMount(request, "/x")])["/a"]["options"] == [
        "rbind",
        "rprivate",
        "ro",
    ]
