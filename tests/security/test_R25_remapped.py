"""R25 to R28 with `--userns-remap`: root inside has its capabilities, and none over the host.

What the plain cases ask is asked again from within a user namespace, and more where root of the
host would be let: files of the host, nodes, settings of the kernel, mounts, processes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack_lab import Layer, euid_program, image, lines, run
from bed import running
from remapped import ROOT_GID, ROOT_UID, RemappedBed

pytestmark = pytest.mark.integration

DEFAULT = 0x00000000A80425FB
# All that one can add, and nothing that filters: what is left to protect the host are the ids.
ALL = {
    "CapAdd": ["ALL"],
    "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"],
}


@pytest.fixture(scope="module")
def engine():
    yield from running(RemappedBed)


@pytest.fixture
def canary(tmp_path):
    """A directory and a file of the host's root that all may read."""
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (tmp_path / "file").write_text("secret\n")
    (tmp_path / "file").chmod(0o644)
    (tmp_path / "closed").write_text("secret\n")
    (tmp_path / "closed").chmod(0o600)
    return tmp_path


def test_the_sets_are_those_of_any_container(engine):
    found = lines(run(engine, "cat", "/proc/self/status")[1])
    names = ("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")
    assert [int(found[name], 16) for name in names] == [DEFAULT, DEFAULT, DEFAULT, 0, 0]
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "2")


def test_files_of_the_host_are_not_its_to_change(engine, canary):
    before = os.stat(canary / "file")
    code, text = run(
        engine, "sh", "-c",
        "cd /h; cat file; for c in 'chown 0:0 file' 'chown 1 file' 'chmod 4777 file' 'rm -f file' "
        "'touch file' 'touch new' 'ln file other' 'mv -f file other' 'cat closed' "
        "'sh -c \": > file\"' 'mknod pipe p' 'mkdir dir'; do "
        "$c 2>/dev/null && echo \"did $c\"; done; true",
        Binds=[f"{canary}:/h"], **ALL,
    )  # fmt: skip
    assert (code, text) == (0, "secret\n")
    after = os.stat(canary / "file")
    assert (before.st_mode, before.st_uid, before.st_ctime_ns) == (
        after.st_mode, after.st_uid, after.st_ctime_ns
    )  # fmt: skip
    assert sorted(os.listdir(canary)) == ["closed", "file"]


def test_no_node_is_made_that_opens_a_device(engine):
    _, text = run(
        engine, "sh", "-c",
        "for n in 'b 8 0' 'b 254 0' 'c 1 1' 'c 10 229' 'c 1 3'; do mknod /x $n && echo made; "
        "rm -f /x; done 2>&1",
        DeviceCgroupRules=["a *:* rwm"], **ALL,
    )  # fmt: skip
    assert "made" not in text
    assert text.count("Operation not permitted") == 5


def test_a_device_that_is_given_keeps_the_hosts_mode(engine):
    path = next(
        (str(p) for p in sorted(Path("/dev").iterdir())
         if p.is_block_device() and not p.stat().st_mode & 0o007),
        None,
    )  # fmt: skip
    if path is None:
        pytest.skip("this host has no block device that only root opens")
    device = {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"}
    code, text = run(
        engine, "sh", "-c", f"chmod 666 {path}; chown 0 {path}; head -c1 {path} | wc -c",
        Devices=[device], **ALL,
    )  # fmt: skip
    assert text.splitlines()[-1] == "0", (code, text)
    assert text.count("Operation not permitted") == 2
    assert "Permission denied" in text


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sys/fs/file-max",
        "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe", "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/cpu/cpu.shares",
        "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/pids.max",
    ],
)  # fmt: skip
def test_settings_of_the_kernel_are_not_written(engine, path):
    """Nothing is read-only or masked here (systempaths=unconfined); the ids alone protect."""
    _, text = run(
        engine, "sh", "-c",
        f"mount -o remount,rw /proc; mount -o remount,rw /sys; (echo 1 > {path}) && echo wrote",
        **ALL,
    )  # fmt: skip
    assert "wrote" not in text


def test_mounts_in_it_give_nothing_of_the_host(engine):
    _, text = run(
        engine, "sh", "-c",
        "mkdir /m; mount -t tmpfs x /m && echo tmpfs; "
        "for k in ext4 xfs devtmpfs debugfs tracefs securityfs bpf; do "
        "mkdir -p /m/$k; mount -t $k /dev/vda /m/$k 2>/dev/null && echo host $k; done; "
        "mount --bind /proc/1/root /m && ls /m | grep -c work; "
        # Masks are its own mounts, which it may take away: what is below is the host's root's.
        "exec 2>&-; for f in kcore timer_list; do umount /proc/$f; head -c1 /proc/$f | wc -c; done",
        CapAdd=["ALL"], SecurityOpt=["seccomp=unconfined"],
    )  # fmt: skip
    assert text.splitlines()[0] == "tmpfs"
    assert "host" not in text
    assert text.splitlines()[-2:] == ["0", "0"]


def test_the_hosts_processes_and_clock_are_out_of_reach(engine):
    _, text = run(
        engine, "sh", "-c",
        "date -s 2001-01-01; echo 1 > /proc/sys/net/ipv4/ip_forward && echo own; "
        "chroot / true && echo chroot",
        **ALL,
    )  # fmt: skip
    assert "can't set date: Operation not permitted" in text
    # Of its own network namespace it is master, and so it is of what it may do to itself.
    assert {"own", "chroot"} <= {*text.split()}


def test_setuid_and_file_capabilities_stay_within(engine):
    """R27: a setuid-root file of the image makes root of the container, never the host's."""
    name = image(engine, Layer().file("suid", euid_program(), mode=0o4755))
    config = {"User": "100"}
    assert run(engine, "/suid", image=name, config=config)[0] == 0
    code, _ = run(engine, "/suid", image=name, config=config, SecurityOpt=["no-new-privileges"])
    assert code == 100
    engine.docker("run", "-d", "--name", "box", "-u", "1000", name, "sleep", "1000")
    assert engine.docker("exec", "box", "/suid", check=False).returncode == 0
    status = Path(f"/proc/{engine.host_pid('box')}/status").read_text()
    assert f"Uid:\t{ROOT_UID + 1000}\t" in status
    assert f"Gid:\t{ROOT_GID}\t" in status


def test_who_gets_out_by_a_descriptor_is_nobody(engine, canary):
    """The host's tree under /proc/PID/root of the host cannot be had; a bind of / shows modes."""
    secret = canary / "closed"
    engine.docker(
        "run", "-d", "--name", "box", "-v", "/:/host", "--cap-add", "ALL", "--security-opt",
        "seccomp=unconfined", "busybox", "sleep", "1000",
    )  # fmt: skip
    for command in (
        ["cat", f"/host{secret}"],
        ["chroot", "/host", "cat", str(secret)],
        ["cat", "/host/etc/shadow"],
        ["ls", f"/host{engine.data_root}"],
        ["touch", "/host/etc/new"],
    ):
        done = engine.docker("exec", "box", *command, check=False)
        assert done.returncode != 0, command
        assert "ermission denied" in done.stderr or "annot open" in done.stderr, done.stderr
