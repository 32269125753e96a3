"""R25: Docker's defaults line by line, asked from inside by system calls, through the client.

The sections are those of the table "What a plain `run` gives"; the same questions are then asked
with --privileged, --cap-add ALL and --cap-drop ALL. `test_R25_plain_run.py` has the short ones.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

import pytest
from inside import ask, ask_in, interpreter

from baleen.linux.capabilities import CAPABILITIES
from baleen.linux.syscall_table import numbers

pytestmark = pytest.mark.integration

MACHINE = os.uname().machine


# --- namespaces ------------------------------------------------------------------------------

LINKS = """
    print(json.dumps({n: os.readlink(f"/proc/self/ns/{n}") for n in os.listdir("/proc/self/ns")}))
"""


def namespaces_of_its_own(engine, *options):
    found = ask(engine, LINKS, *options)
    return {
        name
        for name, link in found.items()
        if not name.endswith("_for_children") and link != os.readlink(f"/proc/self/ns/{name}")
    }


def test_namespaces(engine):
    kinds = {"mnt", "net", "uts", "pid", "ipc"}
    if Path("/proc/self/ns/time").exists():
        kinds.add("time")
    if engine.api("GET", "/info").json()["CgroupVersion"] == "2":
        assert namespaces_of_its_own(engine) == kinds | {"cgroup"}
        assert namespaces_of_its_own(engine, "--privileged") == kinds
    else:
        assert namespaces_of_its_own(engine) == kinds
        assert namespaces_of_its_own(engine, "--cgroupns", "private") == kinds | {"cgroup"}


def test_an_exec_is_in_the_same_ones(engine):
    engine.docker("run", "-d", "--name", "box", *interpreter(), "busybox", "sleep", "1000")
    pid = engine.state("box")["Pid"]
    found = ask_in(engine, "box", LINKS)
    assert found == {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in found}
    # The clocks are the host's: a namespace alone changes none of them.
    uptime = float(engine.out("exec", "box", "cat", "/proc/uptime").split()[0])
    assert abs(uptime - float(Path("/proc/uptime").read_text().split()[0])) < 5


# --- mounts ----------------------------------------------------------------------------------

MOUNTS = """
    rows = {}
    for line in open("/proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        fields, (kind, source, options) = left.split(), right.split(None, 2)
        flags = sorted(fields[5].split(","))
        rows[fields[4]] = [kind, flags, options.strip().split(","), fields[6:]]
    print(json.dumps(rows))
"""
PLAIN = ["nodev", "noexec", "nosuid", "relatime"]


def test_mounts_and_their_options(engine):
    table = ask(engine, MOUNTS)
    for place, kind, flags, options in (
        ("/proc", "proc", [*PLAIN, "rw"], set()),
        ("/dev", "tmpfs", ["nosuid", "rw"], {"size=65536k", "mode=755"}),
        ("/dev/pts", "devpts", ["noexec", "nosuid", "relatime", "rw"],
         {"gid=5", "mode=620", "ptmxmode=666"}),
        ("/sys", "sysfs", ["nodev", "noexec", "nosuid", "relatime", "ro"], set()),
        ("/dev/mqueue", "mqueue", [*PLAIN, "rw"], set()),
        ("/dev/shm", "tmpfs", [*PLAIN, "rw"], {"size=65536k"}),
    ):  # fmt: skip
        found = table[place]
        assert (found[0], found[1]) == (kind, sorted(flags)), (place, found)
        assert options <= set(found[2]), (place, found)
    assert {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"} <= set(table)
    assert all("ro" in row[1] for place, row in table.items() if place.startswith("/sys"))
    # rprivate: no peer group, no master.
    assert not [place for place, row in table.items() if row[3]]


def test_privileged_opens_sysfs_and_cgroups_and_masks_nothing(engine):
    table = ask(engine, MOUNTS, "--privileged")
    assert "rw" in table["/sys"][1]
    groups = [row for place, row in table.items() if place.startswith("/sys/fs/cgroup")]
    assert groups
    # The tmpfs over the hierarchies of v1 itself holds nothing to write.
    assert all("rw" in row[1] for row in groups if row[0].startswith("cgroup"))
    assert not [place for place in table if place.startswith("/proc/")]


@pytest.mark.parametrize("options", [(), ("--cap-add", "ALL"), ("--cap-drop", "ALL")])
def test_masks_stay_whatever_the_capabilities(engine, options):
    found = ask(
        engine,
        """
        state = {}
        for path in ("acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list "
                     "timer_stats").split():
            path = "/proc/" + path
            if os.path.isdir(path):
                state[path] = os.listdir(path) or "empty"
            elif os.path.exists(path):
                info = os.stat(path)
                state[path] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
        for path in ["/sys/firmware", "/sys/devices/virtual/powercap"] + [
            f"/sys/devices/system/cpu/cpu{n}/thermal_throttle" for n in range(os.cpu_count())
        ]:
            if os.path.isdir(path):
                state[path] = os.listdir(path) or "empty"
        written = {}
        for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern",
                     "/proc/irq/default_smp_affinity", "/proc/fs/x", "/proc/bus/x"):
            written[path] = attempt(lambda: os.open(path, os.O_WRONLY | os.O_CREAT))
        print(json.dumps([state, written]))
        """,
        *options,
    )
    state, written = found
    assert all(value in ("empty", [1, 3]) for value in state.values()), state
    assert "/proc/keys" in state or not Path("/proc/keys").exists()
    for path, error in written.items():
        if Path(path).exists():
            assert error == "EROFS", (path, error)
        else:
            assert error != 0, path


# --- devices ---------------------------------------------------------------------------------

DEVICES = """
    def use(kind, major, minor):
        path = f"/tmp/{kind}{major}x{minor}"
        made = attempt(os.mknod, path, {"c": 0o20000, "b": 0o60000}[kind] | 0o666,
                       os.makedev(major, minor))
        return [made, attempt(os.open, path, os.O_RDONLY | os.O_NONBLOCK) if not made else None]
    os.makedirs("/tmp", exist_ok=True)
    own = {n: attempt(os.open, "/dev/" + n, os.O_RDWR | os.O_NONBLOCK)
           for n in "null zero full random urandom ptmx".split()}
    asked = {f"{k} {a}:{b}": use(k, a, b) for k, a, b in (
        ("c", 1, 1), ("c", 1, 11), ("c", 10, 229), ("c", 10, 200), ("b", 7, 0), ("c", 5, 2),
        ("c", 1, 5))}
    links = {n: os.readlink("/dev/" + n) for n in "fd stdin stdout stderr ptmx".split()}
    print(json.dumps([own, asked, links, sorted(os.listdir("/dev"))]))
