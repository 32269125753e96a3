"""R09, R14, R26, R28: further ways around masks, devices, working directories and filters.

Each is one that an examiner of the classes would think of next: other spellings of the places,
links in parents, other system call tables, files of the kernel that run programs on the host.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest
from attack_lab import Layer, canary, image, run
from inside import ask
from racing import flipping

pytestmark = pytest.mark.integration

PROGRAMS = (
    # What the kernel would execute on the host, or trusts as if root of the host had written it.
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
    "/proc/sys/kernel/usermodehelper/bset", "/proc/sys/kernel/poweroff_cmd",
    "/proc/sys/fs/binfmt_misc/register", "/proc/sys/fs/binfmt_misc/status",
    "/sys/kernel/uevent_helper", "/sys/kernel/mm/ksm/run", "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cpu/release_agent",
    "/sys/fs/cgroup/systemd/release_agent", "/sys/fs/cgroup/pids/notify_on_release",
    "/sys/devices/virtual/block/loop0/uevent", "/sys/class/net/lo/mtu",
    "/sys/module/kernel/parameters/consoleblank", "/sys/fs/cgroup/cgroup.procs",
    "/proc/self/timens_offsets", "/proc/1/timens_offsets", "/proc/self/uid_map",
)  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"CgroupnsMode": "private"}, {"CapAdd": ["SYS_RESOURCE"]}])
def test_files_that_make_the_kernel_run_programs(engine, options):
    script = "for f in $@; do (echo '|/x' > $f) 2>/dev/null && echo WROTE $f; done; echo end"
    _, text = run(engine, "sh", "-c", script, "sh", *PROGRAMS, **options)
    assert text == "end\n"


@pytest.mark.parametrize(
    "place",
    ["/proc", "/proc/.", "/x/../proc", "//proc//", "/proc/self/..", "/proc/1", "/proc/sys/net",
     "/proc/../proc/keys"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["bind", "volume", "tmpfs"])
def test_other_spellings_of_proc(engine, tmp_path, place, kind):
    if kind == "tmpfs":
        options: dict[str, object] = {"Tmpfs": {place: ""}}
    else:
        source = str(tmp_path) if kind == "bind" else "vol"
        options = {"Binds": [f"{source}:{place}"]}
    code, text = run(engine, "true", **options)
    assert code == -1, text
    assert "/proc" in text


@pytest.mark.parametrize("place", ["/proc/..", "/", "/.", "//", "/x/.."])
def test_a_mount_over_the_root_is_refused(engine, tmp_path, place):
    for options in ({"Binds": [f"{tmp_path}:{place}"]}, {"Tmpfs": {place: ""}}):
        code, text = run(engine, "true", **options)
        assert code == -1, text


def test_tmpfs_over_dev_and_sys_still_masks(engine):
    """Own mounts in the places of the defaults: devices are made, masks are where they were."""
    code, text = run(
        engine, "sh", "-c",
        "stat -c '%F %t:%T' /dev/null /dev/zero; ls /proc/keys -l | cut -c1; cat /proc/keys;"
        "echo x > /proc/sys/kernel/core_pattern || echo refused",
        Tmpfs={"/dev": "", "/sys/firmware": ""},
    )  # fmt: skip
    assert code == 0
    assert text.startswith("character special file 1:3\ncharacter special file 1:5\nc\n"), text
    assert text.endswith("refused\n")


def test_mounts_through_linked_parents_stay_inside(engine, tmp_path):
    with canary(tmp_path / "canary") as host:
        layer = Layer().symlink("up", f"/../../../..{host}").symlink("dots", "../" * 12 + "tmp")
        tag = image(engine, layer.directory("srv").symlink("srv/abs", str(host)))
        (tmp_path / "file").write_text("x")
        for parent in ("/up", "/dots", "/srv/abs", "/srv/abs/.."):
            binds = [f"{tmp_path}/file:{parent}/new/file", f"{tmp_path}:{parent}/directory"]
            run(engine, "true", image=tag, Binds=binds, Tmpfs={f"{parent}/tmpfs": ""})
            run(
                engine, "true", image=tag, config={"WorkingDir": f"{parent}/cwd"},
                Devices=[{"PathOnHost": "/dev/null", "PathInContainer": f"{parent}/dev/null",
                          "CgroupPermissions": "rwm"}],
            )  # fmt: skip
        assert not Path("/tmp/directory").exists()
        assert not Path("/tmp/new").exists()


def test_a_device_by_a_link_is_the_device_and_nothing_else(engine, tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "file").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to("loop")
    assert engine.out(
        "run", "--rm", "--device", f"{tmp_path}/null:/dev/x", "busybox", "stat", "-c", "%t:%T",
        "/dev/x",
    ) == "1:3"  # fmt: skip
    for name in ("file", "loop", "nosuch"):
        message = engine.docker("run", "--device", f"{tmp_path}/{name}:/dev/x", "busybox", "true",
                                check=False).stderr  # fmt: skip
        assert "error gathering device information" in message, message
    for target in ("/proc/self/x", "/proc/keys", "/sys/x", "/etc/passwd", "/", "/dev/pts/ptmx"):
        code, _ = run(
            engine, "true",
            Devices=[{"PathOnHost": "/dev/null", "PathInContainer": target,
                      "CgroupPermissions": "rwm"}],
        )  # fmt: skip
        assert code == -1, target


def test_working_directories_of_a_racer(engine, tmp_path):
    """`exec -w` and `run -w` into a directory that becomes a magic link and back."""
    shared = tmp_path / "shared"
    (shared / "work").mkdir(parents=True)
    for number, target in enumerate(("/proc/self/fd/3", "/proc/1/root", "/proc/self/cwd")):
        (shared / f"evil{number}").symlink_to(target)
    engine.docker("run", "-d", "--name", "box", "-v", f"{shared}:/s", "busybox", "sleep", "1000")
    inside = set()
    with flipping(engine, shared, [("work", "evil0"), ("work", "evil1"), ("work", "evil2")]):
        for _ in range(15):
            done = engine.docker("exec", "-w", "/s/work", "box", "readlink", "/proc/self/cwd",
                                 check=False)  # fmt: skip
            inside.add(done.stdout.strip() if done.returncode == 0 else "")
            code, text = run(engine, "readlink", "/proc/self/cwd", Binds=[f"{shared}:/s"],
                             config={"WorkingDir": "/s/work"})  # fmt: skip
            inside.add(text.strip() if code == 0 else "")
    # The directory under one of its names, or no start at all.
    names = {"work", "evil0", "evil1", "evil2"}
    assert inside <= {"", *(f"/s/{name}" for name in names)}, inside
    assert len(inside) > 1
    shutil.rmtree(shared)


def test_joining_a_privileged_container_gives_its_namespaces_alone(engine):
    engine.docker("run", "-d", "--name", "strong", "--privileged", "--ipc", "shareable", "busybox",
                  "sleep", "1000")  # fmt: skip
    script = (
        "grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status | tr '\\n' ' ';"
        "(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null && echo WROTE;"
        "cat /proc/keys;"
        "(ls /proc/1/root/ /proc/1/cwd/; cat /proc/1/environ) 2>&1 | grep -c 'ermission';"
        "mount -t tmpfs x /mnt 2>/dev/null && echo MOUNTED; true"
    )
    text = engine.out(
        "run", "--rm", "--ipc", "container:strong", "--pid", "container:strong", "--network",
        "container:strong", "busybox", "sh", "-c", script,
    )  # fmt: skip
    fields = text.split()
    assert fields[:6] == ["CapEff:", "00000000a80425fb", "NoNewPrivs:", "0", "Seccomp:", "2"], text
    assert "WROTE" not in text
    assert "MOUNTED" not in text
    # The root, the directory and the environment of a stronger process stay closed.
    assert fields[-1] == "3", text


@pytest.mark.skipif(platform.machine() != "x86_64", reason="tables of another processor")
def test_other_tables_of_system_calls(engine):
    """The filter knows i386's and x32's numbers: what is refused by one is refused by all."""
    found = ask(
        engine,
        """
        import mmap
        X32 = 0x40000000
        x32 = {}
        for name, arguments in (("mount", (0, 0, 0, 0, 0)), ("unshare", (0x4000000,)),
                                ("bpf", (-1, 0, 0)), ("keyctl", (99, 0)), ("setns", (-1, 0)),
                                ("socket", (38, 5, 0)), ("socket", (40, 1, 0)), ("reboot", (0,)),
                                ("umount2", (0, 0)), ("add_key", (0, 0, 0))):
            code = raw(NUMBERS[name] | X32, *arguments)[1]
            x32[f"{name}{arguments[0]}"] = errno.errorcode[code] if code else 0
        # mov eax, NUMBER; mov ebx, A; mov ecx, B; int 0x80; ret - the numbers are i386's.
        def i386(number, first=0, second=0):
            code = (b"\\x53\\xb8" + number.to_bytes(4, "little") + b"\\xbb"
                    + (first & 0xffffffff).to_bytes(4, "little") + b"\\xb9"
                    + (second & 0xffffffff).to_bytes(4, "little")
                    + b"\\x31\\xd2\\x31\\xf6\\x31\\xff\\xcd\\x80\\x5b\\xc3")
            area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            area.write(code)
            address = ctypes.addressof(ctypes.c_char.from_buffer(area))
            result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
            return errno.errorcode.get(-result, 0) if result < 0 else 0
        pid = os.fork()
        reader, writer = os.pipe()
        table = dict(mount=21, unshare=310, setns=346, bpf=357, keyctl=288, add_key=286,
                     reboot=88, umount2=52, init_module=128, swapon=87, sethostname=74,
                     settimeofday=79, mount_setattr=442, open_tree=428, fsopen=430,
                     clone3=435, io_uring_setup=425, userfaultfd=374)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, json.dumps({n: i386(v, -1, -1) for n, v in table.items()}).encode())
            os._exit(0)
        os.close(writer)
        answer = os.read(reader, 65536)
        status = os.waitpid(pid, 0)[1]
        print(json.dumps([x32, json.loads(answer) if answer else None, status]))
        """,
    )
    x32, i386, status = found
    # A kernel without x32 has no such calls; one with it refuses them by the filter.
    assert set(x32.values()) <= {"EPERM", "ENOSYS"}, x32
    if i386 is None:  # a kernel without 32-bit calls: the process got a signal
        assert status != 0
    else:
        assert i386.pop("clone3") == "ENOSYS"
        assert set(i386.values()) == {"EPERM"}, i386


def test_a_namespace_that_is_handed_in_cannot_be_joined(engine):
    """An open descriptor of a namespace is worth nothing without setns(2)."""
    found = ask(
        engine,
        """
        results = {}
        for name in os.listdir("/proc/self/ns"):
            fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
            results[name] = call("setns", fd, 0)
        results["pidfd"] = call("setns", os.pidfd_open(os.getpid()), 0x20000)
        results["getfd"] = call("pidfd_getfd", os.pidfd_open(os.getpid()), 0, 0)
        results["handle"] = call("open_by_handle_at", -100, 0, 0)
        print(json.dumps(results))
        """,
    )
    assert set(found.values()) == {"EPERM"}


def test_masks_cannot_be_left_by_remounts_or_new_mounts(engine):
    """With the right to mount too (what Docker then allows) the filter of devices stays."""
    _, text = run(
        engine, "sh", "-c",
        "mount -o remount,rw,bind /proc/sys && echo remounted; umount /proc/keys && echo umounted;"
        "mount -o remount,rw /sys && echo remounted; mount -t proc p /mnt && echo mounted; true",
    )  # fmt: skip
    for word in ("remounted", "umounted", "mounted"):
        assert f"\n{word}\n" not in f"\n{text}"
    _, text = run(
        engine, "sh", "-c",
        "mkdir -p /mnt; mount -t devtmpfs d /mnt 2>/dev/null && head -c1 /mnt/kmsg; "
        "mknod /d b 7 0; head -c1 /d; true",
        CapAdd=["SYS_ADMIN"],
    )  # fmt: skip
    assert text.count("ermitted") >= 1, text


def test_reopening_the_streams_does_not_reach_the_engine(engine):
    """/proc/self/fd/N of a pipe or socket is the container's end, never the supervisor's."""
    found = ask(
        engine,
        """
        result = {}
        for fd in (0, 1, 2):
            link = os.readlink(f"/proc/self/fd/{fd}")
            result[fd] = link.partition(":")[0]
        result["others"] = [n for n in os.listdir("/proc/1/fd") if int(n) > 3]
        print(json.dumps(result))
        """,
    )
    assert found["others"] == []
    assert {found[str(fd)] for fd in range(3)} <= {"pipe", "/dev/null"}
