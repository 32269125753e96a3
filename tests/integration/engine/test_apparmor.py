"""AppArmor around containers, through the real client.

A host without it skips this; `tools/test-vm --lsm apparmor` runs it in a machine that has it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ENABLED = Path("/sys/module/apparmor/parameters/enabled")
POLICY = Path("/sys/kernel/security/apparmor")
PARSER = "/usr/sbin/apparmor_parser"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not (ENABLED.exists() and POLICY.is_dir() and Path(PARSER).exists()),
        reason="this host has no AppArmor: tools/test-vm --lsm apparmor",
    ),
]

DEFAULT = "docker-default (enforce)"
OWN = """
profile baleen-test-own flags=(attach_disconnected,mediate_deleted) {
  capability, network, file, umount, mount,
  signal, ptrace,
  deny /etc/secret r,
}
"""


def parser(action: str, text: str) -> None:
    subprocess.run([PARSER, "-K", action], input=text, text=True, check=True, timeout=60)


def loaded() -> list[str]:
    lines = (POLICY / "profiles").read_text().splitlines()
    return [line.rpartition(" (")[0] for line in lines]


@pytest.fixture
def own_profile():
    parser("-r", OWN)
    yield "baleen-test-own"
    parser("-R", OWN)


def confined(engine, *arguments, command="cat /proc/self/attr/current", check=True) -> str:
    done = engine.docker("run", "--rm", *arguments, "busybox", "sh", "-c", command, check=check)
    return (done.stdout + done.stderr).strip()


def test_info_says_so(engine):
    assert "name=apparmor" in engine.out("info", "--format", "{{json .SecurityOptions}}")


def test_a_container_and_its_execs_are_confined_by_the_default_profile(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    assert engine.inspect("box")["AppArmorProfile"] == "docker-default"
    pid = engine.state("box")["Pid"]
    assert Path(f"/proc/{pid}/attr/current").read_text().strip() == DEFAULT
    for arguments in ([], ["-t"], ["-u", "1000"], ["--privileged"]):
        out = engine.out("exec", *arguments, "box", "cat", "/proc/self/attr/current")
        assert out.strip() == DEFAULT, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        *(("-t",), ("-u", "1000"), ("--security-opt", "no-new-privileges")),
        *(("--init",), ("--init", "-u", "1000", "-t")),
    ],
)
def test_each_way_to_run_is_confined(engine, arguments):
    assert confined(engine, *arguments) == DEFAULT


def test_what_reaches_the_host_is_denied_even_where_nothing_else_does(engine):
    """With all capabilities and nothing masked, only the profile is in the way."""
    everything = (
        *("--cap-add", "ALL", "--security-opt", "systempaths=unconfined"),
        *("--security-opt", "seccomp=unconfined"),
    )
    attempts = {
        "echo h > /proc/sysrq-trigger": "denied",
        "cat /proc/kcore | head -c 1": "denied",
        "echo x > /proc/sys/kernel/core_pattern": "denied",
        "echo 1 > /proc/sys/vm/drop_caches": "denied",
        "mount -t tmpfs x /mnt": "denied",
        "mount -o remount,rw /sys": "denied",
        "echo changeprofile unconfined > /proc/self/attr/current": "denied",
        "echo exec unconfined > /proc/self/attr/exec": "denied",
    }
    for command, expected in attempts.items():
        out = confined(engine, *everything, command=f"mkdir -p /mnt; {command}", check=False)
        assert expected in out.lower(), command
    allowed = (
        "echo 70000 > /proc/sys/kernel/shmmax && echo 10 > /proc/self/oom_score_adj"
        " && cat /proc/sys/kernel/core_pattern > /dev/null && echo fine"
    )
    assert confined(engine, *everything, command=allowed) == "fine"


def test_a_sysctl_that_was_asked_for_is_written_all_the_same(engine):
    out = confined(
        engine, "--sysctl", "net.core.somaxconn=77", command="cat /proc/sys/net/core/somaxconn"
    )
    assert out == "77"


def test_signals_pass_from_the_host_and_within_the_container(engine):
    engine.docker("run", "-d", "--name", "box", "--init", "busybox", "sleep", "1000")
    assert engine.out("exec", "box", "cat", "/proc/1/attr/current") == DEFAULT
    engine.docker("exec", "-d", "box", "sleep", "2000")
    engine.docker("exec", "box", "sh", "-c", "kill -9 $(pidof -s sleep); ps")
    engine.docker("stop", "-t", "20", "box")
    assert engine.state("box")["ExitCode"] in (0, 137, 143)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--security-opt", "apparmor=unconfined"),
        ("--security-opt", "apparmor:unconfined"),
        ("--privileged",),
        ("--privileged", "--security-opt", "apparmor=nonexistent"),
    ],
)
def test_unconfined(engine, arguments):
    engine.docker("run", "-d", "--name", "box", *arguments, "busybox", "sleep", "1000")
    assert engine.inspect("box")["AppArmorProfile"] == "unconfined"
    assert engine.out("exec", "box", "cat", "/proc/self/attr/current") == "unconfined"


def test_an_own_profile(engine, own_profile):
    option = ("--security-opt", f"apparmor={own_profile}")
    command = "cat /proc/self/attr/current; echo x > /etc/secret; cat /etc/secret"
    out = confined(engine, *option, command=command, check=False)
    assert out.startswith(f"{own_profile} (enforce)")
    assert "Permission denied" in out


def test_R13_a_faked_proc_does_not_catch_the_label_of_an_exec(engine, own_profile):
    """CVE-2025-52881: what a container mounts where labels are written is never written to."""
    engine.docker(
        *("run", "-d", "--name", "box", "--cap-add", "SYS_ADMIN"),
        *("--security-opt", f"apparmor={own_profile}", "--security-opt", "seccomp=unconfined"),
        *("busybox", "sh", "-c"),
        "mount -t tmpfs x /proc && mkdir -p /proc/self/attr/apparmor"
        " && touch /proc/self/attr/exec /proc/self/attr/apparmor/exec && echo made && sleep 1000",
    )
    engine.wait_for_log("box", "made")
    engine.docker("exec", "-d", "box", "sleep", "2000")
    pids = engine.out("top", "box", "-o", "pid,args").splitlines()
    pid = next(line.split()[0] for line in pids if "sleep 2000" in line)
    assert Path(f"/proc/{pid}/attr/current").read_text().strip() == f"{own_profile} (enforce)"
    written = engine.out(
        *("exec", "box", "sh", "-c"), "cat /proc/self/attr/exec /proc/self/attr/apparmor/exec"
    )
    assert written == ""


def test_a_profile_that_is_not_loaded_is_named_and_nothing_runs(engine):
    engine.docker("create", "--name", "box", "--security-opt", "apparmor=no-such", "busybox")
    message = engine.fails("start", "box")
    assert 'unable to apply apparmor profile "no-such": the profile is not loaded' in message
    assert engine.state("box")["Status"] in ("created", "exited")
    assert engine.state("box")["Pid"] == 0


def test_the_default_profile_is_loaded_again_when_it_is_missing(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    (POLICY / ".remove").write_text("docker-default")
    assert "docker-default" not in loaded()
    assert engine.out("exec", "box", "cat", "/proc/self/attr/current") == DEFAULT
    (POLICY / ".remove").write_text("docker-default")
    assert confined(engine) == DEFAULT


def test_an_administrators_own_default_profile_stays(engine):
    text = OWN.replace("baleen-test-own", "docker-default")
    parser("-r", text)
    try:
        engine.stop()
        engine.start()
        out = confined(engine, command="echo x > /etc/secret; cat /etc/secret", check=False)
        assert "Permission denied" in out
    finally:
        (POLICY / ".remove").write_text("docker-default")
        assert confined(engine) == DEFAULT


def test_explain_names_the_profile(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    report = engine.api("GET", "/v1.55/baleen/v1/containers/box/explain").json()
    assert report["Process"]["Lsm"] == DEFAULT
