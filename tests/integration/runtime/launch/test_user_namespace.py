"""Containers in a user namespace: new, joined, with every other kind of namespace beside it."""

from __future__ import annotations

import copy
import os
import resource

import pytest

from baleen.linux.capabilities import CAPABILITIES
from baleen.linux.process import pidfd_send_signal, wait_pidfd
from baleen.runtime import launch
from baleen.runtime.launch import LaunchError, Rootfs
from baleen.runtime.prepare import prepare
from baleen.runtime.spec import parse_process, parse_spec

FIRST, COUNT = 100_000, 65_536


def _mapped(document, first=FIRST, count=COUNT):
    document = copy.deepcopy(document)
    document["linux"]["namespaces"].append({"type": "user"})
    mapping = [{"containerID": 0, "hostID": first, "size": count}]
    document["linux"].update(uidMappings=mapping, gidMappings=mapping)
    # The kernel takes only groups that have a mapping.
    document["linux"]["sysctl"]["net.ipv4.ping_group_range"] = f"0 {count - 1}"
    return document


def _sh(runner, script, **process):
    return _mapped(runner.document("sh", "-c", script, **process))


@pytest.fixture
def users(runner):
    """The image's files belong to the users of the namespace, as whoever asks for one sees to."""
    for place, directories, files in os.walk(runner.work):
        for name in (".", *directories, *files):
            os.lchown(os.path.join(place, name), FIRST, FIRST)
    # Nobody but the host's root may pass.
    os.chmod(runner.work, 0o700)
    os.chown(runner.work, 0, 0)
    return runner


