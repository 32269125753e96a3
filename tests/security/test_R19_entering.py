"""R19 (runc CVE-2016-9962, CVE-2019-5736): who enters is watched, traced and written to.

A container with SYS_PTRACE looks at every process that comes into its pid namespace while the real
engine executes 300 programs in it: what its descriptors are, whether it can be traced before its
program runs, and whether the file that it executes can be opened for writing by /proc/PID/exe.
`tests/integration/runtime/launch/test_R19_entering.py` has the runtime alone, watched with every
right.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from attack_lab import Layer, image, run
from bed import wait_until
from inside import interpreter, script
from racing import repeat

pytestmark = pytest.mark.integration

EXECS = 300
CAPABILITIES = f"{0xA80425FB | 1 << 19:016x}"  # the default ones and SYS_PTRACE

WATCHER = """
import time
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
ATTACH, DETACH = 16, 17
seen, targets, written, traced, reopened = set(), set(), set(), set(), set()
own = os.getpid()
print("ready", flush=True)
while not os.path.exists("/tmp/stop"):
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (1, own):
            continue
        pid = int(name)
        seen.add(pid)
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            exe = ""
        try:
            # With O_TRUNC a success would leave its mark on the file.
            os.close(os.open(f"/proc/{pid}/exe", os.O_WRONLY))
            written.add(exe)
        except OSError:
            pass
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                path = f"/proc/{pid}/fd/{fd}"
                targets.add((fd, os.readlink(path).partition(":")[0], exe))
                if int(fd) > 2:
                    try:
                        os.close(os.open(path + "/.", os.O_RDONLY | os.O_DIRECTORY))
                        reopened.add(os.readlink(path))
                    except OSError:
                        pass
        except OSError:
            pass
        if pid % 3 == 0 and libc.ptrace(ATTACH, pid, None, None) == 0:
            try:
                os.waitpid(pid, 0x40000000)
                # What it was: its program, and the rights that its tracer would have of it.
                with open(f"/proc/{pid}/status") as file:
                    rights = [line.split()[1] for line in file
                              if line.startswith(("CapPrm", "CapBnd", "Seccomp:"))]
                traced.add((os.readlink(f"/proc/{pid}/exe"), *rights))
            except OSError:
                pass
            libc.ptrace(DETACH, pid, None, None)
            try:
                # The stop that the attachment asks for may come behind another one.
                os.kill(pid, 18)
            except OSError:
                pass
with open("/tmp/report", "w") as file:
    json.dump([len(seen), sorted(targets), sorted(written), sorted(traced), sorted(reopened)], file)
print("done", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def interpreter_stays():
    """The engine's own interpreter, byte by byte."""
    path = Path(os.path.realpath(sys.executable))
    before = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    yield
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    ("options", "execs"), [((), EXECS), (("--security-opt", "no-new-privileges"), 60)]
)
def test_300_execs_under_a_tracer(engine, interpreter_stays, options, execs):
    engine.docker(
        "run", "-d", "--name", "box", "--cap-add", "SYS_PTRACE", "--tmpfs", "/tmp", *options,
        *interpreter(), "busybox", "sleep", "1000",
    )  # fmt: skip
    engine.docker("exec", "-d", "box", *script(WATCHER))
    wait_until("the watcher runs", lambda: "python" in engine.out("top", "box"))

    def execute(number: int) -> int:
        made = engine.api("POST", "/containers/box/exec", {"Cmd": ["/bin/echo", str(number)]})
        path = f"/exec/{made.json()['Id']}/start"
        return engine.api("POST", path, {"Detach": True}).status

    statuses = repeat(execs, execute)
    assert statuses.count(200) >= execs * 3 // 4
    engine.docker("exec", "box", "touch", "/tmp/stop")
    wait_until(
        "the watcher has written its report",
        lambda: engine.docker("exec", "box", "test", "-s", "/tmp/report", check=False).returncode
        == 0,
    )  # fmt: skip
    seen, targets, written, traced, reopened = json.loads(
        engine.out("exec", "box", "cat", "/tmp/report")
    )
    assert seen > 5, "the watcher was too slow to prove anything"
    # Beside the streams who enters has its channel, for the moment before it closes.
    own = ("/bin/", "/usr/bin/")
    entering = [(int(fd), kind) for fd, kind, exe in targets if not exe.startswith(own)]
    assert {kind for fd, kind in entering if fd > 2} <= {"socket"}, targets
    assert {kind for fd, kind in entering if fd <= 2} <= {"/dev/null", "pipe", "socket"}, targets
    assert not reopened
    # What can be written to is the container's own programs. SYS_PTRACE traces whatever is in the
    # pid namespace, so who comes in has no more rights than the container by then.
    assert all(path == "" or path.startswith(own) for path in written), written
    assert traced
    assert {tuple(rights) for _, *rights in traced} == {(CAPABILITIES, CAPABILITIES, "2")}, traced


