"""`explain`: what it says of real containers is compared with what they see themselves."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from bed import wait_until

from baleen.engine.explaining.mountinfo import parse_mountinfo

pytestmark = pytest.mark.integration

SLEEP = ("busybox", "sleep", "1000")


def explain(engine, name):
    answer = engine.api("GET", f"/v1.55/baleen/v1/containers/{name}/explain")
    assert answer.status == 200, answer
    return answer.json()


def dry_run(engine, body, name=""):
    query = f"?name={name}" if name else ""
    return engine.api("POST", f"/baleen/v1/containers/explain{query}", body)


def run(engine, name, *arguments, command=SLEEP):
    engine.docker("run", "-d", "--name", name, *arguments, *command)
    return explain(engine, name)


def inside(engine, name, script):
    return engine.out("exec", name, "sh", "-c", script)


def scopes(found):
    return {item["Type"]: item["Scope"] for item in found["Namespaces"]}


def names(found, kind):
    return {item["Name"] for item in found["Capabilities"] if item[kind]}


# --- a plain container -----------------------------------------------------------------------


def test_a_plain_container_is_said_to_be_plain(engine):
    found = run(engine, "plain")
    assert (found["Source"], found["Status"], found["Name"]) == ("kernel", "running", "plain")
    assert found["Weaknesses"] == []
    assert found["Problems"] == []
    own = {kind for kind, scope in scopes(found).items() if scope == "own"}
    assert {"mount", "pid", "network", "ipc", "uts"} <= own
    assert scopes(found)["user"] == "host"


def test_namespaces_are_those_that_the_container_sees(engine):
    found = run(engine, "nn")
    files = {"mount": "mnt", "network": "net"}
    for item in found["Namespaces"]:
        seen = inside(engine, "nn", f"readlink /proc/1/ns/{files.get(item['Type'], item['Type'])}")
        assert seen == item["Id"]
        host = os.readlink(f"/proc/{engine.pid}/ns/{files.get(item['Type'], item['Type'])}")
        assert (seen == host) == (item["Scope"] == "host")


def test_mounts_are_those_that_the_container_sees(engine):
    found = run(
        engine, "mm", "-t", "-v", "data:/data", "-v", "/anonymous", "-v", "/tmp:/host:ro",
        "--tmpfs", "/scratch",
    )  # fmt: skip
    seen = parse_mountinfo(inside(engine, "mm", "cat /proc/1/mountinfo") + "\n")
    shown = [(item["Id"], item["Target"]) for item in found["Mounts"]]
    assert sorted(shown) == sorted((line.id, line.target) for line in seen)
    kinds = {item["Target"]: item["Kind"] for item in found["Mounts"]}
    assert "container" not in kinds.values()
    assert kinds["/"] == "root"
    assert kinds["/proc"] == kinds["/dev/shm"] == "default"
    assert kinds["/etc/hosts"] == "engine"
    assert kinds["/dev/console"] == "terminal"
    for target in ("/data", "/anonymous", "/host", "/scratch"):
        assert kinds[target] == "user"
    whys = {item["Target"]: item["Why"] for item in found["Mounts"]}
    assert "volume data" in whys["/data"]
    assert "Anonymous" in whys["/anonymous"]
    assert "read-only" in whys["/host"]


def test_paths_are_masked_where_it_says_so(engine):
    found = run(engine, "pp")
    states = {item["Path"]: (item["Protection"], item["State"]) for item in found["Paths"]}
    assert ("masked", "in force") in states.values()
    for path, (protection, state) in states.items():
        there = inside(engine, "pp", f"[ -e {path} ] && echo yes || echo no")
        assert there == ("no" if state == "absent" else "yes"), path
        if (protection, state) == ("masked", "in force"):
            hidden = f"if [ -d {path} ]; then ls -A {path}; else cat {path}; fi"
            assert inside(engine, "pp", hidden) == "", path
        if (protection, state) == ("read-only", "in force"):
            options = inside(engine, "pp", f"grep ' {path} ' /proc/1/mountinfo")
            assert " ro," in options, path


def test_layers_are_the_images(engine):
    found = run(engine, "ll")
    writable, *layers, base = found["Layers"]
    assert (writable["Role"], base["Role"]) == ("writable", "base")
    inspected = engine.api("GET", "/images/busybox/json").json()
    assert [layer["DiffId"] for layer in reversed(layers)] == inspected["RootFS"]["Layers"]
    assert all(os.path.isdir(layer["Directory"]) for layer in found["Layers"])
    assert all(layer["UnpackedSize"] > 0 and layer["Size"] > 0 for layer in layers)


def test_rights_are_the_kernels(engine):
    found = run(engine, "rr", "-u", "1000", "--security-opt", "no-new-privileges",
                "--cap-drop", "CHOWN", "--cap-add", "NET_ADMIN", "--ulimit", "nofile=100:200",
                "--oom-score-adj", "7")  # fmt: skip
    process = found["Process"]
    assert (process["Uid"], process["NoNewPrivileges"], process["OomScoreAdj"]) == (1000, True, 7)
    assert process["PidInside"] == 1
    assert names(found, "Effective") == set()
    assert "CAP_CHOWN" not in names(found, "Bounding")
    assert "CAP_NET_ADMIN" in names(found, "Bounding")
    assert found["Weaknesses"] == ["Capabilities beyond the default: CAP_NET_ADMIN."]
    limit = next(item for item in process["Rlimits"] if item["Name"] == "nofile")
    assert (limit["Soft"], limit["Hard"], limit["Inherited"]) == ("100", "200", False)
    supervisor = process["Supervisor"]
    assert supervisor["Name"] == "baleen-shim"
    assert os.path.exists(f"{supervisor['Directory']}/control.sock")


def test_limits_are_the_control_groups(engine):
    found = run(engine, "cc", "-m", "64m", "--pids-limit", "33", "--cpus", "0.5")
    limits = {item["Name"]: item for item in found["Cgroup"]["Limits"]}
    assert limits["memory"]["Limit"] == "64 MiB"
    assert limits["memory"]["Usage"]
    assert (limits["processes"]["Limit"], limits["processes"]["Usage"]) == ("33", "1")
    assert limits["CPU time"]["Limit"].startswith("0.5 CPUs")
    directories = [item["Directory"] for item in found["Cgroup"]["Paths"] if item["Directory"]]
    assert directories
    for directory in directories:
        with open(f"{directory}/cgroup.procs", encoding="ascii") as file:
            assert str(found["Process"]["Pid"]) in file.read().split()


# --- system calls ------------------------------------------------------------------------------


def test_what_is_refused_is_refused(engine):
    found = run(engine, "ss")["Seccomp"]
    assert (found["Mode"], found["Profile"]) == ("filter", "builtin")
    refused = {item["Name"] for group in found["Refused"] for item in group["Syscalls"]}
    assert {"mount", "unshare", "sethostname", "syslog", "keyctl"} <= refused
    for command in ("unshare -m true", "dmesg", "hostname other"):
        assert inside(engine, "ss", f"{command} >/dev/null 2>&1; echo $?") != "0"
    with open(f"{engine.place.exec_root}/seccomp/{found['Program']}.bpf", "rb") as file:
        assert len(file.read()) % 8 == 0


def test_own_profiles_and_none(engine, tmp_path):
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }
    (tmp_path / "own.json").write_text(json.dumps(profile))
    found = run(engine, "own", "--security-opt", f"seccomp={tmp_path}/own.json")["Seccomp"]
    assert (found["Profile"], found["DefaultAction"]) == ("custom", "allow")
    ((only,),) = [group["Syscalls"] for group in found["Refused"]]
    assert (only["Name"], only["Action"]) == ("getcwd", "ENOSYS")
    found = run(engine, "open", "--security-opt", "seccomp=unconfined")
    assert found["Seccomp"]["Profile"] == "unconfined"
    assert "seccomp" in found["Weaknesses"][0]


# --- networks ----------------------------------------------------------------------------------


def test_a_published_port_and_its_rules(engine):
    found = run(engine, "web", "-p", "8080:80")
    network = found["Network"]
    address = engine.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    eth0 = next(item for item in network["Interfaces"] if item["Name"] == "eth0")
    assert eth0["Addresses"][0] == f"{address}/16"
    assert eth0["HostName"] in engine.inside("ip", "-o", "link")
    assert [(port["HostPort"], port["ContainerPort"]) for port in network["Ports"]] == [(8080, 80)]
    assert network["Rules"][0]["Rule"] == (
        f"map ip baleen published_everywhere {{ tcp . 8080 : {address} . 80 }}"
    )
    if shutil.which("nft") is not None:
        listed = engine.inside("nft", "list", "table", "ip", "baleen")
        assert f"tcp . 8080 : {address} . 80" in listed
        assert '"baleen0" . "baleen0"' in listed
        assert "masquerade" in listed
    routes = {route["To"]: route["Via"] for route in network["Routes"]}
    assert f"default via {routes['0.0.0.0/0']}" in inside(engine, "web", "ip route")
    assert network["Mode"] == "bridge"


def test_a_user_network_answers_names(engine):
    engine.docker("network", "create", "--internal", "lab")
    found = run(engine, "uu", "--network", "lab")["Network"]
    assert "127.0.0.11" in found["Dns"]
    assert "lab" in found["Dns"]
    assert any("@internal" in rule["Rule"] for rule in found["Rules"])
    assert not any("masquerade" in rule["Rule"] for rule in found["Rules"])


def test_the_hosts_network(engine):
    found = run(engine, "hh", "--network", "host")
    assert scopes(found)["network"] == "host"
    assert found["Network"]["Rules"] == []
    shown = {item["Name"] for item in found["Network"]["Interfaces"]}
    assert "uplink" in shown
    assert any("network namespace is the host's" in text for text in found["Weaknesses"])


def test_no_network(engine):
    found = run(engine, "no", "--network", "none")
    assert scopes(found)["network"] == "own"
    assert [item["Name"] for item in found["Network"]["Interfaces"]] == ["lo"]
    assert found["Network"]["Routes"] == []
    assert found["Weaknesses"] == []


# --- shared namespaces -------------------------------------------------------------------------


def test_the_hosts_processes(engine):
    found = run(engine, "ph", "--pid", "host")
    assert scopes(found)["pid"] == "host"
    assert found["Process"]["PidInside"] == found["Process"]["Pid"]
    assert any("pid namespace is the host's" in text for text in found["Weaknesses"])


def test_namespaces_of_another_container(engine):
    run(engine, "db", "--ipc", "shareable")
    found = run(
        engine, "side", "--network", "container:db", "--pid", "container:db",
        "--ipc", "container:db",
    )  # fmt: skip
    joined = {item["Type"]: item for item in found["Namespaces"] if item["Scope"] == "container"}
    assert set(joined) == {"network", "pid", "ipc"}
    assert all(item["SharedWith"] == ["db"] for item in joined.values())
    assert found["Process"]["PidInside"] > 1
    assert found["Network"]["Mode"].startswith("container:")
    shm = next(item for item in found["Mounts"] if item["Target"] == "/dev/shm")
    assert "shared with" in shm["Why"]
    other = {item["Type"]: item for item in explain(engine, "db")["Namespaces"]}
    assert (other["network"]["Scope"], other["network"]["SharedWith"]) == ("own", ["side"])


def test_privileged(engine):
    found = run(engine, "pr", "--privileged")
    assert found["Weaknesses"][0].startswith("Privileged")
    assert len(found["Weaknesses"]) == 1
    assert found["Paths"] == []
    assert found["Seccomp"]["Profile"] == "unconfined"
    assert [item["Rule"] for item in found["Cgroup"]["Devices"]] == ["a *:* rwm"]
    mask = int(inside(engine, "pr", "grep CapEff /proc/1/status").split()[1], 16)
    assert len(names(found, "Effective")) == mask.bit_count()


def test_init_is_said_to_be_pid_1(engine):
    found = run(engine, "ii", "--init")
    assert found["Process"]["Init"] is True
    assert found["Process"]["PidInside"] == 1


def test_a_paused_container_is_read_all_the_same(engine):
    run(engine, "zz")
    engine.docker("pause", "zz")
    assert explain(engine, "zz")["Source"] == "kernel"
    engine.docker("unpause", "zz")


# --- a container that does not want to be understood ---------------------------------------------


def test_a_container_cannot_make_it_read_its_own_files(engine, tmp_path):
    """What lies at /proc inside, and what links say there, is not looked at."""
    secret = tmp_path / "secret"
    secret.write_text("SECRET-OF-THE-HOST")
    script = (
        "mount -t tmpfs x /proc && mkdir -p /proc/1/ns && echo 'Uid: 4242' >/proc/1/status"
        f" && ln -s {secret} /proc/1/mountinfo && ln -s /etc/shadow /proc/1/limits"
        " && mkfifo /proc/1/cgroup && echo ready && exec sleep 1000"
    )
    run(engine, "liar", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined",
        command=("busybox", "sh", "-c", script))  # fmt: skip
    engine.wait_for_log("liar", "ready")
    found = explain(engine, "liar")
    assert "SECRET-OF-THE-HOST" not in json.dumps(found)
    assert found["Process"]["Uid"] == 0
    kinds = [(item["Target"], item["Kind"]) for item in found["Mounts"]]
    assert kinds.count(("/proc", "default")) == kinds.count(("/proc", "container")) == 1


def test_a_second_proc_is_found_out(engine):
    script = "mkdir /m && mount -t proc p /m && mount -t proc p /proc && echo ready && sleep 1000"
    run(engine, "second", "--cap-add", "SYS_ADMIN", command=("busybox", "sh", "-c", script))
    engine.wait_for_log("second", "ready")
    found = explain(engine, "second")
    states = {item["Path"]: item["State"] for item in found["Paths"]}
    assert states["/proc/sys"] == "missing"
    text = " ".join(found["Weaknesses"])
    assert "A second proc is mounted at /m" in text
    assert "A second proc is mounted at /proc" in text


def test_thousands_of_mounts_with_odd_names_are_borne(engine):
    script = (
        'i=0; while [ $i -lt 1500 ]; do d="/x/$i a\nb"; mkdir -p "$d"; mount -t tmpfs x "$d";'
        " i=$((i+1)); done; echo ready; sleep 1000"
    )
    run(engine, "many", "--cap-add", "SYS_ADMIN", command=("busybox", "sh", "-c", script))
    engine.wait_for_log("many", "ready")
    found = explain(engine, "many")
    own = [item for item in found["Mounts"] if item["Kind"] == "container"]
    assert len(own) == 1500
    assert own[0]["Target"] == "/x/0 a\nb"


# --- without a process ---------------------------------------------------------------------------


def test_a_stopped_container_says_what_a_start_would_make(engine):
    running = run(engine, "st", "-m", "64m", "-p", "8081:80", "-v", "data:/data")
    engine.docker("stop", "-t", "0", "st")
    found = explain(engine, "st")
    assert (found["Source"], found["Status"]) == ("plan", "exited")
    assert found["Problems"] == []
    assert found["Process"]["Pid"] == 0
    for key in ("Capabilities", "Layers", "Sysctls"):
        assert found[key] == running[key], key
    assert scopes(found) == scopes(running)
    assert found["Oci"] == running["Oci"]
    assert {item["Path"] for item in found["Paths"]} == {item["Path"] for item in running["Paths"]}
    assert found["Seccomp"]["Program"] == running["Seccomp"]["Program"]
    assert found["Network"]["Ports"] == running["Network"]["Ports"]
    targets = {item["Target"] for item in running["Mounts"] if item["Kind"] != "cgroup"}
    planned = {item["Target"] for item in found["Mounts"]}
    assert planned <= targets
    assert {item["Target"] for item in running["Mounts"] if item["Kind"] == "user"} <= planned


def test_a_start_that_would_fail_is_foreseen(engine):
    engine.docker("network", "create", "going")
    run(engine, "gone", "--network", "going")
    modes = [f"--{kind}=container:gone" for kind in ("network", "pid")]
    engine.docker("create", "--name", "orphan", *modes, *SLEEP)
    engine.docker("stop", "-t", "0", "gone")
    assert any("non running" in text for text in explain(engine, "orphan")["Problems"])
    engine.docker("rm", "gone")
    engine.docker("create", "--name", "lost", "--network", "going", "-u", "nosuch", *SLEEP)
    engine.docker("network", "rm", "going")
    assert any("nosuch" in text for text in explain(engine, "lost")["Problems"])
    assert any("going" in text for text in explain(engine, "lost")["Problems"])
    orphan = explain(engine, "orphan")
    assert [text for text in orphan["Problems"] if "No such container" in text]
    assert scopes(orphan)["network"] == scopes(orphan)["pid"] == "container"
    bad = {"Image": "busybox", "HostConfig": {"SecurityOpt": ["seccomp={"]}}
    assert engine.api("POST", "/containers/create?name=bad", bad).status == 201
    found = explain(engine, "bad")
    assert "seccomp" in found["Problems"][0]
    assert found["Seccomp"]["Refused"] == []


# --- dry runs ------------------------------------------------------------------------------------


def test_a_dry_run_makes_nothing(engine):
    before = engine.inventory()
    body = {
        "Image": "busybox",
        "Cmd": ["true"],
        "HostConfig": {
            "Binds": ["fresh:/data", "/nonexistent-for-explain:/n"],
            "Memory": 64 << 20,
            "IpcMode": "shareable",
            "PortBindings": {"80/tcp": [{}]},
        },
        "Volumes": {"/anonymous": {}},
    }
    answer = dry_run(engine, body, "planned")
    assert answer.status == 200, answer
    found = answer.json()
    assert (found["Status"], found["Name"], found["Id"]) == ("dry-run", "planned", "")
    assert engine.inventory() == before
    assert not os.path.exists("/nonexistent-for-explain")
    assert not os.path.exists(f"{engine.place.data_root}/containers/{'0' * 64}")
    assert not os.path.exists(f"{engine.place.exec_root}/containers/{'0' * 64}")
    whys = {item["Target"]: item["Why"] for item in found["Mounts"]}
    assert "does not exist yet" in whys["/n"]
    assert "volume fresh" in whys["/data"]
    assert "Anonymous" in whys["/anonymous"]
    assert [layer["Role"] for layer in found["Layers"]] == ["image"]
    # The name was not taken, and what was said is what comes.
    engine.docker(
        "run", "-d", "--name", "planned", "-m", "64m", "--ipc", "shareable", "-p", "80",
        "-v", "fresh:/data", *SLEEP,
    )  # fmt: skip
    made = explain(engine, "planned")
    assert names(made, "Effective") == names(found, "Effective")
    assert made["Seccomp"]["Program"] == found["Seccomp"]["Program"]
    for key in ("namespaces", "maskedPaths", "readonlyPaths", "sysctl", "resources"):
        assert made["Oci"]["linux"][key] == found["Oci"]["linux"][key]


def test_a_dry_run_warns_as_a_create_does(engine):
    host = {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": "80"}]}}
    found = dry_run(engine, {"Image": "busybox", "HostConfig": host}).json()
    assert found["Warnings"] == ["Published ports are discarded when using host network mode"]
    assert found["Network"]["Ports"] == []


def test_a_port_that_another_container_has_is_foreseen(engine):
    run(engine, "first", "-p", "8083:80")
    engine.docker("create", "--name", "second", "-p", "127.0.0.1:8083:80", *SLEEP)
    text = "Bind for 127.0.0.1:8083 failed: port is already allocated"
    assert explain(engine, "second")["Problems"] == [text]
    assert text in engine.docker("start", "second", check=False).stderr
    host = {"PortBindings": {"80/tcp": [{"HostPort": "8083"}]}}
    answer = dry_run(engine, {"Image": "busybox", "HostConfig": host})
    assert (answer.status, "already allocated" in answer.message) == (409, True)
    host["PortBindings"]["80/tcp"][0]["HostPort"] = "8084"
    assert dry_run(engine, {"Image": "busybox", "HostConfig": host}).status == 200


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ({"NetworkMode": "host"}, {"network": "host"}),
        ({"PidMode": "host", "IpcMode": "host"}, {"pid": "host", "ipc": "host"}),
        ({"Privileged": True, "NetworkMode": "none"}, {"network": "own"}),
    ],
)
def test_dry_runs_of_modes(engine, host, scope):
    found = dry_run(engine, {"Image": "busybox", "HostConfig": host}).json()
    assert scope.items() <= scopes(found).items()


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "config cannot be empty"),
        ({"Image": "nosuch", "Cmd": ["x"]}, 404, "No such image"),
        ({"Image": "busybox", "User": "nosuch"}, 400, "unable to find user nosuch"),
        ({"Image": "busybox", "HostConfig": {"Memory": 1}}, 400, "memory limit"),
        ({"Image": "busybox", "HostConfig": {"CapAdd": ["NOSUCH"]}}, 400, "NOSUCH"),
        ({"Image": "busybox", "HostConfig": {"NetworkMode": "nosuch"}}, 404, "nosuch not found"),
        ({"Image": "busybox", "HostConfig": {"NetworkMode": "container:no"}}, 400, "no"),
        ({"Image": "busybox", "HostConfig": {"SecurityOpt": ["seccomp={"]}}, 400, "seccomp"),
        ({"Image": "busybox", "HostConfig": {"Devices": [{"PathOnHost": "/dev/no"}]}}, 400, "no"),
        (
            {"Image": "busybox", "HostConfig": {"Mounts": [
                {"Type": "bind", "Source": "/nonexistent-x", "Target": "/x"}]}},
            400, "bind source path does not exist",
        ),
        ({"Image": "busybox", "HostConfig": {"Memory": "much"}}, 400, "invalid JSON"),
    ],
)  # fmt: skip
def test_a_bad_dry_run_says_what_is_wrong(engine, body, status, text):
    before = engine.inventory()
    answer = dry_run(engine, body)
    assert answer.status == status, answer
    assert text in answer.message
    assert engine.inventory() == before


def test_a_name_that_is_taken_is_a_conflict(engine):
    run(engine, "taken")
    answer = dry_run(engine, {"Image": "busybox"}, "taken")
    assert answer.status == 409
    assert "already in use" in answer.message
    assert dry_run(engine, {"Image": "busybox"}, "bad%20name").status == 400


def test_no_such_container(engine):
    answer = engine.api("GET", "/baleen/v1/containers/nosuch/explain")
    assert (answer.status, answer.message) == (404, "No such container: nosuch")


# --- the daemon's life, and speed ----------------------------------------------------------------


def test_a_container_that_outlived_the_daemon_is_explained(engine):
    before = run(engine, "old", "-p", "8082:80")
    engine.restart()
    after = explain(engine, "old")
    for key in ("Namespaces", "Mounts", "Capabilities", "Seccomp", "Network", "Layers", "Oci"):
        assert after[key] == before[key], key


def test_it_answers_within_50_ms(engine):
    run(engine, "fast")
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        explain(engine, "fast")
        times.append(time.perf_counter() - begin)
    # Of twenty, one at least is not disturbed by the other work of this machine.
    assert min(times) < 0.05


def test_while_containers_come_and_go(engine):
    """Answers are whole, or say that there is no such process; nothing else."""
    run(engine, "stay")
    for number in range(8):
        process = engine.popen("run", "--rm", "--name", f"go{number}", "busybox", "true")
        statuses = set()
        while process.poll() is None:
            for name in ("stay", f"go{number}"):
                statuses.add(engine.api("GET", f"/baleen/v1/containers/{name}/explain").status)
        process.communicate()
        assert statuses <= {200, 404, 409}, statuses
    wait_until("only one is left", lambda: engine.out("ps", "-aq").count("\n") == 0)