def test_root_inside_is_an_ordinary_user_outside(users):
    container = users.started(document=_mapped(users.document("sleep", "1000")))
    with open(f"/proc/{container.pid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["Uid"].split() == [str(FIRST)] * 4
    assert status["Gid"].split() == [str(FIRST)] * 4
    with open(f"/proc/{container.pid}/uid_map") as file:
        assert file.read().split() == ["0", str(FIRST), str(COUNT)]
    assert os.readlink(f"/proc/{container.pid}/ns/user") != os.readlink("/proc/self/ns/user")


def test_the_tree_is_as_in_any_container(users):
    script = (
        "id -u; stat -c %u /bin/busybox; hostname; echo $$; touch /made && stat -c %u:%g /made;"
        " grep -c . /proc/mounts > /dev/null && ls /proc/1/ns > /dev/null && ls /sys/kernel"
        " > /dev/null && echo tree"
    )
    result = users.run_document(_sh(users, script))
    assert (result.code, result.err) == (0, "")
    assert result.out.split() == ["0", "0", "baleen", "1", "0:0", "tree"]
    assert os.stat(f"{users.work}/upper/made").st_uid == FIRST


def test_devices_are_the_hosts_own(users):
    script = (
        "for d in null zero full random urandom tty; do stat -c '%n %t:%T' /dev/$d; done;"
        " echo x > /dev/null && readlink /dev/ptmx && readlink /dev/fd"
    )
    result = users.run_document(_sh(users, script))
    assert result.err == ""
    assert result.out.splitlines() == [
        "/dev/null 1:3",
        "/dev/zero 1:5",
        "/dev/full 1:7",
        "/dev/random 1:8",
        "/dev/urandom 1:9",
        "/dev/tty 5:0",
        "pts/ptmx",
        "/proc/self/fd",
    ]


def test_a_device_that_the_host_lacks_is_refused(users):
    document = _sh(users, "true")
    document["linux"]["devices"] = [{"path": "/dev/made", "type": "c", "major": 1, "minor": 3}]
    with pytest.raises(LaunchError, match="device /dev/made: the host has no such node"):
        users.run_document(document)
    document["linux"]["devices"] = [{"path": "/dev/zero", "type": "c", "major": 1, "minor": 3}]
    with pytest.raises(LaunchError, match="device /dev/zero: the host has no such node"):
        users.run_document(document)


def test_masks_and_read_only_paths_hold(users):
    script = (
        "wc -c < /proc/interrupts; echo x > /proc/sys/kernel/domainname; ls /sys/firmware | wc -l;"
        " cat /proc/sys/net/ipv4/ip_unprivileged_port_start"
    )
    result = users.run_document(_sh(users, script))
    assert result.out.split() == ["0", "0", "0"]
    assert "domainname: Read-only file system" in result.err


def test_binds_are_opened_with_the_rights_of_the_host(users, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "data").mkdir()
    (hidden / "data/file").write_text("content")
    os.chown(hidden / "data", FIRST + 5, FIRST + 5)
    document = _sh(users, "cat /data/file; stat -c %u /data; touch /data/x || echo refused")
    document["mounts"].append(
        {"destination": "/data", "source": str(hidden / "data"), "options": ["rbind", "ro"]}
    )
    assert users.run_document(document).out.splitlines() == ["content5", "refused"]


def test_idmap_without_a_mapping_of_its_own_takes_the_containers(users, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/file").write_text("")
    document = _sh(users, "stat -c %u /data/file; touch /data/new")
    document["mounts"].append(
        {"destination": "/data", "source": str(tmp_path / "disk"), "options": ["bind", "idmap"]}
    )
    assert users.run_document(document).out == "0\n"
    assert os.stat(tmp_path / "disk/new").st_uid == 0


def test_an_ordinary_user_and_its_streams(users):
    document = _sh(users, "id -u; id -G; echo x > /dev/stdout; grep CapEff /proc/self/status")
    document["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7]}
    result = users.run_document(document)
    assert result.out.splitlines() == ["1000", "1001 7", "x", "CapEff:\t0000000000000000"]


def test_rights_are_those_asked_for_even_where_the_host_lacks_them(users):
    names = sorted(CAPABILITIES)
    document = _sh(users, "grep -E 'Cap(Bnd|Eff)' /proc/self/status")
    document["process"]["capabilities"] = dict.fromkeys(
        ("bounding", "effective", "permitted"), names
    )
    with users.captured() as (stdio, finish):
        container = users.create(document, stdio=stdio)
        assert not [text for text in container.warnings if "capabilities" in text]
        container.start()
        out, _ = finish()
        wait_pidfd(container.pidfd.fileno())
    assert out.count("000001ffffffffff") == 2


def test_limits_are_set_from_outside(users):
    document = _sh(users, "ulimit -n; ulimit -c")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    document["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": min(hard, 200)},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]
    assert users.run_document(document).out.split() == ["100", "0"]


def test_scheduling_is_set_from_outside(users):
    document = _mapped(users.document("sleep", "1000"))
    document["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": -4}
    container = users.started(document=document)
    assert os.sched_getscheduler(container.pid) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, container.pid) == -4


def test_a_limit_that_the_kernel_refuses_is_the_failure_of_the_start(users, monkeypatch):
    document = _sh(users, "true")
    document["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 2**40}]
    # Above fs.nr_open the kernel refuses whoever asks; only with the right we ask at all.
    monkeypatch.setattr("baleen.runtime.prepare._limit", lambda wanted, _ours: wanted)
    with pytest.raises(LaunchError, match="cannot set resource limit 7 to 5"):
        users.run_document(document)


def test_the_control_group_is_joined_before(users):
    group = users.cgroup({"pids": {"limit": 50}})
    container = users.started(document=_mapped(users.document("sleep", "1000")), cgroup=group)
    assert group.pids() == [container.pid]


@pytest.mark.parametrize("kind", ["cgroup", "time"])
def test_every_other_namespace_may_be_new_too(users, kind):
    document = _sh(users, f"readlink /proc/self/ns/{kind}")
    document["linux"]["namespaces"].append({"type": kind})
    out = users.run_document(document, cgroup=users.cgroup()).out.strip()
    assert out.startswith(kind)
    assert out != os.readlink(f"/proc/self/ns/{kind}")


def test_a_terminal_is_had(users):
    document = _sh(users, "tty; id -u; test -c /dev/console && echo console", terminal=True)
    container = users.create(document)
    container.start()
    with open(container.console.steal(), "rb", buffering=0) as master:
        text = b""
        while b"console" not in text:
            text += master.read(1000)
    assert text.split() == [b"/dev/pts/0", b"0", b"console"]
    wait_pidfd(container.pidfd.fileno())


def test_an_exec_is_root_inside_and_nobody_outside(users):
    document = _mapped(users.document("sleep", "1000"))
    container = users.started(document=document)
    result = users.exec(container, "sh", "-c", "id -u; cat /proc/self/uid_map", document=document)
    assert result.out.split() == ["0", "0", str(FIRST), str(COUNT)]


def test_an_exec_with_a_terminal_and_a_user_of_its_own(users):
    document = _mapped(users.document("sleep", "1000"))
    container = users.started(document=document)
    wanted = parse_process(
        document["process"]
        | {"args": ["sh", "-c", "tty; id -u; stat -c %u $(tty)"], "terminal": True}
        | {"user": {"uid": 1000, "gid": 1000}}
    )
    entered = launch.exec_process(
        container.pidfd,
        launch.namespace_flags(parse_spec(document).namespaces),
        prepare(wanted, None, None),
    )
    with entered.pidfd, open(entered.console.steal(), "rb", buffering=0) as master:
        text = b""
        while text.count(b"\n") < 3:
            text += master.read(1000)
        assert wait_pidfd(entered.pidfd.fileno()) == 0
    assert text.split() == [b"/dev/pts/0", b"1000", b"1000"]


def test_an_exec_has_no_right_that_was_not_asked_for(users):
    document = _mapped(users.document("sleep", "1000"))
    container = users.started(document=document)
    script = "grep -E 'Cap(Bnd|Eff|Prm)' /proc/self/status"
    lines = users.exec(container, "sh", "-c", script, document=document).out.splitlines()
    assert {line.split()[1] for line in lines} == {"00000000a80425fb"}


def test_an_exec_where_the_network_is_the_hosts(users):
    document = _mapped(users.document("sleep", "1000"))
    document["linux"]["namespaces"] = [
        entry for entry in document["linux"]["namespaces"] if entry["type"] != "network"
    ]
    document["linux"]["sysctl"] = {}
    document["mounts"] = [entry for entry in document["mounts"] if entry["type"] != "sysfs"]
    document["mounts"] = [entry for entry in document["mounts"] if entry["type"] != "cgroup"]
    container = users.started(document=document)
    result = users.exec(container, "readlink", "/proc/self/ns/net", document=document)
    assert result.out.strip() == os.readlink("/proc/self/ns/net")


def test_a_second_container_joins_all_namespaces_of_the_first(users):
    document = _mapped(users.document("sleep", "1000"))
    first = users.started(document=document)
    second = copy.deepcopy(document)
    second["process"]["args"] = ["sh", "-c", "id -u; ls /proc | grep -c '^[0-9]'"]
    names = {"network": "net", "user": "user", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    for entry in second["linux"]["namespaces"]:
        if entry["type"] in names:
            entry["path"] = f"/proc/{first.pid}/ns/{names[entry['type']]}"
    del second["linux"]["uidMappings"], second["linux"]["gidMappings"]
    os.mkdir(f"{users.work}/upper2")
    os.mkdir(f"{users.work}/work2")
    os.chown(f"{users.work}/upper2", FIRST, FIRST)
    rootfs = Rootfs(lower=(users.root,), upper=f"{users.work}/upper2", work=f"{users.work}/work2")
    out = users.run_document(second, rootfs=rootfs).out.split()
    assert out[0] == "0"
    assert int(out[1]) >= 2
    pidfd_send_signal(first.pidfd.fileno(), 9)


def test_hooks_see_what_they_should(users, tmp_path):
    document = _mapped(users.document("true"))
    script = f"grep Uid /proc/self/status > {tmp_path}/out"
    document["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    document["hooks"]["startContainer"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", "test $(id -u) = 0 && test $$ != 1"]}
    ]
    assert users.run_document(document).code == 0
    assert (tmp_path / "out").read_text().split()[1] == "0"


def test_an_overlay_that_only_the_old_call_can_mount(users):
    long = f"{users.work}/{'x' * 200}/{'y' * 200}"
    os.makedirs(long)
    os.chmod(f"{users.work}/{'x' * 200}", 0o700)
    os.rename(users.root, f"{long}/lower")
    rootfs = Rootfs(
        lower=(f"{long}/lower",), upper=f"{users.work}/upper", work=f"{users.work}/work"
    )
    result = users.run_document(_sh(users, "touch /made; ls /"), rootfs=rootfs)
    assert (result.code, "made" in result.out) == (0, True)
    assert os.stat(f"{users.work}/upper/made").st_uid == FIRST


@pytest.mark.parametrize("rest", ["seccomp", "read-only", "path"])
def test_other_asks_hold_beside_it(users, rest):
    document = _sh(users, "touch /made")
    keywords = {}
    if rest == "seccomp":
        from baleen.runtime.default_spec import DEFAULT_CAPABILITIES
        from baleen.runtime.seccomp import compile_profile, default_profile

        keywords["seccomp_program"] = compile_profile(
            default_profile(),
            capabilities=DEFAULT_CAPABILITIES,
            arch=os.uname().machine,
            kernel=(5, 12),
        )
    elif rest == "read-only":
        document["root"]["readonly"] = True
    else:
        keywords["rootfs"] = Rootfs(path=users.root)
    assert users.run_document(document, **keywords).code == (1 if rest == "read-only" else 0)


def test_a_mapping_without_root_is_refused_before_anything_is_made(users):
    document = _sh(users, "true")
    document["linux"]["uidMappings"] = [{"containerID": 1, "hostID": FIRST, "size": 5}]
    with pytest.raises(LaunchError, match="must map the container's id 0"):
        users.run_document(document)


def test_a_mapping_without_a_namespace_is_refused(users):
    document = _sh(users, "true")
    document["linux"]["namespaces"].pop()
    with pytest.raises(LaunchError, match="need a user namespace"):
        users.run_document(document)
