"""What a plain run gives, seen from inside (case R25 of tests/security/README.md)."""

from __future__ import annotations

import os

import pytest

from baleen.runtime.default_spec import MASKED_PATHS, READONLY_PATHS


def _status(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_capabilities_of_root_are_dockers_default_and_nothing_is_inheritable(runner):
    status = _status(runner.run("cat", "/proc/self/status").out)
    assert status["CapBnd"] == status["CapPrm"] == status["CapEff"] == "00000000a80425fb"
    assert status["CapInh"] == status["CapAmb"] == "0000000000000000"
    assert status["NoNewPrivs"] == "0"


def test_a_user_that_is_not_root_has_no_capability(runner):
    document = runner.document(
        "cat", "/proc/self/status", user={"uid": 1000, "gid": 1001, "additionalGids": [5, 6]}
    )
    for name in ("effective", "permitted"):
        del document["process"]["capabilities"][name]
    status = _status(runner.run_document(document).out)
    assert status["CapBnd"] == "00000000a80425fb"
    assert status["CapPrm"] == status["CapEff"] == status["CapAmb"] == "0000000000000000"
    assert status["Uid"] == "1000\t1000\t1000\t1000"
    assert status["Gid"] == "1001\t1001\t1001\t1001"
    assert status["Groups"].split() == ["5", "6"]


def test_every_namespace_but_cgroup_and_user_is_its_own(runner):
    kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    out = runner.sh("; ".join(f"readlink /proc/self/ns/{kind}" for kind in kinds)).out.split()
    own = {
        kind
        for kind, link in zip(kinds, out, strict=True)
        if link != os.readlink(f"/proc/self/ns/{kind}")
    }
    assert own == {"ipc", "mnt", "net", "pid", "uts"}


def test_mounts_have_dockers_flags(runner):
    mounts = {}
    for line in runner.run("cat", "/proc/self/mountinfo").out.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split()
        kind, _, options = rest.split(" ", 2)
        # Optional fields would tell of propagation to or from the host.
        assert len(words) == 6, line
        mounts.setdefault(words[4], (kind, set(words[5].split(",")), set(options.split(","))))
    assert mounts["/"][0] == "overlay"
    assert mounts["/proc"][:2] == ("proc", {"rw", "nosuid", "noexec", "nodev", "relatime"})
    dev = mounts["/dev"]
    assert dev[0] == "tmpfs"
    assert dev[1] == {"rw", "nosuid"}
    assert {"size=65536k", "mode=755"} <= dev[2]
    pts = mounts["/dev/pts"]
    assert pts[0] == "devpts"
    assert {"gid=5", "mode=620", "ptmxmode=666"} <= pts[2]
    assert mounts["/sys"][:2] == ("sysfs", {"ro", "nosuid", "noexec", "nodev", "relatime"})
    assert "ro" in mounts["/sys/fs/cgroup"][1]
    assert mounts["/dev/mqueue"][0] == "mqueue"
    assert {"size=65536k"} <= mounts["/dev/shm"][2]
    assert {"nosuid", "noexec", "nodev"} <= mounts["/dev/shm"][1]


def test_shm_is_for_everybody_and_cgroups_cannot_be_written(runner):
    result = runner.sh(
        "stat -c %a /dev/shm; find /sys/fs/cgroup -name cgroup.procs | while read f;"
        " do echo 0 > $f 2>/dev/null && echo WROTE $f; done; mkdir /sys/fs/cgroup/x"
    )
    assert result.out == "1777\n"
    assert "Read-only file system" in result.err


def test_only_the_customary_devices_and_links_are_in_dev(runner):
    out = runner.sh("cd /dev; for f in *; do stat -c '%N %F %t,%T %a' $f; done").out
    lines = out.replace("'", "").splitlines()
    nodes = {line.split()[0] for line in lines if "character special file" in line}
    assert nodes == {"full", "null", "random", "tty", "urandom", "zero"}
    assert all(line.endswith(" 666") for line in lines if "character special file" in line)
    links = {line.split(" symbolic")[0] for line in lines if "symbolic link" in line}
    assert links == {
        "core -> /proc/kcore",
        "fd -> /proc/self/fd",
        "ptmx -> pts/ptmx",
        "stderr -> /proc/self/fd/2",
        "stdin -> /proc/self/fd/0",
        "stdout -> /proc/self/fd/1",
    } - (set() if os.path.exists("/proc/kcore") else {"core -> /proc/kcore"})


@pytest.mark.parametrize("path", MASKED_PATHS)
def test_masked_paths_look_empty(runner, path):
    # A directory is empty and read-only; a file is the null device.
    result = runner.sh(
        f"if test -d {path}; then ls -A {path}; touch {path}/x 2>/dev/null && echo WROTE;"
        f" elif test -e {path}; then stat -c %t,%T {path}; cat {path}; fi"
    )
    exists = os.path.exists(path)
    assert result.out == ("1,3\n" if exists and not os.path.isdir(path) else "")


@pytest.mark.parametrize("path", READONLY_PATHS)
def test_readonly_paths_refuse_writes(runner, path):
    if not os.path.exists(path):
        assert runner.sh(f"test -e {path}").code == 1
        return
    where = path if os.path.isfile(path) else "/proc/sys/kernel/core_pattern"
    result = runner.sh(f"echo x > {where}; grep ' {path} ' /proc/self/mountinfo")
    assert "Read-only file system" in result.err
    assert " ro," in result.out


def test_there_is_no_descriptor_but_the_streams(runner):
    # 3 and 10 are what the shell and ls open for the listing themselves.
    out = runner.run("ls", "/proc/self/fd").out.split()
    assert out == ["0", "1", "2", "3"]
    assert runner.sh("test -e /proc/1/fd/3").code == 1


def test_environment_is_only_what_the_spec_says(runner, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_ENGINE", "1")
    out = runner.run("env", env=["PATH=/bin", "A=b=c", "BYTES=\udcff", "A=last"]).out
    assert sorted(out.splitlines()) == ["A=last", "BYTES=\udcff", "PATH=/bin"]


def test_umask_oom_score_and_sysctls(runner):
    result = runner.sh(
        "umask; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_unprivileged_port_start"
        " /proc/sys/net/ipv4/ping_group_range; hostname"
    )
    assert result.out.split() == ["0022", "0", "0", "0", "2147483647", "baleen"]


def test_signals_are_as_a_fresh_process_has_them(runner):
    status = _status(runner.run("cat", "/proc/self/status").out)
    assert status["SigIgn"] == status["SigBlk"] == "0000000000000000"
    assert status["Seccomp"] == "0"


def test_the_session_keyring_is_new(runner):
    with open("/proc/keys") as file:
        ours = {line.split()[0] for line in file if "keyring" in line}
    document = runner.document("cat", "/proc/keys")
    document["linux"]["maskedPaths"] = []
    theirs = {
        line.split()[0] for line in runner.run_document(document).out.splitlines() if "_ses" in line
    }
    assert theirs - ours


def test_mknod_works_but_the_device_cannot_be_opened(runner):
    document = runner.document("sh", "-c", "mknod /tmp/k c 1 11 && cat /tmp/k; cat /dev/null")
    cgroup = runner.cgroup(document["linux"]["resources"])
    result = runner.run_document(document, cgroup=cgroup)
    assert "'/tmp/k': Operation not permitted" in result.err
    assert result.code == 0
