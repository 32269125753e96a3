"""Mounts with options that few ask for: mapped owners, copied contents, changes of a mount."""

from __future__ import annotations

import copy
import os
import shutil
import socket

import pytest

import baleen
from baleen.linux import inotify
from baleen.linux import mount as m
from baleen.runtime.launch import LaunchError, Rootfs
from baleen.runtime.mount_options import known_options


def _with(runner, mounts, script):
    document = runner.document("sh", "-c", script)
    document["mounts"] += mounts
    return document


def _bind(source, destination, *options, **fields):
    options = ["bind", *options]
    return {"destination": destination, "source": str(source), "options": options, **fields}


def _mappings(*ranges):
    mapped = [{"containerID": c, "hostID": h, "size": s} for c, h, s in ranges]
    return {"uidMappings": mapped, "gidMappings": mapped}


def _refused(runner, document):
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio).start()
    return str(caught.value)


@pytest.fixture
def data(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir()
    for name, owner in (("a", 0), ("b", 7)):
        (directory / name).write_text(name)
        os.chown(directory / name, owner, owner)
    return directory


def test_owners_of_an_idmapped_bind_are_mapped_both_ways(runner, data):
    # Id 0 of the disk is shown as 1000, and 7 of the disk as 8.
    mount = _bind(data, "/data", "idmap", **_mappings((0, 1000, 1), (7, 8, 1)))
    document = _with(runner, [mount], "stat -c %u:%g /data/a /data/b; touch /data/new")
    document["process"]["user"] = {"uid": 1000, "gid": 8}
    result = runner.run_document(document)
    assert (result.code, result.out.split()) == (0, ["1000:1000", "8:8"])
    found = (data / "new").stat()
    assert (found.st_uid, found.st_gid) == (0, 7)


def test_mappings_hold_without_the_option_too(runner, data):
    mount = _bind(data, "/data", **_mappings((0, 55, 1)))
    assert runner.run_document(_with(runner, [mount], "stat -c %u /data/a")).out == "55\n"


@pytest.fixture
def other_mount(data, tmp_path):
    """Something of the same file system, which can map owners, mounted below the data."""
    (data / "below").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/f").write_text("")
    m.mount(str(tmp_path / "other"), str(data / "below"), None, m.MS_BIND)
    yield
    m.umount2(str(data / "below"), m.MNT_DETACH)


@pytest.mark.usefixtures("other_mount")
def test_ridmap_reaches_what_is_mounted_below(runner, data):
    for option, owner in (("ridmap", "66"), ("idmap", "0")):
        mount = _bind(data, "/data", "rbind", option, **_mappings((0, 66, 1)))
        result = runner.run_document(_with(runner, [mount], "stat -c %u /data/a /data/below/f"))
        assert result.out.split() == ["66", owner]


def test_a_file_system_without_mapped_owners_is_told(runner):
    mount = _bind("/proc/sys", "/data", "idmap", **_mappings((0, 1000, 1)))
    message = _refused(runner, _with(runner, [mount], "true"))
    assert 'cannot map the ids of "/proc/sys" at "/data": its file system' in message


def test_two_binds_may_have_one_place(runner, data, tmp_path):
    (tmp_path / "over").mkdir()
    (tmp_path / "over/seen").touch()
    mounts = [_bind(data, "/data"), _bind(tmp_path / "over", "/data")]
    assert runner.run_document(_with(runner, mounts, "ls /data")).out == "seen\n"


def test_tmpcopyup_shows_what_the_image_has_and_keeps_the_image(runner):
    os.makedirs(f"{runner.root}/var/lib/x")
    with open(f"{runner.root}/var/lib/x/file", "w") as file:
        file.write("content")
    os.chown(f"{runner.root}/var/lib/x", 12, 13)
    os.chmod(f"{runner.root}/var/lib/x", 0o711)
    mount = {
        "destination": "/var/lib",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["tmpcopyup", "nosuid"],
    }
    script = "cat /var/lib/x/file; stat -c ' %u %g %a' /var/lib/x; rm -r /var/lib/x"
    result = runner.run_document(_with(runner, [mount], script))
    assert (result.code, result.out) == (0, "content 12 13 711\n")
    assert os.listdir(f"{runner.work}/upper") == [] or not os.path.exists(
        f"{runner.work}/upper/var"
    )
    read_only = mount | {"options": ["tmpcopyup", "ro"]}
    result = runner.run_document(
        _with(runner, [read_only], "cat /var/lib/x/file; touch /var/lib/y")
    )
    assert (result.code, result.out) == (1, "content")


def test_what_does_not_fit_into_the_tmpfs_is_the_failure_of_the_start(runner):
    os.makedirs(f"{runner.root}/big")
    with open(f"{runner.root}/big/file", "w") as file:
        file.write("x" * 200_000)
    mount = {"destination": "/big", "type": "tmpfs", "options": ["tmpcopyup", "size=64k"]}
    message = _refused(runner, _with(runner, [mount], "true"))
    assert "tmpcopyup" in message
    assert "no space left on device" in message


def test_a_socket_can_be_bound(runner, tmp_path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "sock"))
        sock.listen()
        mount = _bind(tmp_path / "sock", "/run/made/sock")
        assert runner.run_document(_with(runner, [mount], "test -S /run/made/sock")).code == 0