"""


def test_devices_deny_all_but_a_few(engine):
    own, asked, links, names = ask(engine, DEVICES)
    assert set(own.values()) == {0}
    for device, (made, opened) in asked.items():
        # Any node may be made; of these two only are allowed to be used.
        assert made == 0, device
        assert (opened == "EPERM") == (device not in ("c 5:2", "c 1:5")), (device, opened)
    assert links == {
        "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx",
    }  # fmt: skip
    assert set(names) - {"core"} == {
        "null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "mqueue", *links,
    }  # fmt: skip
    assert "console" in ask(engine, DEVICES, "-t")[3]


def test_privileged_has_the_hosts_devices(engine):
    own, asked, _, names = ask(engine, DEVICES, "--privileged")
    assert set(own.values()) == {0}
    assert "EPERM" not in [opened for _, opened in asked.values()]
    here = {
        name
        for name in os.listdir("/dev")
        if Path("/dev", name).is_char_device() or Path("/dev", name).is_block_device()
    }
    assert here - {"console", "ptmx", "core"} <= set(names)


def test_without_mknod_no_node_is_made(engine):
    asked = ask(engine, DEVICES, "--cap-drop", "MKNOD")[1]
    assert {made for made, _ in asked.values()} == {"EPERM"}
    # A capability does not open the device cgroup.
    asked = ask(engine, DEVICES, "--cap-add", "ALL")[1]
    assert asked["b 7:0"] == [0, "EPERM"]


# --- the process -----------------------------------------------------------------------------


def test_keyring_umask_limits_and_scores(engine):
    source = """
        print(json.dumps(dict(
            session=raw(NUMBERS["keyctl"], 0, -3, 0)[0],
            umask=os.umask(0), oom=open("/proc/self/oom_score_adj").read().strip(),
            sysctl={n: open("/proc/sys/net/ipv4/" + n).read().split()
                    for n in ("ip_unprivileged_port_start", "ping_group_range")},
            limits=open("/proc/self/limits").read(),
            status=open("/proc/self/status").read(),
        )))
    """
    found = ask(engine, source, "--security-opt", "seccomp=unconfined")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    ours = libc.syscall(numbers(MACHINE)["keyctl"], 0, -3, 0)
    assert found["session"] > 0
    assert found["session"] != ours
    assert found["umask"] == 0o022
    assert found["oom"] == "0"
    assert found["sysctl"] == {
        "ip_unprivileged_port_start": ["0"], "ping_group_range": ["0", "2147483647"],
    }  # fmt: skip
    assert "NoNewPrivs:\t0" in found["status"]
    assert "Groups:\t0 10" in found["status"]
    daemon = Path(f"/proc/{engine.pid}/limits").read_text().splitlines()
    assert [line.split() for line in found["limits"].splitlines()] == [
        line.split() for line in daemon
    ]


def test_default_ulimits_of_the_daemon_come_in_between(engine):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = engine.out("run", "--rm", "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn")
    names = {resource.RLIM_INFINITY: "unlimited"}
    assert text.split() == [str(names.get(soft, soft)), str(names.get(hard, hard))]
    text = engine.out("run", "--rm", "--ulimit", "nofile=77:88", "busybox", "sh", "-c",
                      "ulimit -Sn; ulimit -Hn")  # fmt: skip
    assert text.split() == ["77", "88"]


def test_capabilities_of_every_way_to_run(engine):
    own = int(
        next(
            line.split()[1]
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("CapBnd")
        ),
        16,
    )
    default = 0xA80425FB
    names = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
    assert default == sum(1 << CAPABILITIES[f"CAP_{name}"] for name in names)
    # bounding, permitted, effective, inheritable, ambient
    for options, expected in (
        ((), [default, default, default, 0, 0]),
        (("-u", "1000"), [default, 0, 0, 0, 0]),
        (("-u", "1000", "--cap-add", "NET_ADMIN"), [default | 1 << 12, 0, 0, 0, 0]),
        (("--cap-drop", "ALL"), [0, 0, 0, 0, 0]),
        (("--cap-add", "ALL"), [own, own, own, 0, 0]),
        (("--cap-add", "ALL", "--cap-drop", "MKNOD"), [own & ~(1 << 27)] * 3 + [0, 0]),
        (("--privileged",), [own, own, own, 0, 0]),
        (("--privileged", "--cap-drop", "ALL"), [own, own, own, 0, 0]),
        (("--privileged", "-u", "1000"), [own, 0, 0, 0, 0]),
    ):
        text = engine.out("run", "--rm", *options, "busybox", "cat", "/proc/self/status")
        fields = dict(line.split(":\t") for line in text.splitlines() if line.startswith("Cap"))
        sets = [int(fields[f"Cap{name}"], 16) for name in ("Bnd", "Prm", "Eff", "Inh", "Amb")]
        assert sets == expected, (options, fields)


def test_signals_are_neither_blocked_nor_ignored(engine):
    found = ask(
        engine,
        """
        import signal
        print(json.dumps([sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
                          [s for s in range(1, 32) if s not in (9, 13, 19)
                           and signal.getsignal(s) == signal.SIG_IGN]]))
        """,
    )
    # Python itself ignores SIGPIPE and SIGXFSZ.
    assert found == [[], [signal.SIGXFSZ]]
