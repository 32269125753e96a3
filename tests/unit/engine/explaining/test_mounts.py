from __future__ import annotations

from baleen.engine.explaining.mounts import explain_mounts
from baleen.runtime.id_mapping import IdMapping, IdMappings

LIVE = """
1 0 0:60 / / rw - overlay overlay rw
2 1 0:61 / /proc rw,nosuid - proc proc rw
3 2 0:62 /null /proc/keys rw - tmpfs tmpfs rw,size=64k
4 2 0:63 / /proc/acpi ro - tmpfs tmpfs ro
5 2 0:61 /sys /proc/sys ro - proc proc rw
6 1 0:64 / /dev/shm rw - tmpfs shm rw,size=65536k
7 1 0:65 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
8 7 0:66 /baleen/1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
9 1 254:0 /state/hosts /etc/hosts rw - ext4 /dev/vda rw
10 1 254:0 /srv /srv rw - ext4 /dev/vda rw
11 10 0:67 / /srv/below rw - nfs server:/x rw
12 1 254:0 /v/data/_data /data rw shared:5 - ext4 /dev/vda rw
13 1 0:68 / /mine rw - tmpfs x rw
14 1 0:69 / /dev/console rw - devpts devpts rw
15 2 0:70 / /proc rw - proc again rw
"""
POINTS = [
    {"type": "bind", "source": "/srv", "destination": "/srv", "rw": True},
    {"type": "volume", "name": "data", "source": "/v/data/_data", "destination": "/data"},
]


def kinds(found):
    return [(item.target, item.kind) for item in found]


def test_each_mount_of_the_kernel_has_its_reason(make_subject):
    subject = make_subject(points=POINTS, mountinfo=LIVE, config={"tty": True})
    found = explain_mounts(subject, anonymous=())
    assert kinds(found) == [
        ("/", "root"),
        ("/proc", "default"),
        ("/proc/keys", "mask"),
        ("/proc/acpi", "mask"),
        ("/proc/sys", "read-only"),
        ("/dev/shm", "default"),
        ("/sys/fs/cgroup", "default"),
        ("/sys/fs/cgroup/pids", "cgroup"),
        ("/etc/hosts", "engine"),
        ("/srv", "user"),
        ("/srv/below", "user"),
        ("/data", "user"),
        ("/mine", "container"),
        ("/dev/console", "terminal"),
        ("/proc", "container"),
    ]
    by_id = {item.id: item for item in found}
    assert "/dev/null" in by_id[3].why
    assert "tmpfs" in by_id[4].why
    assert by_id[6].options == ["rw", "size=65536k"]
    assert by_id[9].source == "/state/hosts"
    assert by_id[10].source == "/srv"
    assert "volume data" in by_id[12].why
    assert by_id[12].propagation == "shared:5"
    assert by_id[8].source == "cgroup:/baleen/1"
    assert by_id[13].parent == 1


def test_a_terminal_that_was_not_asked_for_is_the_containers_doing(make_subject):
    found = explain_mounts(make_subject(mountinfo=LIVE), anonymous=())
    assert ("/dev/console", "container") in kinds(found)


def test_a_plan_is_in_the_order_of_the_start(make_subject):
    points = [
        *POINTS,
        {"type": "bind", "source": "/nonexistent", "destination": "/n", "rw": False},
        {"type": "volume", "name": "a1", "source": "/v/a1", "destination": "/anonymous"},
        {"type": "tmpfs", "destination": "/scratch"},
    ]
    subject = make_subject(points=points, config={"tty": True}, host={"readonly_rootfs": True})
    found = {item.target: item for item in explain_mounts(subject, anonymous={"a1"})}
    assert next(iter(found)) == "/"
    assert found["/"].options == ["ro"]
    assert "--read-only" in found["/"].why
    assert found["/n"].why.startswith("Asked for: this directory or file of the host, read-only.")
    assert "does not exist yet" in found["/n"].why
    assert "does not exist yet" not in found["/srv"].why
    assert "Anonymous" in found["/anonymous"].why
    assert "memory" in found["/scratch"].why
    assert found["/dev/console"].kind == "terminal"
    assert found["/etc/hosts"].kind == "engine"


def test_shared_memory_of_others_is_said(make_subject):
    found = explain_mounts(make_subject(host={"ipc_mode": "host"}), anonymous=())
    shm = next(item for item in found if item.target == "/dev/shm")
    assert "--ipc" in shm.why
    assert shm.source == "/dev/shm"


def test_device_nodes_of_a_user_namespace_are_the_hosts(make_subject):
    ids = IdMappings((IdMapping(0, 1000, 10),), (IdMapping(0, 1000, 10),))
    line = "1 0 0:6 /null /dev/null rw - devtmpfs devtmpfs rw\n"
    (found,) = explain_mounts(make_subject(mountinfo=line, facts={"id_mappings": ids}), ())
    assert found.kind == "default"
    assert found.why.startswith("The host's own device node")
    (plain,) = explain_mounts(make_subject(mountinfo=line), ())
    assert plain.kind == "container"
