"""`--userns-remap`: root of a container is an ordinary user of the host, and all else as ever."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import leaks
import pytest
from bed import running, wait_until
from remapped import ACCOUNT, COUNT, ROOT_GID, ROOT_UID, RemappedBed, owner

from baleen.engine.remapping import Remapping, check_support
from baleen.errors import FailedPrecondition
from baleen.runtime.id_mapping import IdMapping, IdMappings

pytestmark = pytest.mark.integration

ROOT = (ROOT_UID, ROOT_GID)
SLEEP = ("busybox", "sleep", "1000")


@pytest.fixture(scope="module")
def engine():
    yield from running(RemappedBed)


def sh(engine, script, *options):
    return engine.out("run", "--rm", *options, "busybox", "sh", "-c", script)


def inside(engine, name, script, *options):
    return engine.out("exec", *options, name, "sh", "-c", script)


def status_ids(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(found["Uid"].split()[0]), int(found["Gid"].split()[0])


def members(archive: bytes):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: (member.uid, member.gid) for member in tar}


# --- what it is --------------------------------------------------------------------------------


def test_info_says_so_and_the_data_lies_below_the_ids(engine):
    info = engine.api("GET", "/info").json()
    assert "name=userns" in info["SecurityOptions"]
    assert info["DockerRootDir"] == str(engine.root)
    assert "userns" in engine.out("info")
    assert sorted(os.listdir(engine.data_root)) == [engine.root.name]


def test_root_inside_is_an_ordinary_user_outside(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    pid = engine.host_pid("box")
    assert status_ids(pid) == ROOT
    assert inside(engine, "box", "id -u; id -g").split() == ["0", "0"]
    assert inside(engine, "box", "cat /proc/self/uid_map /proc/self/gid_map").split() == [
        "0", str(ROOT_UID), str(COUNT), "0", str(ROOT_GID), str(COUNT)
    ]  # fmt: skip
    engine.docker("run", "-d", "--name", "user", "-u", "1000:50", *SLEEP)
    assert status_ids(engine.host_pid("user")) == (ROOT_UID + 1000, ROOT_GID + 50)
    assert engine.out("top", "box", "-o", "uid,args").splitlines()[1].split()[0] == str(ROOT_UID)


def test_layers_are_kept_as_they_are_and_writable_ones_have_the_hosts_ids(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    layers = engine.root / "snapshots/layers"
    assert {owner(path) for path in layers.glob("*/fs/bin/*")} == {(0, 0)}
    assert inside(engine, "box", "stat -c %u:%g /bin/sh /etc/passwd /").split() == ["0:0"] * 3
    inside(
        engine, "box",
        "touch /new; chown 5:6 /new; echo x >> /etc/passwd; chown 7 /bin/true; mkdir -m 4755 /d",
    )  # fmt: skip
    upper = engine.upper("box")
    assert owner(upper) == ROOT
    assert owner(upper / "new") == (ROOT_UID + 5, ROOT_GID + 6)
    assert owner(upper / "etc/passwd") == ROOT
    assert owner(upper / "bin/true") == (ROOT_UID + 7, ROOT_GID)
    assert owner(upper / "d") == ROOT
    assert {owner(path) for path in layers.glob("*/fs/bin/*")} == {(0, 0)}
    engine.docker("restart", "-t", "0", "box")
    assert inside(engine, "box", "stat -c %u:%g /new /bin/true").split() == ["5:6", "7:0"]


def test_what_a_container_has_is_its_own(engine):
    text = sh(
        engine,
        "cd /etc; stat -c '%n %u' hosts hostname resolv.conf /dev/shm /dev/pts /t /dev; "
        "echo 192.0.2.9 me >> hosts && grep -c me hosts; echo x > /dev/shm/f && cat /dev/shm/f",
        "--tmpfs", "/t",
    )  # fmt: skip
    lines = text.splitlines()
    assert [line.split()[1] for line in lines[:7]] == ["0"] * 7
    assert lines[7:] == ["1", "x"]


def test_ids_beyond_the_range_do_not_exist(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    assert "nvalid argument" in engine.docker(
        "exec", "box", "chown", str(COUNT), "/etc/passwd", check=False
    ).stderr  # fmt: skip
    for options in (
        ("run", "--rm", "-u", f"0:{COUNT}", "busybox"),
        ("exec", "-u", "0:70000", "box"),
    ):
        failed = engine.docker(*options, "true", check=False)
        assert failed.returncode != 0
        assert "cannot set gid to unmapped user in user namespace" in failed.stderr
    failed = engine.docker("run", "--rm", "-u", str(COUNT), "busybox", "true", check=False)
    assert f"cannot set uid to unmapped user in user namespace: {COUNT}" in failed.stderr
    assert engine.out("exec", "-u", str(COUNT - 1), "box", "id", "-u") == str(COUNT - 1)


# --- exec, streams, limits ---------------------------------------------------------------------


def test_exec_enters_it(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    pid = engine.host_pid("box")
    assert inside(engine, "box", "readlink /proc/self/ns/user") == os.readlink(
        f"/proc/{pid}/ns/user"
    )
    for options, uid in (((), "0"), (("-u", "1000"), "1000"), (("-u", "nobody"), "65534")):
        assert inside(engine, "box", "id -u > /dev/stdout; id -u >&2", *options) == uid
    assert "CapEff:\t00000000a80425fb" in inside(engine, "box", "cat /proc/self/status")


def test_a_privileged_exec_has_all_rights_over_what_is_the_containers(engine):
    # An exec has its container's AppArmor profile, privileged or not, as with dockerd.
    engine.docker("run", "-d", "--name", "box", "--security-opt", "apparmor=unconfined", *SLEEP)
    text = engine.docker(
        "exec", "--privileged", "box", "sh", "-c",
        "mkdir /m && mount -t tmpfs x /m && grep -c ' /m ' /proc/self/mounts; "
        "hostname other && hostname; mount -o remount,rw /proc/sys; "
        "echo x > /proc/sys/kernel/core_pattern; mknod /disk b 8 0; date -s 2001-01-01",
        check=False,
    )  # fmt: skip
    assert text.stdout.split()[:2] == ["1", "other"]
    assert "mknod: /disk: Operation not permitted" in text.stderr
    assert "core_pattern" in text.stderr
    assert "can't set date" in text.stderr
    assert " /m " not in Path("/proc/self/mounts").read_text()


def test_terminals(engine):
    with contextlib.closing(
        engine.terminal("run", "--rm", "-it", "-u", "1000", "busybox", "sh")
    ) as terminal:
        terminal.send(b"stat -c '%u %n' $(tty) /dev/console; echo do''ne\n")
        found = terminal.expect(b"done\r\n")
        assert b"1000 /dev/pts/0\r\n1000 /dev/console" in found or b"1000 /dev/pts/0" in found
        terminal.send(b"exit\n")
        assert terminal.wait() == 0


def test_limits_and_counts_are_the_containers(engine):
    engine.docker(
        "run", "-d", "--name", "box", "--pids-limit", "1", "--ulimit", "nofile=77:88",
        "--memory", "64m", "--oom-score-adj", "100", *SLEEP,
    )  # fmt: skip
    stats = engine.api("GET", "/containers/box/stats?stream=false&one-shot=true").json()
    assert stats["pids_stats"]["current"] == 1
    assert stats["memory_stats"]["limit"] == 64 << 20
    pid = engine.host_pid("box")
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "100\n"
    limits = Path(f"/proc/{pid}/limits").read_text()
    (line,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert line[3:5] == ["77", "88"]


@pytest.mark.parametrize(
    "options",
    [
        ("--init",),
        ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        ("--security-opt", "seccomp=unconfined", "--cap-add", "ALL"),
        ("--cgroupns", "private"),
        ("--cgroupns", "host", "--uts", "host"),
        ("--ipc", "host"),
        ("--ipc", "none"),
        ("--network", "none"),
        ("--sysctl", "net.ipv4.ip_forward=0", "--sysctl", "kernel.shmmax=65536"),
        ("--device", "/dev/zero", "--group-add", "7"),
        ("--workdir", "/a/b", "--hostname", "x", "--domainname", "y"),
    ],
)
def test_options_work(engine, options):
    assert sh(engine, "echo works", *options) == "works"


# --- files -------------------------------------------------------------------------------------


def test_volumes_are_the_containers(engine):
    assert sh(engine, "touch /v/f; chown 3:4 /v/f; stat -c %u:%g /v /v/f", "-v", "vol:/v") == (
        "0:0\n3:4"
    )
    data = engine.root / "volumes/vol/_data"
    assert owner(data) == ROOT
    assert owner(data / "f") == (ROOT_UID + 3, ROOT_GID + 4)
    # What the image has there comes with the ids that the container knows.
    assert "0:0" in sh(engine, "stat -c %u:%g /etc/network", "-v", "filled:/etc")
    assert owner(engine.root / "volumes/filled/_data/network") == ROOT
    assert owner(engine.root / "volumes/filled/_data") == ROOT


def test_a_bind_of_the_host_is_the_hosts(engine, tmp_path):
    tmp_path.chmod(0o755)
    for name, mode in (("open", 0o644), ("closed", 0o600)):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(mode)
    done = engine.docker(
        "run", "--rm", "-v", f"{tmp_path}:/h", "busybox", "sh", "-c",
        "cat /h/open; cat /h/closed; touch /h/new; chown 0 /h/open; chmod 777 /h/open; rm /h/open",
        check=False,
    )  # fmt: skip
    assert done.stdout == "open"
    for word in ("cat:", "touch:", "chown:", "chmod:", "rm:"):
        assert word in done.stderr
    assert owner(tmp_path / "open") == (0, 0)
    assert sorted(os.listdir(tmp_path)) == ["closed", "open"]
    # A source that is made for a container is the container's, with what had to be made above.
    sh(engine, "touch /h/f", "-v", f"{tmp_path}/made/here:/h")
    assert [owner(tmp_path / name) for name in ("made", "made/here", "made/here/f")] == [ROOT] * 3


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_cp_speaks_of_the_containers_ids(engine, tmp_path, state):
    engine.docker("run", "-d", "--name", "box", "-v", "vol:/v", *SLEEP)
    inside(engine, "box", "mkdir /d; touch /d/a /v/a; chown 1:2 /d/a /v/a; chown 3:4 /d")
    if state == "stopped":
        engine.docker("stop", "-t", "0", "box")
    assert members(engine.api("GET", "/containers/box/archive?path=/d").body) == {
        "d": (3, 4), "d/a": (1, 2),
    }  # fmt: skip
    assert members(engine.api("GET", "/containers/box/archive?path=/v/a").body) == {"a": (1, 2)}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, ids in (("in", (8, 9)), ("deep/er", (0, 0))):
            member = tarfile.TarInfo(name)
            member.uid, member.gid = ids
            tar.addfile(member)
    for place in ("/d", "/v"):
        answer = engine.api("PUT", f"/containers/box/archive?path={place}", archive.getvalue())
        assert answer.status == 200, answer
    (tmp_path / "f").write_text("x")
    engine.docker("cp", str(tmp_path / "f"), "box:/d/plain")
    if state == "stopped":
        assert owner(engine.upper("box") / "d/in") == (ROOT_UID + 8, ROOT_GID + 9)
        engine.docker("start", "box")
    found = inside(engine, "box", "stat -c %u:%g /d/in /v/in /d/deep /d/deep/er /v/deep /d/plain")
    assert found.split() == ["8:9", "8:9", "0:0", "0:0", "0:0", "0:0"]
    member = tarfile.TarInfo("far")
    member.uid = COUNT
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(member)
    answer = engine.api("PUT", "/containers/box/archive?path=/d", archive.getvalue())
    assert answer.status == 400
    assert f"Container ID {COUNT} cannot be mapped to a host ID" in answer.message


def test_export_and_diff_speak_of_the_containers_ids(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    inside(engine, "box", "touch /etc/new; chown 5:6 /etc/new; rm /bin/true")
    found = members(engine.api("GET", "/containers/box/export").body)
    assert (found["etc/new"], found["bin/sh"], found["etc"]) == ((5, 6), (0, 0), (0, 0))
    assert "bin/true" not in found
    assert engine.out("diff", "box").splitlines() == [
        "C /bin", "D /bin/true", "C /etc", "A /etc/new"
    ]  # fmt: skip
    engine.docker("run", "--name", "plain", "busybox", "true")
    assert engine.out("diff", "plain") == ""


# --- networks ----------------------------------------------------------------------------------


def test_networks_ports_and_names(engine):
    engine.docker("network", "create", "net")
    engine.docker(
        "run", "-d", "--name", "web", "--net", "net", "-p", "8070:80", "busybox", "sh", "-c",
        "mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w",
    )  # fmt: skip
    for outside, address in ((False, "127.0.0.1"), (True, "198.51.100.1")):
        wait_until(
            "the page",
            lambda outside=outside, address=address: (
                engine.fetch(address, 8070, outside=outside) == "page\n"
            ),
        )
    text = sh(engine, "cat /etc/resolv.conf; wget -qO- http://web/", "--net", "net")
    assert "nameserver 127.0.0.11" in text
    assert text.endswith("page")
    engine.docker("run", "-d", "--name", "later", *SLEEP)
    engine.docker("network", "connect", "net", "later")
    assert inside(engine, "later", "wget -qO- http://web/") == "page"
    engine.docker("network", "disconnect", "net", "later")
    assert inside(engine, "later", "ip -o link | grep -c eth") == "1"
    assert sh(engine, "cat /proc/sys/net/ipv4/ping_group_range").split() == ["0", str(COUNT - 1)]


# --- shared namespaces -------------------------------------------------------------------------


def test_who_shares_a_namespace_shares_the_user_namespace(engine):
    engine.docker("run", "-d", "--name", "first", "--ipc", "shareable", *SLEEP)
    first = engine.host_pid("first")
    own = {kind: os.readlink(f"/proc/{first}/ns/{kind}") for kind in ("user", "net", "ipc", "pid")}
    for option, kind in (("--net", "net"), ("--ipc", "ipc"), ("--pid", "pid")):
        text = sh(
            engine, f"cd /proc/self/ns; readlink user; readlink {kind}; ps", option,
            "container:first",
        )  # fmt: skip
        assert text.splitlines()[:2] == [own["user"], own[kind]]
    inside(engine, "first", "echo shared > /dev/shm/f")
    assert sh(engine, "cat /dev/shm/f", "--ipc", "container:first") == "shared"
    engine.docker("run", "-d", "--name", "second", *SLEEP)
    second = engine.host_pid("second")
    assert os.readlink(f"/proc/{second}/ns/user") != own["user"]
    message = engine.fails(
        "run", "--rm", "--net", "container:first", "--pid", "container:second", "busybox", "true",
        code=125,
    )  # fmt: skip
    assert "containers in different user namespaces" in message


def test_namespaces_of_one_with_the_hosts_ids_are_not_shared(engine):
    engine.docker("run", "-d", "--name", "plain", "--userns=host", *SLEEP)
    message = engine.fails("run", "--rm", "--net", "container:plain", "busybox", "true", code=125)
    assert "which is in the host's user namespace" in message
    assert sh(engine, "echo yes", "--net", "container:plain", "--userns=host") == "yes"
    engine.docker("run", "-d", "--name", "mapped", *SLEEP)
    assert sh(engine, "echo yes", "--pid", "container:mapped", "--userns=host") == "yes"


# --- --userns=host -----------------------------------------------------------------------------


def test_one_container_may_stay_with_the_hosts_ids(engine):
    engine.docker("run", "-d", "--name", "plain", "--userns=host", *SLEEP)
    pid = engine.host_pid("plain")
    assert status_ids(pid) == (0, 0)
    assert os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
    assert engine.inspect("plain")["HostConfig"]["UsernsMode"] == "host"
    inside(engine, "plain", "touch /f; chown 5:6 /f")
    assert owner(engine.upper("plain") / "f") == (5, 6)
    assert members(engine.api("GET", "/containers/plain/archive?path=/f").body) == {"f": (5, 6)}
    assert members(engine.api("GET", "/containers/plain/export").body)["bin/sh"] == (0, 0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--privileged",), "privileged mode is incompatible with user namespaces.  You must run"),
        (
            ("--net=host",),
            "cannot share the host's network namespace when user namespaces are enabled",
        ),
        (("--pid=host",), "cannot share the host PID namespace when user namespaces are enabled"),
    ],
)
def test_what_needs_the_hosts_ids_is_refused_without_them(engine, options, text):
    assert text in engine.fails("run", "--rm", *options, "busybox", "true", code=125)
    answer = engine.api(
        "POST", "/containers/create",
        {"Image": "busybox", "HostConfig": {"Privileged": True}},
    )  # fmt: skip
    assert answer.status == 400
    assert sh(engine, "echo works", *options, "--userns=host") == "works"


def test_a_device_under_another_name_is_refused_clearly(engine):
    message = engine.fails(
        "run", "--rm", "--device", "/dev/zero:/dev/x", "busybox", "true", code=125
    )
    assert "device /dev/x: the host has no such node, and a user namespace makes none" in message


# --- lives -------------------------------------------------------------------------------------


def test_health_checks_run_inside(engine):
    engine.docker(
        "run", "-d", "--name", "box", "--health-cmd", "test $(id -u) = 0 && touch /seen",
        "--health-interval", "100ms", *SLEEP,
    )  # fmt: skip
    wait_until("it is healthy", lambda: engine.state("box")["Health"]["Status"] == "healthy")
    assert owner(engine.upper("box") / "seen") == ROOT


def test_restarts_by_policy_keep_network_and_rights(engine):
    engine.docker(
        "run", "-d", "--name", "box", "--restart", "on-failure:2", "busybox", "sh", "-c",
        "cat /proc/self/uid_map; ip -o addr show eth0 | grep -o 'inet [0-9.]*'; "
        "ls -d /sys/class/net/eth0; exit 3",
    )  # fmt: skip
    engine.wait_for_status("box", "exited")
    assert engine.inspect("box")["RestartCount"] == 2
    lines = engine.out("logs", "box").splitlines()
    assert len(lines) == 9
    assert lines[:3] == lines[3:6] == lines[6:]
    assert lines[2] == "/sys/class/net/eth0"


@pytest.mark.parametrize("down", ["stop", "kill9"])
def test_containers_outlive_the_daemon(engine, down):
    engine.docker("run", "-d", "--name", "box", "-p", "8071:80", "--restart", "always", *SLEEP)
    before = engine.host_pid("box")
    getattr(engine, down)()
    engine.start()
    assert engine.host_pid("box") == before
    assert inside(engine, "box", "id -u > /dev/stdout") == "0"
    engine.docker("cp", "box:/etc/passwd", "-")
    os.kill(before, 9)
    wait_until("it runs again", lambda: engine.host_pid("box") not in (0, before))
    assert status_ids(engine.host_pid("box")) == ROOT
    engine.docker("restart", "-t", "0", "box")
    assert inside(engine, "box", "id -u") == "0"


def spare_networks(engine) -> set[str]:
    """Return the network namespaces that workers of this engine hold for the next container."""
    own, found = os.stat(f"/run/netns/{engine.netns}").st_ino, set()
    for pid in leaks.pids():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() != "baleen-worker\n":
                continue
            if os.stat(f"/proc/{pid}/ns/net").st_ino == own:
                links = [
                    os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")
                ]
                found |= {link for link in links if link.startswith("net:[")}
    return found


def test_the_next_containers_namespaces_are_made_ahead(engine):
    engine.docker("run", "-d", "--name", "first", *SLEEP)
    spare = wait_until("some are there", lambda: spare_networks(engine))
    engine.docker("run", "-d", "--name", "second", "--hostname", "other", "-p", "8072:80", *SLEEP)
    first, second = (engine.host_pid(name) for name in ("first", "second"))
    assert os.readlink(f"/proc/{second}/ns/net") in spare
    for kind in ("user", "net", "uts", "ipc"):
        links = {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in (first, second)}
        assert len(links) == 2
    assert inside(
        engine, "second", "hostname; stat -c %u /dev/mqueue; ip -o link | grep -c UP"
    ).split() == ["other", "0", "2"]  # fmt: skip
    assert inside(engine, "second", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "0"


# --- explain -----------------------------------------------------------------------------------


def test_explain_shows_the_mapping(engine):
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    found = engine.api("GET", "/baleen/v1/containers/box/explain").json()
    (namespace,) = [item for item in found["Namespaces"] if item["Type"] == "user"]
    assert namespace["Scope"] == "own"
    assert namespace["Id"] == os.readlink(f"/proc/{engine.host_pid('box')}/ns/user")
    lines = [f"0 {ROOT_UID} {COUNT}"], [f"0 {ROOT_GID} {COUNT}"]
    assert (found["Process"]["UidMap"], found["Process"]["GidMap"]) == lines
    assert (found["Process"]["Uid"], found["Process"]["Gid"]) == ROOT
    assert "container" not in {item["Kind"] for item in found["Mounts"]}
    assert [layer["Mapped"] for layer in found["Layers"]][1:] == [True, True]
    assert found["Weaknesses"] == []
    plan = engine.api("POST", "/baleen/v1/containers/explain", {"Image": "busybox"}).json()
    assert (plan["Process"]["UidMap"], plan["Process"]["GidMap"]) == lines
    assert plan["Process"]["Uid"] == ROOT_UID
    text = subprocess.run(
        [Path(sys.executable).with_name("baleen"), "explain", "box"],
        env={**engine.environment(), "BALEEN_HOST": engine.host}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert f"uid 0 inside is {ROOT_UID} outside ({COUNT} of them)" in " ".join(text.split())
    engine.docker("run", "-d", "--name", "joins", "--net", "container:box", *SLEEP)
    joins = engine.api("GET", "/baleen/v1/containers/joins/explain").json()
    (namespace,) = [item for item in joins["Namespaces"] if item["Type"] == "user"]
    assert (namespace["Scope"], namespace["SharedWith"]) == ("container", ["box"])
    engine.docker("run", "-d", "--name", "plain", "--userns=host", *SLEEP)
    plain = engine.api("GET", "/baleen/v1/containers/plain/explain").json()
    assert any("--userns=host" in text for text in plain["Weaknesses"])


# --- the option --------------------------------------------------------------------------------


@contextlib.contextmanager
def flags(engine, *changed):
    """The daemon is down, and has other flags once it is started within."""
    before = engine.flags
    engine.stop()
    engine.flags = list(changed)
    try:
        yield
    finally:
        if engine.process is not None:
            engine.stop()
        engine.flags = before
        engine.give_ids()
        engine.start()


def refused(engine):
    """Return the message of a daemon that does not start."""
    command = leaks.in_netns(
        engine.netns, *engine.prefix, str(Path(sys.executable).with_name("baleend")),
        f"--data-root={engine.data_root}", f"--exec-root={engine.place.exec_root}",
        f"--pidfile={engine.directory / 'baleend.pid'}", f"-H={engine.host}",
        f"--cgroup-parent={engine.place.cgroup_parent}",
        f"--exec-opt=native.cgroupdriver={engine.cgroup_driver}", *engine.flags,
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1, done
    return done.stderr


def test_with_and_without_are_two_worlds(engine):
    engine.docker("run", "--name", "mapped", "-v", "vol:/v", "busybox", "true")
    with flags(engine):
        engine.start()
        assert "name=userns" not in engine.api("GET", "/info").json()["SecurityOptions"]
        names = engine.api("GET", "/containers/json?all=1").json()
        assert names == []
        assert engine.api("GET", "/volumes/vol").status == 404
        assert sh(engine, "cat /proc/self/uid_map").split()[1] == "0"
        engine.docker("run", "--name", "plain", "busybox", "true")
        engine.docker("rm", "plain")
    assert engine.inspect("mapped")["State"]["Status"] == "exited"
    engine.docker("start", "-a", "mapped")


def test_running_containers_of_the_other_world_are_not_touched(engine):
    engine.docker("run", "-d", "--name", "mapped", *SLEEP)
    pid = engine.host_pid("mapped")
    with flags(engine):
        message = refused(engine)
        assert f"of the data root '{engine.root}' is running" in message
        assert "--userns-remap" in message
        os.kill(pid, 0)
    assert engine.host_pid("mapped") == pid
    assert inside(engine, "mapped", "echo works") == "works"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("no-such-user", 'Error during uid lookup for "no-such-user"'),
        ("root", "root cannot be remapped with itself"),
        ("a:b:c", "Invalid user/group specification in --userns-remap"),
        ("nobody:nogroup", 'no subuid ranges found for user "nobody" in /etc/subuid'),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_made(engine, option, text):
    with flags(engine, f"--userns-remap={option}"):
        before = sorted(os.listdir(engine.data_root))
        assert text in refused(engine)
        assert sorted(os.listdir(engine.data_root)) == before


def test_default_makes_the_account_and_its_ranges_once(engine):
    with flags(engine, "--userns-remap=default"):
        engine.forget_account()
        ranges = {}
        for _ in range(2):
            engine.start()
            passwd = (engine.etc / "passwd").read_text()
            assert passwd.count(f"\n{ACCOUNT}:x:") == 1
            for name in ("subuid", "subgid"):
                lines = (engine.etc / name).read_text().splitlines()
                (line,) = [line for line in lines if line.startswith(f"{ACCOUNT}:")]
                assert line.endswith(":65536")
                assert ranges.setdefault(name, line) == line
            first = ranges["subuid"].split(":")[1]
            assert sh(engine, "cat /proc/self/uid_map").split()[1:] == [first, "65536"]
            engine.remove_everything()
            engine.stop()
    root = engine.data_root / f"{first}.{ranges['subgid'].split(':')[1]}"
    assert root.is_dir()


def test_the_file_of_the_daemon_has_the_key(engine):
    path = engine.directory / "daemon.json"
    path.write_text(json.dumps({"userns-remap": f"{ACCOUNT}:{ACCOUNT}"}))
    with flags(engine, f"--config-file={path}"):
        engine.start()
        assert engine.api("GET", "/info").json()["DockerRootDir"] == str(engine.root)


def test_what_cannot_be_mapped_is_found_at_the_start(tmp_path):
    """No idmapped mount can have the host's own user namespace, as on file systems without any."""
    with open("/proc/self/ns/user", "rb") as namespace:
        ids = (IdMapping(0, 1000, 10),)
        remapping = Remapping(IdMappings(ids, ids), namespace.fileno())
        with pytest.raises(
            FailedPrecondition, match="can not be shown with other owners"
        ) as caught:
            check_support(remapping, tmp_path)
    assert "Linux 5.19" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []
