"""Every option of `docker run` about isolation and limits: what the kernel then has, by the client.

And for each one input that is wrong: the words that Docker has for it, and nothing left behind.
What only the unified hierarchy has is in `test_cgroup_v2.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bed import wait_until

from baleen.linux.capabilities import CAPABILITIES, capget

pytestmark = pytest.mark.integration

V1 = Path("/sys/fs/cgroup/memory/cgroup.procs").exists()
only_v1 = pytest.mark.skipif(not V1, reason="this host has no cgroup v1: test_cgroup_v2.py")


def started(engine, *options: str) -> None:
    engine.docker("run", "-d", "--name", "box", *options, "busybox", "sleep", "1000")


def group_file(engine, controller: str, file: str) -> str:
    """Return the content of a file of the container's group on version 1."""
    for line in Path(f"/proc/{engine.state('box')['Pid']}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return (Path("/sys/fs/cgroup") / controller / path[1:] / file).read_text().strip()
    pytest.skip(f"this host has no {controller} controller")


def removed(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def block_device() -> tuple[str, str]:
    """Return path and numbers of a whole block device of this host."""
    for entry in sorted(Path("/sys/block").iterdir()):
        if Path(f"/dev/{entry.name}").is_block_device():
            return f"/dev/{entry.name}", (entry / "dev").read_text().strip()
    pytest.skip("this host has no block device")


# --- limits ----------------------------------------------------------------------------------


@only_v1
@pytest.mark.parametrize(
    ("options", "controller", "expected"),
    [
        (("--cpu-shares", "512"), "cpu", {"cpu.shares": "512"}),
        (
            ("--cpu-period", "50000", "--cpu-quota", "20000"), "cpu",
            {"cpu.cfs_period_us": "50000", "cpu.cfs_quota_us": "20000"},
        ),
        (("--cpus", "0.25"), "cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "25000"}),
        (("--cpuset-cpus", "0"), "cpuset", {"cpuset.cpus": "0"}),
        (("--cpuset-mems", "0"), "cpuset", {"cpuset.mems": "0"}),
        (("--pids-limit", "77"), "pids", {"pids.max": "77"}),
        (("--pids-limit", "-1"), "pids", {"pids.max": "max"}),
        (
            ("--memory", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"), "memory",
            {
                "memory.limit_in_bytes": str(64 << 20),
                "memory.memsw.limit_in_bytes": str(96 << 20),
                "memory.soft_limit_in_bytes": str(32 << 20),
            },
        ),
        (("--memory", "64m", "--memory-swappiness", "7"), "memory", {"memory.swappiness": "7"}),
    ],
)  # fmt: skip
def test_limits_are_in_the_files_of_version_1(engine, options, controller, expected):
    started(engine, *options)
    for file, value in expected.items():
        try:
            found = group_file(engine, controller, file)
        except FileNotFoundError:
            continue  # a kernel without swap accounting
        assert found == value, file


@only_v1
def test_the_oom_killer_is_off(engine):
    started(engine, "--memory", "64m", "--oom-kill-disable")
    text = group_file(engine, "memory", "memory.oom_control")
    assert "oom_kill_disable 1" in text.splitlines()


@only_v1
def test_block_devices_are_throttled(engine):
    path, numbers = block_device()
    started(
        engine, "--device-read-bps", f"{path}:1mb", "--device-write-bps", f"{path}:2mb",
        "--device-read-iops", f"{path}:300", "--device-write-iops", f"{path}:400",
    )  # fmt: skip
    for file, rate in (
        ("read_bps_device", 1 << 20), ("write_bps_device", 2 << 20),
        ("read_iops_device", 300), ("write_iops_device", 400),
    ):  # fmt: skip
        assert group_file(engine, "blkio", f"blkio.throttle.{file}") == f"{numbers} {rate}"


def test_a_weight_holds_or_is_said_not_to(engine):
    """Without a scheduler that knows weights the kernel has no file for them."""
    path, _ = block_device()
    done = engine.docker("run", "-d", "--name", "box", "--blkio-weight", "200",
                         "--blkio-weight-device", f"{path}:300", "busybox", "sleep", "1000",
                         check=False)  # fmt: skip
    if done.returncode:
        assert "weight" in done.stderr.lower()
    elif V1 and "weight" not in done.stderr.lower():
        assert "200" in (
            group_file(engine, "blkio", "blkio.bfq.weight"),
            group_file(engine, "blkio", "blkio.weight"),
        )


def test_another_cgroup_parent(engine):
    name = f"{engine.place.cgroup_parent}/parent"
    started(engine, "--cgroup-parent", name)
    text = Path(f"/proc/{engine.state('box')['Pid']}/cgroup").read_text()
    assert f":{name}/{engine.inspect('box')['Id']}" in text
    engine.docker("rm", "-f", "box")
    # What is made ahead for the next container may come there at any moment; not without a daemon.
    engine.stop()
    left = [
        directory
        for top in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/"))
        if (directory := top / name[1:]).is_dir()
    ]
    wait_until("the group is empty", lambda: all(map(removed, left)), timeout_s=25, every_s=0.2)
    assert not [directory for directory in left if directory.exists()]
    engine.start()


@pytest.mark.parametrize("parent", ["..", "../../x", "/a/../../b", "x\ny", "/a//../.."])
def test_a_cgroup_parent_that_climbs(engine, parent):
    done = engine.docker("create", "--name", "bad", "--cgroup-parent", parent, "busybox", "true",
                         check=False)  # fmt: skip
    assert done.returncode == 1, done
    assert "invalid cgroup parent" in done.stderr


def test_ulimits_of_every_kind(engine):
    asked = {
        "core": "0:0", "cpu": "100:200", "data": "1000000:2000000", "fsize": "1000:2000",
        "locks": "5:6", "memlock": "65536:65536", "msgqueue": "1000:2000", "nice": "1:2",
        "nofile": "100:200", "nproc": "300:400", "rss": "1000:2000", "rtprio": "1:2",
        "rttime": "1000:2000", "sigpending": "50:60", "stack": "1000000:-1",
    }  # fmt: skip
    titles = {
        "core": "Max core file size", "cpu": "Max cpu time", "data": "Max data size",
        "fsize": "Max file size", "locks": "Max file locks", "memlock": "Max locked memory",
        "msgqueue": "Max msgqueue size", "nice": "Max nice priority", "nofile": "Max open files",
        "nproc": "Max processes", "rss": "Max resident set", "rtprio": "Max realtime priority",
        "rttime": "Max realtime timeout", "sigpending": "Max pending signals",
        "stack": "Max stack size",
    }  # fmt: skip
    options = [word for name, value in asked.items() for word in ("--ulimit", f"{name}={value}")]
    text = engine.out("run", "--rm", *options, "busybox", "cat", "/proc/self/limits")
    if not capget()[1] >> CAPABILITIES["CAP_SYS_RESOURCE"] & 1:
        for name in ("nice", "rtprio", "msgqueue", "memlock"):  # may be above our own limits
            del asked[name]
    for name, value in asked.items():
        line = next(line for line in text.splitlines() if line.startswith(titles[name]))
        soft, hard = line[len(titles[name]) :].split()[:2]
        wanted = value.replace("-1", "unlimited").split(":")
        assert [soft, hard] == wanted, line


@pytest.mark.parametrize("score", ["-1000", "-1", "0", "500", "1000"])
def test_oom_score(engine, score):
    if int(score) < 0 and not capget()[1] >> CAPABILITIES["CAP_SYS_RESOURCE"] & 1:
        pytest.skip("needs CAP_SYS_RESOURCE to lower oom_score_adj")
    found = engine.out("run", "--rm", "--oom-score-adj", score, "busybox", "cat",
                       "/proc/self/oom_score_adj")  # fmt: skip
    assert found == score


# --- namespaces ------------------------------------------------------------------------------

NAMESPACE = ("sh", "-c", "readlink /proc/self/ns/$0")


def namespace(engine, kind: str, *options: str) -> str:
    return engine.out("run", "--rm", *options, "busybox", *NAMESPACE, kind)


def test_modes_of_namespaces(engine):
    host = {kind: os.readlink(f"/proc/{engine.pid}/ns/{kind}") for kind in
            ("ipc", "pid", "uts", "net", "cgroup", "user")}  # fmt: skip
    started(engine, "--ipc", "shareable")
    pid = engine.state("box")["Pid"]
    for kind, option in (("ipc", "--ipc"), ("pid", "--pid"), ("net", "--network")):
        assert namespace(engine, kind, option, "host") == host[kind]
        assert namespace(engine, kind, option, "container:box") == os.readlink(
            f"/proc/{pid}/ns/{kind}"
        )
        assert namespace(engine, kind) not in (host[kind], os.readlink(f"/proc/{pid}/ns/{kind}"))
    assert namespace(engine, "uts", "--uts", "host") == host["uts"]
    assert namespace(engine, "uts") != host["uts"]
    assert namespace(engine, "cgroup", "--cgroupns", "host") == host["cgroup"]
    assert namespace(engine, "cgroup", "--cgroupns", "private") != host["cgroup"]
    assert namespace(engine, "user", "--userns", "host") == host["user"]
    assert namespace(engine, "ipc", "--ipc", "private") != host["ipc"]


def test_ipc_none_has_no_shared_memory(engine):
    text = engine.out("run", "--rm", "--ipc", "none", "busybox", "cat", "/proc/self/mounts")
    assert " /dev/shm " not in text


def test_shared_memory_of_another(engine):
    started(engine, "--ipc", "shareable", "--shm-size", "8m")
    engine.docker("exec", "box", "sh", "-c", "echo shared > /dev/shm/x")
    text = engine.out("run", "--rm", "--ipc", "container:box", "busybox", "sh", "-c",
                      "cat /dev/shm/x; df -k /dev/shm | tail -1")  # fmt: skip
    assert text.split()[0] == "shared"
    assert "8192" in text.split()


# --- security options ------------------------------------------------------------------------


def seccomp_mode(engine, *options: str) -> str:
    return engine.out("run", "--rm", *options, "busybox", "sh", "-c",
                      "grep -w Seccomp /proc/self/status | cut -f2")  # fmt: skip


def test_seccomp_by_each_word(engine, tmp_path):
    assert seccomp_mode(engine) == "2"
    assert seccomp_mode(engine, "--security-opt", "seccomp=builtin") == "2"
    assert seccomp_mode(engine, "--security-opt", "seccomp=unconfined") == "0"
    profile = tmp_path / "profile.json"
    profile.write_text(
        json.dumps(
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}
                ],
            }
        )
    )
    text = engine.out("run", "--rm", "--security-opt", f"seccomp={profile}", "busybox", "sh", "-c",
                      "mkdir /x 2>&1; grep -w Seccomp /proc/self/status | cut -f2")  # fmt: skip
    assert text.splitlines() == ["mkdir: can't create directory '/x': Permission denied", "2"]


def test_systempaths_unconfined(engine):
    script = "grep -c ' /proc/' /proc/self/mounts; test -w /proc/sys/kernel/msgmax && echo writable"
    assert engine.docker("run", "--rm", "busybox", "sh", "-c", script,
                         check=False).stdout.split()[0] != "0"  # fmt: skip
    text = engine.out("run", "--rm", "--security-opt", "systempaths=unconfined", "busybox", "sh",
                      "-c", script)  # fmt: skip
    assert text.split() == ["0", "writable"]


def test_tmpfs_options(engine):
    text = engine.out(
        "run", "--rm", "--tmpfs", "/t:rw,noexec,nosuid,nodev,size=1m,mode=1700,uid=7,gid=8",
        "busybox", "sh", "-c", "grep ' /t ' /proc/self/mounts; stat -c '%a %u %g' /t",
    )  # fmt: skip
    options = set(text.split()[3].split(","))
    assert {"rw", "noexec", "nosuid", "nodev", "size=1024k", "mode=1700", "uid=7"} <= options
    assert text.splitlines()[1] == "1700 7 8"


# --- what is wrong -----------------------------------------------------------------------------

BAD = [
    (["--cap-add", "NOSUCH"], 'unknown capability: "CAP_NOSUCH"'),
    (["--cap-drop", "NOSUCH"], 'unknown capability: "CAP_NOSUCH"'),
    (["--security-opt", "nosuch"], "nvalid --security-opt"),
    (["--security-opt", "nosuch=x"], "invalid --security-opt"),
    (["--security-opt", "no-new-privileges=maybe"], "invalid --security-opt"),
    (["--security-opt", "systempaths=half"], "invalid --security-opt"),
    (["--security-opt", "seccomp=/no/such"], "opening seccomp profile (/no/such) failed"),
    (["--device", "/dev/nosuch"], "error gathering device information while adding custom device"),
    (["--device", "/etc/passwd"], "not a device node"),
    (["--device", "/dev/null:/dev/x:rwx"], "bad mode specified: rwx"),
    (["--device-cgroup-rule", "x 1:3 rwm"], "invalid device cgroup format"),
    (["--sysctl", "kernel.core_pattern=x"], "sysctl 'kernel.core_pattern=x' is not allowed"),
    (["--sysctl", "net.ipv4.ip_forward=1", "--network", "host"],
     "sysctl 'net.ipv4.ip_forward' not allowed in host network namespace"),
    (["--sysctl", "kernel.msgmax=1", "--ipc", "host"],
     "sysctl 'kernel.msgmax' not allowed in host ipc namespace"),
    (["--sysctl", "net.ipv4.nosuch=1"], "nosuch"),
    (["--ulimit", "nosuch=1"], "invalid ulimit type: nosuch"),
    (["--ulimit", "nofile=9:3"],
     "ulimit soft limit must be less than or equal to hard limit: 9 > 3"),
    (["--shm-size", "-1"], "invalid size"),
    (["--tmpfs", "/t:nosuch=x"], "nvalid tmpfs option"),
    (["--tmpfs", "relative"], "invalid mount path: 'relative' mount path must be absolute"),
    (["--ipc", "nosuch"], "invalid IPC mode: nosuch"),
    (["--ipc", "container:nosuch"], "No such container: nosuch"),
    (["--pid", "nosuch"], "invalid PID mode"),
    (["--pid", "container:nosuch"], "No such container: nosuch"),
    (["--uts", "nosuch"], "invalid UTS mode"),
    (["--cgroupns", "nosuch"], "invalid CGROUP mode"),
    (["--userns", "nosuch"], "invalid USER mode"),
    (["--network", "container:nosuch"], "No such container: nosuch"),
    (["--oom-score-adj", "1001"],
     "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
    (["--cpuset-cpus", "4095"], "Requested CPUs are not available - requested 4095, available: 0"),
    (["--cpuset-cpus", "x"], "Invalid value x for cpuset cpus"),
    (["--cpuset-mems", "63"],
     "Requested memory nodes are not available - requested 63, available: 0"),
    (["--blkio-weight", "5"], "Range of blkio weight is from 10 to 1000"),
    (["--blkio-weight-device", "/dev/x:5"], "invalid weight for device: /dev/x:5"),
    (["--device-read-bps", "/no/such:1mb"], "bad format for device path"),
    (["--device-read-bps", "/dev/nosuch:1mb"], "cannot limit device '/dev/nosuch'"),
    (["--device-write-iops", "/dev/null:x"], "invalid rate for device"),
    (["--cpu-period", "10"], "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than"),
    (["--cpu-quota", "10"], "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (["--cpus", "100000"], "Range of CPUs is from 0.01 to"),
    (["--cpus", "1", "--cpu-quota", "5000"],
     "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
    (["--memory", "1m"], "Minimum memory limit allowed is 6MB"),
    (["--memory", "64m", "--memory-swap", "32m"],
     "Minimum memoryswap limit should be larger than memory limit, see usage"),
    (["--memory-swap", "64m"],
     "You should always set the Memory limit when using Memoryswap limit, see usage"),
    (["--memory-swappiness", "101"], "Valid memory swappiness range is 0-100"),
    (["--memory", "64m", "--memory-reservation", "128m"],
     "Minimum memory limit can not be less than memory reservation limit, see usage"),
    (["--group-add", "nosuch"], "nable to find group nosuch"),
    (["--runtime", "nosuch"], "unknown or invalid runtime name: nosuch"),
    (["--isolation", "hyperv"], "invalid isolation"),
    (["-h", "a" * 65], "invalid hostname format"),
    (["-w", "relative"], "the working directory 'relative' is invalid, it needs to be an absolute"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"), BAD, ids=[" ".join(options)[:48] for options, _ in BAD]
)
def test_what_is_wrong_is_said_in_dockers_words(engine, options, words):
    done = engine.docker("run", "--name", "bad", *options, "busybox", "true", check=False)
    assert done.returncode in (125, 127), (done.returncode, done.stderr)
    assert words in done.stderr, done.stderr
