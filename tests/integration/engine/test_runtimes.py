"""`--runtime`: containers that another OCI runtime makes, through the docker command.

Each test runs with our own `baleen-runtime` as a foreign program, and with runc and crun where
these are installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from bed import wait_until

from baleen.linux.cgroup import detect
from baleen.linux.mount import MNT_DETACH, MS_BIND, MS_SHARED, mount, umount2

pytestmark = pytest.mark.integration

# crun names the file in between.
NOT_FOUND = r"executable file (`nosuch` )?not found in \$PATH"
OWN_PROGRAM = str(Path(sys.executable).with_name("baleen-runtime"))


@pytest.fixture(scope="module")
def engine(engine):
    """The daemon, with runtimes in its daemon.json."""
    failing = engine.directory / "failing"
    failing.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 1\n")
    failing.chmod(0o755)
    engine.runtimes = {
        "ours": {"path": OWN_PROGRAM, "runtimeArgs": ["--debug"]},
        "missing": {"path": "/no/such/program"},
        "failing": {"path": str(failing)},
        # In PATH.
        "real-runc": {"path": "runc"},
        "crun": {"path": "crun"},
    }
    engine.config = engine.directory / "daemon.json"
    configure(engine)
    engine.stop()
    engine.flags = [f"--config-file={engine.config}"]
    engine.start()
    return engine


def configure(engine, **changes):
    engine.config.write_text(json.dumps({"runtimes": engine.runtimes, **changes}))


@pytest.fixture(params=["ours", "real-runc", "crun"])
def runtime(request):
    if request.param != "ours":
        if shutil.which(request.param.removeprefix("real-")) is None:
            pytest.skip("it is not installed")
        if request.param == "crun" and detect().version == 1:
            pytest.skip("crun refuses hybrid cgroups")
    return request.param


@pytest.fixture
def run(engine, runtime):
    """Run a container of the runtime that the test is about; returns what it printed."""

    def run(*words, **keywords):
        return engine.docker("run", "--runtime", runtime, *words, **keywords)

    return run


def keeper_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_output_exit_code_and_removal(engine, run):
    done = run("--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_stdin_reaches_it_and_its_end_too(engine, run):
    assert run("--rm", "-i", "busybox", "cat", stdin=b"some\nlines\n").stdout == "some\nlines\n"


def test_a_terminal_and_its_size(engine, runtime):
    wait = 'until [ "$(stty size)" = "41 123" ]; do sleep 0.05; done'
    command = f'tty; {wait}; echo resized; read x; echo "got $x"'
    terminal = engine.terminal(
        "run", "--rm", "-it", "--runtime", runtime, "busybox", "sh", "-c", command
    )
    terminal.expect(b"/dev/pts/0")
    terminal.resize(41, 123)
    for _ in range(100):  # until the client listens
        os.kill(terminal.process.pid, signal.SIGWINCH)
        with contextlib.suppress(AssertionError):
            terminal.expect(b"resized", timeout_s=0.1)
            break
    terminal.send(b"word\n")
    terminal.expect(b"got word")
    assert terminal.wait() == 0


def test_inspect_and_the_document(engine, run, runtime):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    seen = engine.inspect("box")
    assert seen["HostConfig"]["Runtime"] == runtime
    bundle = Path(engine.place.exec_root, "containers", seen["Id"], "runtime")
    document = json.loads((bundle / "config.json").read_text())
    assert document["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    status = Path(f"/proc/{seen['State']['Pid']}/status").read_text()
    assert "Seccomp:\t2" in status
    assert seen["Id"] in os.listdir(bundle / "state")


def test_it_is_explained(engine, run, runtime):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    found = engine.api("GET", "/baleen/v1/containers/box/explain").json()
    assert (found["Runtime"], found["Weaknesses"]) == (runtime, [])
    seccomp = found["Seccomp"]
    assert (seccomp["Mode"], seccomp["Profile"]) == ("filter", "builtin")
    assert "mount" in [call["Name"] for group in seccomp["Refused"] for call in group["Syscalls"]]
    engine.docker("run", "-d", "--name", "own", "busybox", "sleep", "1000")
    own = engine.api("GET", "/baleen/v1/containers/own/explain").json()
    assert own["Runtime"] == ""
    assert own["Seccomp"]["Refused"] == seccomp["Refused"]


def test_what_isolates_it_is_what_isolates_ours(engine, run):
    script = (
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; mount | sed 's/ .* type / /; s/"
        "[0-9a-z]*=[^,)]*//g' | cut -d' ' -f1,2 | sort; ls -la /dev | awk '{print $1, $NF}'; id;"
        " cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname; ls /sys/firmware"
    )
    words = ("--rm", "--hostname", "same", "busybox", "sh", "-c", script)
    ours, theirs = engine.docker("run", *words), run(*words)
    differing = set(ours.stdout.splitlines()) ^ set(theirs.stdout.splitlines())
    # What a runtime may choose: how it lists /dev/console, what it masks files with, and names.
    chosen = ("console", "devtmpfs", "cgroup2")
    assert not [line for line in differing if not any(word in line for word in chosen)], differing


def test_execs(engine, run):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    done = engine.docker("exec", "box", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert engine.out("exec", "-i", "box", "cat", stdin=b"word") == "word"
    words = ("-u", "1000:100", "-e", "NAME=value", "-w", "/tmp", "box")
    assert engine.out("exec", *words, "sh", "-c", "id -u; id -g; echo $NAME; pwd") == (
        "1000\n100\nvalue\n/tmp"
    )
    engine.docker("exec", "-d", "box", "sh", "-c", "echo done > /made")
    wait_until("the file", lambda: engine.docker("exec", "box", "cat", "/made", check=False).stdout)
    with contextlib.closing(engine.terminal("exec", "-it", "box", "sh", rows=33)) as terminal:
        terminal.send(b"stty size; exit 9\n")
        terminal.expect(b"33 80")
        assert terminal.wait() == 9


def test_an_exec_that_fails(engine, run):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    done = engine.docker("exec", "box", "nosuch", check=False)
    assert done.returncode == 127
    assert "OCI runtime exec failed" in done.stdout + done.stderr
    assert re.search(NOT_FOUND, done.stdout + done.stderr)
    done = engine.docker("exec", "box", "/etc/passwd", check=False)
    assert done.returncode == 126
    assert engine.state("box")["Running"]


def test_execs_end_with_the_container(engine, run):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    process = engine.popen("exec", "box", "sleep", "1000")
    wait_until("the exec", lambda: engine.out("top", "box").count("sleep 1000") == 2)
    engine.docker("kill", "box")
    assert process.wait(20) == 137
    process.communicate()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("busybox", "nosuch"), 127, NOT_FOUND),
        (("busybox", "/no/such"), 127, "[Nn]o such file or directory"),
        (("busybox", "/etc/passwd"), 126, "[Pp]ermission denied"),
    ],
)
def test_starts_that_fail(engine, run, runtime, words, code, text):
    done = run("--name", "broken", *words, check=False)
    # The client looks for runc's spelling, and does not find it in crun's.
    assert done.returncode == (125 if runtime == "crun" else code)
    assert re.search(text, done.stderr)
    assert "OCI runtime create failed: " in done.stderr or "OCI runtime start" in done.stderr
    state = engine.state("broken")
    assert (state["Status"], state["ExitCode"]) == ("created", code)


def test_a_failed_start_on_a_terminal(engine, runtime):
    terminal = engine.terminal("run", "--rm", "-it", "--runtime", runtime, "busybox", "nosuch")
    terminal.expect(b"executable file")
    assert terminal.wait() == (125 if runtime == "crun" else 127)


def test_signals_and_stop(engine, run):
    script = 'trap "echo got it" HUP; trap "echo end; exit 5" TERM; while :; do sleep 0.05; done'
    run("-d", "--name", "box", "busybox", "sh", "-c", f"echo up; {script}")
    engine.wait_for_log("box", "up")
    engine.docker("kill", "-s", "HUP", "box")
    engine.wait_for_log("box", "got it")
    engine.docker("stop", "box")
    assert engine.state("box")["ExitCode"] == 5
    assert engine.out("logs", "box") == "up\ngot it\nend"
    engine.docker("start", "box")
    engine.docker("stop", "-t", "0", "box")
    assert engine.state("box")["ExitCode"] in (5, 137)


def test_pause_limits_and_measures(engine, run):
    run("-d", "--name", "box", "-m", "64m", "--pids-limit", "50", "busybox", "sleep", "1000")
    engine.docker("pause", "box")
    assert "is paused" in engine.docker("exec", "box", "true", check=False).stderr
    engine.docker("unpause", "box")
    assert engine.out("stats", "--no-stream", "--format", "{{.MemUsage}}", "box").endswith("64MiB")
    assert "sleep 1000" in engine.out("top", "box")
    engine.docker("update", "-m", "96m", "--memory-swap", "96m", "box")
    assert engine.out("stats", "--no-stream", "--format", "{{.MemUsage}}", "box").endswith("96MiB")
    engine.docker("exec", "box", "true")


def test_running_out_of_memory(engine, run):
    run("--name", "box", "-m", "24m", "busybox", "tail", "/dev/zero", check=False)
    state = engine.state("box")
    assert (state["ExitCode"], state["OOMKilled"]) == (137, True)
    engine.docker("start", "-a", "box", check=False)
    assert engine.state("box")["OOMKilled"] is True


def test_networks_names_and_ports(engine, run):
    engine.docker("network", "create", "n1")
    serve = "mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w"
    run("-d", "--name", "web", "--network", "n1", "-p", "8093:80", "busybox", "sh", "-c", serve)
    wait_until("the page", lambda: engine.fetch("127.0.0.1", 8093) == "page\n")
    assert run("--rm", "--network", "n1", "busybox", "wget", "-qO-", "web").stdout == "page\n"
    engine.docker("network", "connect", "bridge", "web")
    assert "eth1" in engine.out("exec", "web", "ip", "-o", "link")
    engine.docker("network", "disconnect", "n1", "web")
    assert "eth0" not in engine.out("exec", "web", "ip", "-o", "link")
    shared = run("--rm", "--network", "container:web", "busybox", "wget", "-qO-", "127.0.0.1")
    assert shared.stdout == "page\n"
    assert "uplink" in run("--rm", "--network", "host", "busybox", "ip", "-o", "link").stdout


def test_volumes_and_copies(engine, run, tmp_path):
    (tmp_path / "in").write_text("from the host\n")
    script = "cp /h/in /v/copy; echo x > /own; mount > /h/mounts; exec sleep 1000"
    words = ("-v", f"{tmp_path}:/h", "-v", "v1:/v", "--tmpfs", "/t")
    run("-d", "--name", "box", *words, "busybox", "sh", "-c", script)
    wait_until("the last file", lambda: (tmp_path / "mounts").exists())
    engine.docker("cp", "box:/own", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "x\n"
    engine.docker("cp", str(tmp_path / "in"), "box:/put")
    assert engine.out("exec", "box", "cat", "/put", "/v/copy") == "from the host\nfrom the host"
    assert "A /own" in engine.out("diff", "box")
    again = run("--rm", "--volumes-from", "box", "busybox", "cat", "/v/copy")
    assert again.stdout == "from the host\n"
    assert str(engine.place.exec_root) not in Path("/proc/self/mountinfo").read_text()


def test_a_shared_volume_is_shared_both_ways_and_nothing_else_is(engine, run):
    shared = engine.directory / "shared"
    shared.mkdir(exist_ok=True)
    mount(str(shared), str(shared), None, MS_BIND)
    try:
        mount(None, str(shared), None, MS_SHARED)
        script = "mkdir /x/in; mount -t tmpfs none /x/in; echo seen > /x/in/file; exec sleep 1000"
        words = ("--privileged", "-v", f"{shared}:/x:rshared")
        run("-d", "--name", "box", *words, "busybox", "sh", "-c", script)
        wait_until("the mount on the host", (shared / "in/file").exists)
        mount("none", str(shared / "in"), "tmpfs", 0)
        assert engine.out("exec", "box", "ls", "/x/in") == ""
        assert str(engine.place.exec_root) not in Path("/proc/self/mountinfo").read_text()
        engine.docker("rm", "-f", "box")
    finally:
        for _ in range(2):
            with contextlib.suppress(OSError):
                umount2(str(shared / "in"), MNT_DETACH)
        umount2(str(shared), MNT_DETACH)


def test_health_checks(engine, run):
    words = ("--health-cmd", "test -e /ok", "--health-interval", "100ms", "--health-retries", "1")
    run("-d", "--name", "box", *words, "busybox", "sh", "-c", "sleep 0.3; touch /ok; sleep 1000")
    wait_until("healthy", lambda: engine.state("box")["Health"]["Status"] == "healthy")


def test_restart_policies(engine, run):
    run("-d", "--name", "box", "--restart", "on-failure:2", "busybox", "sh", "-c",
        "hostname -i; exit 4")  # fmt: skip
    wait_until("the last end", lambda: engine.state("box")["Status"] == "exited", timeout_s=60)
    seen = engine.inspect("box")
    assert (seen["RestartCount"], seen["State"]["ExitCode"]) == (2, 4)
    addresses = engine.out("logs", "box").splitlines()
    assert len(addresses) == 3
    assert len(set(addresses)) == 1


def test_shared_process_namespaces(engine, run):
    run("-d", "--name", "first", "busybox", "sleep", "1000")
    seen = run("--rm", "--pid", "container:first", "busybox", "ps")
    assert "sleep 1000" in seen.stdout
    run("-d", "--name", "host", "--pid", "host", "busybox", "sh", "-c", "sleep 2000 & exit 0")
    engine.wait_for_status("host", "exited")


@pytest.mark.parametrize("down", ["stop", "kill9"])
def test_it_outlives_the_daemon(engine, run, down):
    script = "while [ ! -e /go ]; do sleep 0.05; done; echo last; exit 17"
    run("-d", "--name", "box", "busybox", "sh", "-c", script)
    before = engine.state("box")
    getattr(engine, down)()
    engine.start()
    after = engine.state("box")
    assert (after["Pid"], after["Status"]) == (before["Pid"], "running")
    engine.docker("exec", "box", "touch", "/go")
    assert engine.out("wait", "box") == "17"
    assert engine.out("logs", "box") == "last"


def test_an_end_while_there_is_no_daemon(engine, run):
    run("-d", "--name", "box", "busybox", "sh", "-c", "sleep 0.5; exit 23")
    pid = engine.state("box")["Pid"]
    engine.kill9()
    wait_until("its end", lambda: not Path(f"/proc/{pid}").exists())
    engine.start()
    assert engine.out("wait", "box") == "23"


def test_a_supervisor_killed_while_the_daemon_is_down(engine, run):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    pid = engine.state("box")["Pid"]
    engine.kill9()
    os.kill(keeper_of(keeper_of(pid)), signal.SIGKILL)
    engine.start()
    assert engine.state("box")["ExitCode"] == 137
    wait_until("its end", lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("victim", ["keeper", "supervisor"])
def test_a_killed_keeper_or_supervisor_ends_the_container(engine, run, victim):
    run("-d", "--name", "box", "busybox", "sleep", "1000")
    pid = engine.state("box")["Pid"]
    process = keeper_of(pid)
    assert Path(f"/proc/{process}/comm").read_text() == "baleen-keeper\n"
    os.kill(process if victim == "keeper" else keeper_of(process), signal.SIGKILL)
    assert engine.wait_for_status("box", "exited")["ExitCode"] == 137
    wait_until("its end", lambda: not Path(f"/proc/{pid}").exists())
    engine.docker("start", "box")
    assert engine.out("exec", "box", "echo", "again") == "again"


def test_a_killed_keeper_and_a_restart_policy(engine, run):
    run("-d", "--name", "box", "--restart", "always", "busybox", "sleep", "1000")
    pid = engine.state("box")["Pid"]
    os.kill(keeper_of(pid), signal.SIGKILL)
    wait_until("another process", lambda: engine.state("box")["Pid"] not in (0, pid))
    assert engine.out("exec", "box", "echo", "again") == "again"


def test_privileged_and_unconfined(engine, run):
    script = "grep -E '^(CapEff|Seccomp:)' /proc/self/status"
    ours = engine.out("run", "--rm", "--privileged", "busybox", "sh", "-c", script)
    theirs = run("--rm", "--privileged", "busybox", "sh", "-c", script).stdout
    assert theirs.strip() == ours
    unconfined = run("--rm", "--security-opt", "seccomp=unconfined", "busybox", "sh", "-c", script)
    assert "Seccomp:\t0" in unconfined.stdout


def test_long_paths_of_sockets(engine, run):
    """A terminal's socket is reached although its path is longer than a socket's may be."""
    deep = engine.directory / ("d" * 60)
    engine.stop()
    flags = engine.flags
    old, engine.place.__dict__["exec_root"] = engine.place.exec_root, deep / "run"
    try:
        engine.start()
        done = run("--rm", "-t", "busybox", "tty")
        assert done.stdout.strip() == "/dev/pts/0"
        engine.stop()
    finally:
        engine.place.__dict__["exec_root"] = old
        engine.flags = flags
        if engine.process is None:
            engine.start()
        shutil.rmtree(deep, ignore_errors=True)


def test_many_at_the_same_time(engine, run, runtime):
    clients = [
        engine.popen("run", "--rm", "--runtime", runtime, "busybox", "sh", "-c", f"exit {code}")
        for code in range(10, 18)
    ]
    assert [client.wait(60) for client in clients] == list(range(10, 18))
    for client in clients:
        client.communicate()


# --- the registry --------------------------------------------------------------------------------


def test_unknown_names_are_refused_as_by_dockerd(engine):
    message = engine.fails("run", "--runtime", "nosuch", "busybox", "true", code=125)
    assert "Error response from daemon: unknown or invalid runtime name: nosuch" in message
    assert "Are you" not in message


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("missing", 127, "cannot execute /no/such/program: no such file or directory"),
        ("failing", 125, "OCI runtime create failed: out of order"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["-t"]])
def test_programs_that_do_not_work(engine, name, code, text, flags):
    assert text in engine.fails("run", "--rm", "--runtime", name, *flags, "busybox", "true",
                                code=code)  # fmt: skip


@pytest.mark.parametrize("name", ["runc", "io.containerd.runc.v2", "baleen-runtime", "baleen"])
def test_our_own_under_its_names(engine, name):
    engine.docker("run", "-d", "--name", "box", "--runtime", name, "busybox", "sleep", "1000")
    parent = keeper_of(engine.state("box")["Pid"])
    assert Path(f"/proc/{parent}/comm").read_text() == "baleen-shim\n"
    assert engine.inspect("box")["HostConfig"]["Runtime"] == name


def test_info(engine):
    info = engine.api("GET", "/info").json()
    assert info["DefaultRuntime"] == "baleen-runtime"
    assert info["Runtimes"] == {
        "baleen-runtime": {"path": "baleen-runtime"},
        "runc": {"path": "baleen-runtime"},
        "io.containerd.runc.v2": {"path": "baleen-runtime"},
        **engine.runtimes,
    }


def test_init_is_refused_before_anything_is_made(engine):
    message = engine.fails("run", "--init", "--runtime", "ours", "busybox", "true", code=125)
    assert "--init is not available with the runtime ours" in message
    assert engine.out("ps", "-aq") == ""


def test_a_reload_changes_runtimes_and_default(engine):
    def info():
        return engine.api("GET", "/info").json()

    def reload(**changes):
        configure(engine, **changes)
        os.kill(engine.pid, signal.SIGHUP)

    engine.docker("create", "--name", "box", "--runtime", "ours", "busybox", "true")
    try:
        other = {"other": {"path": OWN_PROGRAM}}
        reload(**{"runtimes": other, "default-runtime": "other"})
        wait_until("the new default", lambda: info()["DefaultRuntime"] == "other")
        engine.docker("run", "-d", "--name", "def", "busybox", "sleep", "1000")
        assert engine.inspect("def")["HostConfig"]["Runtime"] == "other"
        assert "runtime name: ours" in engine.fails("start", "box")
        # A mistake changes nothing.
        reload(**{"default-runtime": "nosuch"})
        wait_until("the refusal", lambda: "'nosuch' does not exist" in engine.log_tail())
        assert info()["DefaultRuntime"] == "other"
    finally:
        reload()
    wait_until("the old default", lambda: info()["DefaultRuntime"] == "baleen-runtime")
    engine.docker("start", "-a", "box")
    engine.docker("kill", "def")