@pytest.mark.parametrize("kind", ["mqueue", "sysfs", "ramfs"])
def test_file_systems_of_the_kernel_are_mounted(runner, kind):
    mount = {"destination": "/some", "type": kind, "source": kind}
    script = "grep ' /some ' /proc/mounts"
    assert f" /some {kind} " in runner.run_document(_with(runner, [mount], script)).out


def test_a_mount_can_be_changed_by_a_later_entry(runner, data):
    mounts = [
        _bind(data, "/data"),
        {"destination": "/data", "type": "bind", "options": ["remount", "bind", "ro", "noexec"]},
        {"destination": "/t", "type": "tmpfs", "source": "t", "options": ["size=1m"]},
        {"destination": "/t", "type": "tmpfs", "source": "t", "options": ["remount", "size=2m"]},
    ]
    script = "grep -E ' /(data|t) ' /proc/mounts"
    lines = runner.run_document(_with(runner, mounts, script)).out.splitlines()
    assert {"ro", "noexec"} <= set(lines[0].split()[3].split(","))
    assert "size=2048k" in lines[1].split()[3]


def test_a_change_of_what_is_no_mount_is_refused(runner):
    mount = {"destination": "/etc", "options": ["remount", "bind", "ro"]}
    assert "/etc" in _refused(runner, _with(runner, [mount], "true"))


# Those that only a bind, or only a mount that is there, can have.
_NOT_ALONE = {"bind", "rbind", "idmap", "ridmap", "remount", "tmpcopyup"}


@pytest.mark.parametrize("option", sorted(set(known_options()) - _NOT_ALONE))
def test_every_option_can_be_asked_of_a_bind_and_of_a_file_system(runner, data, option):
    tmpfs = {"destination": "/t", "type": "tmpfs", "source": "t", "options": [option]}
    mounts = [_bind(data, "/data", option), tmpfs]
    script = "grep -E -c ' /(data|t) ' /proc/mounts"
    assert runner.run_document(_with(runner, mounts, script)).out == "2\n"


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("rro", "ro"),
        ("rnosuid", "nosuid"),
        ("rnodev", "nodev"),
        ("rnoexec", "noexec"),
        ("rnodiratime", "nodiratime"),
        ("rnoatime", "noatime"),
        ("rrelatime", "relatime"),
        ("rnosymfollow", "nosymfollow"),
    ],
)
def test_recursive_attributes_reach_what_is_mounted_below(
    runner, data, private_mounts, option, shown
):
    (data / "below").mkdir()
    private_mounts("tmpfs", data / "below")
    document = _with(runner, [_bind(data, "/data", "rbind", option)], "grep ' /data' /proc/mounts")
    lines = runner.run_document(document).out.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert shown in line.split()[3].split(",")


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("private", []),
        ("rprivate", []),
        ("shared", ["shared"]),
        ("slave", []),
        ("unbindable", ["unbindable"]),
    ],
)
def test_the_root_propagates_as_asked(runner, value, tags):
    document = runner.document(
        "grep", "-E", "^[0-9]+ [0-9]+ [0-9:]+ [^ ]+ / ", "/proc/self/mountinfo"
    )
    document["linux"]["rootfsPropagation"] = value
    (line,) = runner.run_document(document).out.splitlines()
    assert [field.partition(":")[0] for field in line.partition(" - ")[0].split()[6:]] == tags


def test_rare_asks_load_nothing_out_of_the_image(runner):
    """Their modules are loaded before the change of root: none is looked for inside (R02)."""
    package = os.path.dirname(baleen.__file__)
    places = [os.path.dirname(os.__file__), f"{package}/runtime", f"{package}/linux"]
    for place in places:
        os.makedirs(f"{runner.root}{place}")
        for module in os.listdir(place):
            if module.endswith(".py"):
                shutil.copy(f"{place}/{module}", f"{runner.root}{place}/")
    document = runner.document("true")
    document["process"]["scheduler"] = {"policy": "SCHED_BATCH"}
    document["linux"]["personality"] = {"domain": "LINUX"}
    document["linux"]["memoryPolicy"] = {"mode": "MPOL_DEFAULT"}
    document["linux"]["namespaces"].append({"type": "user"})
    mapping = [{"containerID": 0, "hostID": 0, "size": 65536}]
    document["linux"].update(uidMappings=mapping, gidMappings=mapping)
    document["linux"]["sysctl"] = {}
    document["mounts"].append({"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"]})
    kinds = ("createContainer", "startContainer")
    document["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", ":"]}] for kind in kinds}
    failing = copy.deepcopy(document)
    failing["hooks"]["startContainer"][0]["args"][2] = "printf '\\377'; exit 1"
    rootfs = Rootfs(path=runner.root)
    with inotify.init() as watch:
        for place in places:
            inotify.add_watch(watch.fileno(), f"{runner.root}{place}", inotify.IN_OPEN)
        assert runner.run_document(document, rootfs=rootfs).code == 0
        with pytest.raises(LaunchError, match="exit status 1"):
            runner.run_document(failing, rootfs=rootfs)
        with pytest.raises(BlockingIOError):
            os.read(watch.fileno(), 65536)
