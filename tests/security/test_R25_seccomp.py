"""R25: what the default seccomp profile refuses, asked by system calls from inside a container.

The filter is also read back out of the kernel and tried for every number; that it says what the
profile's JSON says, for any set of capabilities, is in `tests/unit/runtime/test_seccomp.py`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

import pytest
from inside import ask

from baleen.linux.syscall_table import numbers
from baleen.runtime.seccomp import default_profile

pytestmark = pytest.mark.integration

MACHINE = os.uname().machine
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[MACHINE]
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_spec = importlib.util.spec_from_file_location(
    "bpf_simulator", Path(__file__).parents[1] / "unit/linux/bpf_simulator.py"
)
assert _spec is not None
assert _spec.loader is not None
simulator = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulator)


CALLS = """
    os.makedirs("/mnt", exist_ok=True)
    refused = {name: call(name, *args) for name, args in (
        ("mount", (0, 0, 0, 0, 0)), ("umount2", (0, 0)), ("pivot_root", (0, 0)),
        ("open_tree", (-1, 0, 0)), ("move_mount", (-1, 0, -1, 0, 0)), ("fsopen", (0, 0)),
        ("fsconfig", (-1, 0, 0, 0, 0)), ("fsmount", (-1, 0, 0)), ("fspick", (-1, 0, 0)),
        ("mount_setattr", (-1, 0, 0, 0, 0)), ("bpf", (-1, 0, 0)),
        ("perf_event_open", (0, 0, -1, -1, 0)), ("keyctl", (99, 0, 0)),
        ("add_key", (0, 0, 0, 0, 0)),
        ("request_key", (0, 0, 0, 0)), ("io_uring_setup", (0, 0)), ("io_uring_enter", (-1, 0, 0)),
        ("io_uring_register", (-1, 0, 0, 0)), ("userfaultfd", (-1,)), ("kexec_load", (0, 0, 0, -1)),
        ("kexec_file_load", (-1, -1, 0, 0, 0)), ("swapon", (0, 0)), ("swapoff", (0,)),
        ("quotactl", (0, 0, 0, 0)), ("acct", (-1,)), ("init_module", (0, 0, 0)),
        ("finit_module", (-1, 0, 0)), ("delete_module", (0, 0)), ("open_by_handle_at", (-1, 0, 0)),
        ("reboot", (0, 0, 0, 0)), ("settimeofday", (-1, -1)), ("clock_settime", (99, 0)),
        ("setns", (-1, 0)), ("unshare", (0x04000000,)), ("pidfd_getfd", (-1, 0, 0)),
        ("sethostname", (0, -1)), ("setdomainname", (0, -1)), ("syslog", (99, 0, 0)),
        ("lookup_dcookie", (0, 0, 0)), ("move_pages", (0, 0, 0, 0, 0, -1)),
        ("nfsservctl", (0, 0, 0)), ("kcmp", (0, 0, 0, 0, 0)), ("fanotify_init", (-1, 0)),
    ) if name in NUMBERS}
    flags = {}
    for name, flag in dict(NEWNS=0x20000, NEWCGROUP=0x2000000, NEWUTS=0x4000000,
                           NEWIPC=0x8000000, NEWUSER=0x10000000, NEWPID=0x20000000,
                           NEWNET=0x40000000).items():
        pid, code = raw(NUMBERS["clone"], flag | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
        flags[name] = errno.errorcode[code] if code else 0
    plain, code = raw(NUMBERS["clone"], 17, 0, 0, 0, 0)
    if plain == 0:
        os._exit(0)
    os.waitpid(plain, 0)
    families = {}
    for family in range(0, 46):
        try:
            socket.socket(family, socket.SOCK_DGRAM).close()
            families[family] = 0
        except OSError as err:
            families[family] = errno.errorcode[err.errno]
    persona = {hex(value): call("personality", value)
               for value in (0xffffffff, 8, 0x20008, 0x20000, 0, 1, 0x40000, 0x800000, 4)}
    traced = os.fork()
    if traced == 0:
        os._exit({0: 0}.get(call("ptrace", 0, 0, 0, 0), 1))
    traced = os.waitstatus_to_exitcode(os.waitpid(traced, 0)[1])
    own = os.getpid()
    print(json.dumps(dict(
        refused=refused, flags=flags, clone=errno.errorcode[code] if code else 0,
        clone3=call("clone3", 0, 0), families=families, persona=persona, traced=traced,
        readv=call("process_vm_readv", own, 0, 0, 0, 0, 0),
        writev=call("process_vm_writev", own, 0, 0, 0, 0, 0),
        chroot=call("chroot", b"/"), names=len(NUMBERS),
    )))
"""


def test_what_the_filter_refuses(engine):
    found = ask(engine, CALLS)
    assert set(found["refused"].values()) == {"EPERM"}, found["refused"]
    assert set(found["flags"].values()) == {"EPERM"}
    assert (found["clone"], found["clone3"], found["chroot"]) == (0, "ENOSYS", 0)
    families = {int(number): value for number, value in found["families"].items()}
    assert families[38] == families[40] == "EPERM"
    assert families[1] == families[2] == families[16] == 0
    assert {n for n, value in families.items() if value == "EPERM"} <= {17, 38, 40}
    allowed = {"0x0", "0x8", "0x20000", "0x20008", "0xffffffff"}
    for value, result in found["persona"].items():
        assert (result == 0) == (value in allowed), (value, result)
    assert (found["traced"], found["readv"], found["writev"]) == (0, 0, 0)


def test_privileged_has_no_filter(engine):
    found = ask(engine, CALLS, "--privileged")
    assert "EPERM" not in found["refused"].values(), found["refused"]
    assert set(found["flags"].values()) == {0}
    assert found["clone3"] != "ENOSYS"
    assert found["families"]["38"] != "EPERM"
    assert found["persona"]["0x40000"] == 0


def test_capabilities_open_the_calls_that_need_them_and_no_others(engine):
    found = ask(engine, CALLS, "--cap-add", "ALL")
    closed = {name for name, result in found["refused"].items() if result == "EPERM"}
    assert closed <= {
        "add_key", "request_key", "keyctl", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "userfaultfd", "kexec_load", "kexec_file_load", "swapon", "swapoff",
        "nfsservctl", "pivot_root", "move_pages", "pidfd_getfd", "kcmp", "lookup_dcookie",
        "open_by_handle_at",
    }, closed  # fmt: skip
    assert {"keyctl", "io_uring_setup", "userfaultfd", "kexec_load", "swapon"} <= closed
    assert not {"mount", "bpf", "setns", "unshare", "reboot", "init_module"} & closed
    assert set(found["flags"].values()) == {0}
    assert found["clone3"] != "ENOSYS"
    # Socket families and personalities are no matter of capabilities.
    assert found["families"]["38"] == found["families"]["40"] == "EPERM"
    assert found["persona"]["0x40000"] == "EPERM"


def test_without_capabilities(engine):
    found = ask(engine, CALLS, "--cap-drop", "ALL")
    assert set(found["refused"].values()) == {"EPERM"}
    assert (found["chroot"], found["clone3"]) == ("EPERM", "ENOSYS")


def installed_filter(pid: int) -> bytes:
    """Return the seccomp program of a process as the kernel holds it. See: ptrace(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt, detach, get_filter = 0x4206, 0x4207, 17, 0x420C
    assert libc.ptrace(seize, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    try:
        libc.ptrace(interrupt, pid, None, None)
        os.waitpid(pid, 0x40000000)  # __WALL: it is not our child
        count = libc.ptrace(get_filter, pid, None, None)
        assert count > 0, os.strerror(ctypes.get_errno())
        buffer = ctypes.create_string_buffer(count * 8)
        assert libc.ptrace(get_filter, pid, None, buffer) == count
        # There is one filter, not two.
        assert libc.ptrace(get_filter, pid, 1, None) < 0
        return buffer.raw
    finally:
        libc.ptrace(detach, pid, None, None)


def test_361_calls_are_always_allowed(engine):
    """Read out of the kernel from a running container, and tried for every number."""
    always = set(default_profile()["syscalls"][0]["names"])
    assert len(always) == 361
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    program = simulator.decode(installed_filter(engine.state("box")["Pid"]))
    table = numbers(MACHINE)

    def answer(number, *arguments, arch=AUDIT_ARCH):
        return simulator.run(program, simulator.seccomp_data(number, arch, arguments))

    known = {name: number for name, number in table.items() if name in always}
    assert len(known) > 250
    assert {answer(number) for number in known.values()} == {ALLOW}
    # Further ones by condition or for the capabilities that are there.
    further = {
        name for name, number in table.items() if name not in known and answer(number) == ALLOW
    }
    assert further <= {
        "ptrace", "process_vm_readv", "process_vm_writev", "socket", "personality", "arch_prctl",
        "modify_ldt", "clone", "chroot", "arm_fadvise64_64", "sync_file_range2", "breakpoint",
        "cacheflush", "set_tls", "riscv_flush_icache",
    }, further  # fmt: skip
    others = set(table) - set(known) - further
    # What is newer than the profile is ENOSYS, so that libraries fall back to older calls.
    named = {name for rule in default_profile()["syscalls"] for name in rule["names"]}
    for name in others:
        is_old = name in named and name != "clone3"
        assert answer(table[name]) in ({EPERM} if is_old else {EPERM, ENOSYS}), name
    assert answer(table["clone3"]) == ENOSYS
    # Another architecture's numbers, and numbers that the kernel has not.
    assert answer(table["read"], arch=0xDEADBEEF) not in (ALLOW, EPERM)
    assert answer(100_000) in (EPERM, ENOSYS)
