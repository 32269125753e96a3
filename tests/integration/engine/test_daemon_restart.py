"""Containers outlive the daemon: stopped cleanly or killed, it finds them, their codes and logs."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from bed import wait_until

from baleen.linux.lsm import apparmor_is_enabled, selinux_is_enabled

pytestmark = pytest.mark.integration

SERVE_AND_LOG = (
    "mkdir /w; echo page > /w/index.html; httpd -p 80 -h /w; while :; do echo tick; sleep 0.1; done"
)


def is_gone(pid: int) -> bool:
    """Whether the process has ended; its parent may still have to look."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


@pytest.fixture(params=["stop", "kill9"])
def down(engine, request):
    """How the daemon goes down."""
    return {"stop": engine.stop, "kill9": engine.kill9}[request.param]


def test_running_containers_go_on_untouched(engine, down):
    engine.docker(
        "run",
        "-d",
        "--name",
        "aa",
        "-p",
        "8090:80",
        "busybox",
        "sh",
        "-c",
        SERVE_AND_LOG,
    )
    wait_until("the page", lambda: engine.fetch("127.0.0.1", 8090) == "page\n")
    before = engine.state("aa")
    down()
    assert engine.fetch("127.0.0.1", 8090) == "page\n"
    os.kill(before["Pid"], 0)
    engine.start()
    after = engine.state("aa")
    assert (after["Pid"], after["StartedAt"], after["Status"]) == (
        before["Pid"],
        before["StartedAt"],
        "running",
    )
    assert engine.out("exec", "aa", "echo", "works") == "works"
    lines = engine.out("logs", "-t", "aa").split("\n")
    stamps = [datetime.fromisoformat(line.split()[0]) for line in lines]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(stamps)]
    assert max(gaps) < 1.0
    engine.docker("stop", "-t", "0", "aa")
    assert engine.fetch("127.0.0.1", 8090) == ""


def test_a_container_that_ended_meanwhile_has_its_true_code(engine, down):
    engine.docker(
        "run",
        "-d",
        "-i",
        "--name",
        "bb",
        "busybox",
        "sh",
        "-c",
        "echo first; sleep 0.5; echo last; exit 23",
    )
    pid = engine.state("bb")["Pid"]
    down()
    wait_until("its end", lambda: is_gone(pid))
    engine.start()
    assert engine.out("wait", "bb") == "23"
    state = engine.state("bb")
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 23, 0)
    assert engine.out("logs", "bb") == "first\nlast"


def test_wait_over_the_restart(engine, down):
    engine.docker(
        "run",
        "-d",
        "--name",
        "cc",
        "busybox",
        "sh",
        "-c",
        "while [ ! -e /go ]; do sleep 0.05; done; exit 17",
    )
    down()
    engine.start()
    waiter = engine.popen("wait", "cc")
    engine.docker("exec", "cc", "touch", "/go")
    assert waiter.communicate(timeout=20)[0] == b"17\n"


def test_rm_containers_that_ended_meanwhile_are_removed(engine, down):
    container_id = engine.out("run", "-d", "--rm", "busybox", "sleep", "0.5")
    pid = engine.state(container_id)["Pid"]
    down()
    wait_until("its end", lambda: is_gone(pid))
    engine.start()
    wait_until(
        "it is gone", lambda: engine.api("GET", f"/containers/{container_id}/json").status == 404
    )


def test_a_killed_supervisor_ends_the_container(engine):
    engine.docker("run", "-d", "--name", "ss", "busybox", "sleep", "1000")
    pid = engine.state("ss")["Pid"]
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, 9)
    assert engine.wait_for_status("ss", "exited")["ExitCode"] == 137
    wait_until("its end", lambda: is_gone(pid))
    engine.docker("start", "ss")
    engine.docker("rm", "-f", "ss")


def test_a_supervisor_killed_while_the_daemon_is_down(engine):
    engine.docker("run", "-d", "--name", "ss", "busybox", "sleep", "1000")
    pid = engine.state("ss")["Pid"]
    # Under AppArmor and SELinux execve(2) forgets the parent-death signal with the change of
    # profile: there the next daemon ends the container.
    ends_alone = not (apparmor_is_enabled() or selinux_is_enabled())
    engine.kill9()
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, 9)
    if ends_alone:
        wait_until("its end", lambda: is_gone(pid))
    engine.start()
    assert engine.state("ss")["Status"] == "exited"
    wait_until("its end", lambda: is_gone(pid))
    engine.docker("rm", "ss")


def test_networks_volumes_names_and_images_are_kept(engine, down):
    engine.docker("network", "create", "n1")
    engine.docker("volume", "create", "v1")
    engine.docker("tag", "busybox", "kept:1")
    engine.docker("create", "--name", "xx", "--network", "n1", "-v", "v1:/v", "kept:1", "true")
    engine.docker("run", "-d", "--name", "peer", "--network", "n1", "busybox", "sleep", "1000")
    address = engine.inspect("peer")["NetworkSettings"]["Networks"]["n1"]["IPAddress"]
    down()
    engine.start()
    assert engine.out("start", "-a", "xx") == ""
    assert "volume is in use" in engine.fails("volume", "rm", "v1")
    assert engine.inspect("peer")["NetworkSettings"]["Networks"]["n1"]["IPAddress"] == address
    other = engine.out("run", "--rm", "--network", "n1", "busybox", "sh", "-c", "hostname -i")
    assert address not in other
    assert "1 packets received" in engine.out(
        "run", "--rm", "--network", "n1", "busybox", "ping", "-c", "1", "peer"
    )


def test_restart_policy_always_after_a_supervisor_was_lost(engine):
    engine.docker("run", "-d", "--name", "rr", "--restart", "always", "busybox", "sleep", "1000")
    pid = engine.state("rr")["Pid"]
    os.kill(pid, 9)
    wait_until("a new process", lambda: engine.state("rr")["Pid"] not in (0, pid))
    assert engine.inspect("rr")["RestartCount"] == 1


def test_sigterm_ends_the_daemon_with_zero(engine):
    engine.docker("run", "-d", "busybox", "sleep", "1000")
    assert engine.stop() == 0
    assert not engine.socket.exists()
    assert not (engine.directory / "baleend.pid").exists()
    engine.start()


def test_a_second_daemon_on_the_same_root_is_refused(engine):
    import subprocess
    import sys

    import leaks

    done = subprocess.run(
        leaks.in_netns(
            engine.netns, str(Path(sys.executable).with_name("baleend")),
            f"--data-root={engine.place.data_root}", f"--exec-root={engine.place.exec_root}",
            f"--pidfile={engine.directory}/second.pid", f"-H=unix://{engine.directory}/second.sock",
        ),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert engine.api("GET", "/_ping").status == 200