@pytest.mark.parametrize("name", ["/entry", "/link"])
def test_an_entrypoint_that_is_our_own_program(engine, interpreter_stays, name):
    """A script or link that names /proc/self/exe: what then runs cannot be written to."""
    layer = Layer().file("entry", b"#!/proc/self/exe\n", mode=0o755)
    layer.symlink("link", "/proc/self/exe")
    # Runs beside it in the same pid namespace and tries to open what PID 1 executes.
    loop = (
        "n=0; while [ $n -lt 200 ]; do n=$((n+1)); for p in /proc/[0-9]*; do "
        "case $(readlink $p/exe) in *python*) (: >> $p/exe) 2>/dev/null && echo WROTE $p; esac; "
        "done; done; echo done"
    )
    tag = image(engine, layer, Entrypoint=[name])
    engine.docker("run", "-d", "--name", "pids", "busybox", "sleep", "1000")
    engine.docker("run", "-d", "--name", "writer", "--pid", "container:pids", "busybox", "sh", "-c",
                  loop)  # fmt: skip
    for _ in range(5):
        engine.docker("run", "--rm", "--pid", "container:pids", tag, "-c", "x", check=False)
    engine.docker("kill", "writer", check=False)
    assert "WROTE" not in engine.docker("logs", "writer").stdout
    # Also with everything that can be given, and as an exec.
    for options in ({}, {"CapAdd": ["ALL"]}, {"Privileged": True}):
        _, text = run(engine, "-c", "x", image=tag, **options)
        assert "WROTE" not in text
    # As an exec it is the script of system calls that entered, which is sealed.
    source = """
        for _ in range(200):
            for name in os.listdir("/proc"):
                try:
                    if name.isdigit() and "memfd" in os.readlink(f"/proc/{name}/exe"):
                        os.close(os.open(f"/proc/{name}/exe", os.O_WRONLY))
                        print("WROTE", flush=True)
                except OSError:
                    pass
        print("end", flush=True)
    """
    engine.docker("run", "-d", "--name", "memory", "--pid", "container:pids", *interpreter(),
                  "busybox", *script(source))  # fmt: skip
    for _ in range(10):
        engine.docker("exec", "pids", "/proc/self/exe", check=False)
    engine.docker("wait", "memory")
    assert engine.out("logs", "memory") == "end"


def test_the_interpreter_of_the_engine_is_on_a_read_only_mount(engine):
    """What the zygote's family executes: no right in a container makes that writable."""
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    text = Path(f"/proc/{engine.state('box')['Pid']}/stat").read_text()
    shim = int(text.rpartition(")")[2].split()[1])
    assert os.statvfs(f"/proc/{shim}/exe").f_flag & os.ST_RDONLY
    with pytest.raises(OSError, match=r"Read-only|busy"):
        os.close(os.open(f"/proc/{shim}/exe", os.O_WRONLY))
