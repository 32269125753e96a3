"""Binds, tmpfs, propagation, devices, read-only roots, and images that try to mislead us."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from baleen.linux import inotify
from baleen.linux import mount as m
from baleen.runtime.launch import LaunchError, Rootfs


def _bind(source, destination, *options):
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": ["rbind", *(options or ("rprivate",))],
    }


def _tmpfs(destination, *options):
    return {
        "destination": destination,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": list(options),
    }


def _with(runner, mounts, script, **process):
    document = runner.document("sh", "-c", script, **process)
    document["mounts"] += mounts
    return document


def _refused(runner, document):
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio).start()
    return caught.value


def test_a_bind_is_read_write_and_shows_the_hosts_directory(runner, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/in").write_text("in")
    result = runner.run_document(
        _with(runner, [_bind(tmp_path / "data", "/a/b")], "cat /a/b/in; echo out > /a/b/out")
    )
    assert result.out == "in"
    assert (tmp_path / "data/out").read_text() == "out\n"


def test_a_read_only_bind_of_a_file_refuses_writes(runner, tmp_path):
    (tmp_path / "file").write_text("x")
    document = _with(
        runner, [_bind(tmp_path / "file", "/etc/made/file", "ro")], "echo y > /etc/made/file"
    )
    assert "Read-only file system" in runner.run_document(document).err
    assert (tmp_path / "file").read_text() == "x"


def test_a_relative_source_is_relative_to_the_bundle(runner, tmp_path):
    (tmp_path / "hosts").write_text("hosts")
    assert runner.run_document(_with(runner, [_bind("hosts", "/h")], "cat /h")).out == "hosts"


def test_rro_reaches_what_is_mounted_below(runner, tmp_path, private_mounts):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sub").mkdir()
    private_mounts("tmpfs", tmp_path / "data/sub")
    script = "touch /d/x; touch /d/sub/x; ls /d/sub"
    plain = runner.run_document(_with(runner, [_bind(tmp_path / "data", "/d", "ro")], script))
    assert plain.out == "x\n"
    document = _with(runner, [_bind(tmp_path / "data", "/d", "ro", "rro")], "touch /d/sub/y")
    assert "Read-only file system" in runner.run_document(document).err


@pytest.mark.parametrize(
    ("option", "tags"), [("rprivate", set()), ("rslave", {"master"}), ("rshared", {"shared"})]
)
def test_propagation_is_as_asked(runner, tmp_path, private_mounts, option, tags):
    (tmp_path / "data").mkdir()
    private_mounts("tmpfs", tmp_path / "data")
    m.mount(None, str(tmp_path / "data"), None, m.MS_SHARED)
    document = _with(
        runner, [_bind(tmp_path / "data", "/d", option)], "grep ' /d ' /proc/self/mountinfo"
    )
    fields = runner.run_document(document).out.partition(" - ")[0].split()[6:]
    assert {field.partition(":")[0] for field in fields} == tags


def test_a_shared_bind_carries_mounts_to_the_host_and_nothing_else_does(
    runner, tmp_path, private_mounts
):
    for name in ("shared", "private"):
        (tmp_path / name).mkdir()
        private_mounts("tmpfs", tmp_path / name)
        m.mount(None, str(tmp_path / name), None, m.MS_SHARED)
        (tmp_path / name / "in").mkdir()
    script = "for d in shared private; do mount -t tmpfs none /$d/in && echo x > /$d/in/x; done"
    document = _with(
        runner,
        [_bind(tmp_path / "shared", "/shared", "rshared"), _bind(tmp_path / "private", "/private")],
        script,
    )
    caps = document["process"]["capabilities"]
    for name in caps:
        caps[name] = [*caps[name], "CAP_SYS_ADMIN"]
    document["linux"]["rootfsPropagation"] = "shared"
    assert runner.run_document(document).code == 0
    assert (tmp_path / "shared/in/x").read_text() == "x\n"
    assert not (tmp_path / "private/in/x").exists()
    m.umount2(str(tmp_path / "shared/in"), m.MNT_DETACH)


def test_a_tmpfs_takes_its_options_and_the_mode_of_what_it_covers(runner):
    os.chmod(f"{runner.root}/tmp", 0o1770)
    mounts = [_tmpfs("/tmp", "size=64k", "noexec"), _tmpfs("/new"), _tmpfs("/m", "mode=700", "ro")]
    script = "stat -c %a /tmp /new /m; grep ' /tmp ' /proc/mounts; touch /m/x"
    result = runner.run_document(_with(runner, mounts, script))
    assert result.out.split()[:3] == ["1770", "1777", "700"]
    assert "noexec" in result.out
    assert "size=64k" in result.out
    assert "Read-only file system" in result.err


def test_a_read_only_root_keeps_its_volumes_writable(runner, tmp_path):
    (tmp_path / "data").mkdir()
    document = _with(
        runner, [_bind(tmp_path / "data", "/d")], "touch /x; touch /d/x; touch /dev/shm/x"
    )
    document["root"]["readonly"] = True
    result = runner.run_document(document)
    assert result.err == "touch: /x: Read-only file system\n"
    assert (tmp_path / "data/x").exists()


def test_a_directory_can_be_the_root(runner):
    result = runner.run_document(
        runner.document("sh", "-c", "echo x > /made; grep ' / ' /proc/self/mountinfo"),
        rootfs=Rootfs(path=runner.root),
    )
    assert result.code == 0
    assert os.path.exists(f"{runner.root}/made")


def test_an_overlay_without_upper_is_read_only(runner, tmp_path):
    for name in ("proc", "sys", "dev"):
        (tmp_path / "lower" / name).mkdir()
    (tmp_path / "more").mkdir()
    result = runner.run_document(
        runner.document("touch", "/x"), rootfs=Rootfs(lower=(str(tmp_path / "more"), runner.root))
    )
    assert "Read-only file system" in result.err


def test_layers_with_long_names_are_mounted_too(runner, tmp_path):
    deep = tmp_path / ("a" * 200) / ("b:,\\" + "b" * 200)
    for name in ("lower", "upper", "work"):
        (deep / name).mkdir(parents=True)
    (deep / "lower/file").write_text("deep")
    rootfs = Rootfs(
        lower=(str(deep / "lower"), runner.root), upper=str(deep / "upper"), work=str(deep / "work")
    )
    assert runner.run_document(runner.document("cat", "/file"), rootfs=rootfs).out == "deep"


def test_a_directory_on_a_file_is_refused_with_dockers_hint(runner, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "lower/etc/file").write_text("")
    error = _refused(runner, _with(runner, [_bind(tmp_path / "data", "/etc/file")], "true"))
    assert "not a directory: Are you trying to mount a directory onto a file" in str(error)
    assert error.exit_code == 127


def test_a_missing_source_is_refused(runner, tmp_path):
    error = _refused(runner, _with(runner, [_bind(tmp_path / "none", "/d")], "true"))
    assert "no such file or directory" in str(error)


def test_devices_of_the_spec_are_made(runner):
    document = runner.document("stat", "-c", "%F %t:%T %a %u", "/dev/net/tun", "/dev/null")
    document["linux"]["devices"] = [
        {
            "path": "/dev/net/tun",
            "type": "c",
            "major": 10,
            "minor": 200,
            "fileMode": 0o600,
            "uid": 3,
        }
    ]
    assert runner.run_document(document).out.splitlines() == [
        "character special file a:c8 600 3",
        "character special file 1:3 666 0",
    ]


def test_a_device_where_the_image_has_a_file_is_refused(runner):
    with open(f"{runner.root}/etc/dev", "w"):
        pass
    document = runner.document("true")
    document["linux"]["devices"] = [{"path": "/etc/dev", "type": "c", "major": 1, "minor": 3}]
    assert "the image has another file there" in str(_refused(runner, document))


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
def test_an_image_that_links_a_kernel_directory_elsewhere_is_refused(runner, tmp_path, name):
    canary = tmp_path / "canary"
    canary.mkdir()
    os.symlink(f"../../../../../..{canary}", f"{runner.root}/{name}")
    error = _refused(runner, runner.document("true"))
    assert f"/{name} of the image is a symbolic link" in str(error)
    assert list(canary.iterdir()) == []
    # And without a mount there, for the devices.
    if name == "dev":
        document = runner.document("true")
        document["mounts"] = [
            x for x in document["mounts"] if not x["destination"].startswith("/dev")
        ]
        assert "/dev" in str(_refused(runner, document))
        assert list(canary.iterdir()) == []


def test_destinations_follow_links_inside_the_root_only(runner, tmp_path):
    (tmp_path / "data").mkdir()
    canary = tmp_path / "canary"
    canary.mkdir()
    os.symlink(f"../../../../../../..{canary}", f"{runner.root}/link")
    result = runner.run_document(
        _with(runner, [_bind(tmp_path / "data", "/etc/../tmp/d")], "test -d /tmp/d")
    )
    assert result.code == 0
    error = _refused(runner, _with(runner, [_bind(tmp_path / "data", "/link/d")], "true"))
    assert error.errno != 0
    assert list(canary.iterdir()) == []


def test_nothing_is_mounted_on_proc_through_a_link(runner, tmp_path):
    (tmp_path / "data").mkdir()
    os.symlink("/proc/sys", f"{runner.root}/link")
    error = _refused(runner, _with(runner, [_bind(tmp_path / "data", "/link/kernel")], "true"))
    assert "cannot be mounted because it is inside /proc" in str(error)


def test_what_lxcfs_offers_may_lie_over_proc(runner, tmp_path):
    (tmp_path / "uptime").write_text("1 1\n")
    document = _with(runner, [_bind(tmp_path / "uptime", "/proc/uptime")], "cat /proc/uptime")
    assert runner.run_document(document).out == "1 1\n"


def test_a_false_null_device_is_not_used_as_a_mask(runner, tmp_path):
    volume = tmp_path / "dev"
    volume.mkdir()
    os.symlink("/proc/sys/kernel/core_pattern", volume / "null")
    (volume / "pts").mkdir()
    document = runner.document("sh", "-c", "stat -c %t:%T /proc/keys")
    document["mounts"] = [
        x for x in document["mounts"] if not x["destination"].startswith("/dev")
    ] + [_bind(volume, "/dev")]
    assert runner.run_document(document).out == "1:3\n"


@pytest.mark.parametrize("number", range(3, 12))
def test_no_working_directory_through_a_descriptor(runner, number):
    error = _refused(runner, runner.document("true", cwd=f"/proc/self/fd/{number}"))
    assert "chdir to cwd" in str(error)
    os.symlink(f"/proc/self/fd/{number}", f"{runner.root}/link")
    assert "chdir to cwd" in str(_refused(runner, runner.document("true", cwd="/link")))
    container = runner.started()
    with pytest.raises(LaunchError, match="chdir to cwd"):
        runner.exec(container, "true", cwd=f"/proc/self/fd/{number}")


def test_a_cgroup_namespace_shows_the_containers_group_as_the_root(runner):
    document = runner.document("sh", "-c", "cat /proc/self/cgroup; ls /sys/fs/cgroup | wc -l")
    document["linux"]["namespaces"].append({"type": "cgroup"})
    cgroup = runner.cgroup(document["linux"]["resources"])
    lines = runner.run_document(document, cgroup=cgroup).out.splitlines()
    assert all(line.endswith(":/") for line in lines[:-1])
    assert int(lines[-1]) > 0


def test_without_its_own_namespace_a_container_sees_its_group_below_each_hierarchy(runner):
    document = runner.document("sh", "-c", "cat /sys/fs/cgroup/pids/cgroup.procs")
    if not os.path.isdir("/sys/fs/cgroup/pids"):
        document["process"]["args"][-1] = "echo 1"
    cgroup = runner.cgroup(document["linux"]["resources"])
    assert "1" in runner.run_document(document, cgroup=cgroup).out.split()


def test_nothing_of_the_image_is_opened_after_the_change_of_root(runner):
    """Our own standard library's paths inside an image are not looked at (R02)."""
    library = os.path.dirname(os.__file__)
    names = ("encodings", "json", "ctypes", "")
    for name in names:
        os.makedirs(f"{runner.root}{library}/{name}", exist_ok=True)
        for module in os.listdir(f"{library}/{name}"):
            if module.endswith(".py"):
                shutil.copy(f"{library}/{name}/{module}", f"{runner.root}{library}/{name}/")
    rootfs = Rootfs(path=runner.root)
    container = runner.started(rootfs=rootfs)
    with inotify.init() as watch:
        directories = {
            inotify.add_watch(watch.fileno(), f"{runner.root}{place}", inotify.IN_OPEN): place
            for place in ("/bin", "/etc", library, *(f"{library}/{name}" for name in names[:3]))
        }
        assert runner.run_document(runner.document("true"), rootfs=rootfs).code == 0
        assert runner.exec(container, "true").code == 0
        for arguments in (["missing"], ["true", "/no"]):
            document = runner.document(arguments[0], cwd="/etc/../" + "".join(arguments[1:]))
            if len(arguments) > 1:
                (Path(runner.root) / "no").write_text("a file, not a directory")
            with pytest.raises(LaunchError), runner.captured() as (stdio, _):
                runner.create(document, stdio=stdio, rootfs=rootfs).start()
        events = inotify.parse_events(os.read(watch.fileno(), 65536))
        opened = {f"{directories[event.watch]}/{event.name}" for event in events}
    assert opened == {"/bin/busybox"}
