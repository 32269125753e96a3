"""The process: how it is found, as whom it runs, what is said when it cannot be started."""

from __future__ import annotations

import os
import resource
import select
import signal
import struct

import pytest

from baleen.linux import capabilities
from baleen.linux import process as linux_process
from baleen.linux.calls import ARCHITECTURE
from baleen.linux.pty import get_window_size, set_window_size
from baleen.runtime.launch import LaunchError, Stdio


def _fails(runner, document, **keywords):
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio, **keywords).start()
    return caught.value


def test_exit_code_and_output_are_the_commands_own(runner):
    result = runner.sh("echo out; echo err >&2; exit 7")
    assert (result.code, result.out, result.err) == (7, "out\n", "err\n")


def test_death_by_signal_is_128_plus_its_number(runner):
    container = runner.started()
    linux_process.pidfd_send_signal(container.pidfd.fileno(), signal.SIGKILL)
    assert linux_process.wait_pidfd(container.pidfd.fileno()) == 137


def test_a_command_that_is_not_in_the_path_is_127(runner):
    error = _fails(runner, runner.document("foo"))
    assert str(error) == 'exec: "foo": executable file not found in $PATH'
    assert error.exit_code == 127
    error = _fails(runner, runner.document("sh", env=["A=b"]))
    assert str(error) == 'exec: "sh": executable file not found in $PATH'


def test_a_missing_path_is_127(runner):
    error = _fails(runner, runner.document("/x/y"))
    assert str(error) == 'exec: "/x/y": stat /x/y: no such file or directory'
    assert error.exit_code == 127


def test_a_file_without_x_and_a_directory_are_126(runner):
    with open(f"{runner.root}/etc/file", "w") as file:
        file.write("x")
    error = _fails(runner, runner.document("/etc/file"))
    assert (str(error), error.exit_code) == ('exec: "/etc/file": permission denied', 126)
    error = _fails(runner, runner.document("/etc"))
    assert (str(error), error.exit_code) == ('exec: "/etc": is a directory', 126)


@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        (b"garbage", "exec /etc/file: exec format error", 126),
        (b"#!/no/such/interpreter\n", "exec /etc/file: no such file or directory", 127),
    ],
)
def test_what_the_kernel_refuses_to_execute(runner, content, message, code):
    with open(f"{runner.root}/etc/file", "wb") as file:
        file.write(content)
    os.chmod(f"{runner.root}/etc/file", 0o755)
    error = _fails(runner, runner.document("/etc/file"))
    assert (str(error), error.exit_code) == (message, code)


def test_a_working_directory_that_is_a_file(runner):
    with open(f"{runner.root}/etc/file", "w"):
        pass
    error = _fails(runner, runner.document("true", cwd="/etc/file"))
    assert str(error) == ('chdir to cwd ("/etc/file") set in config.json failed: not a directory')


def test_a_missing_working_directory_is_made_for_run_but_not_for_exec(runner):
    assert runner.run("pwd", cwd="/new/dir").out == "/new/dir\n"
    container = runner.started()
    with pytest.raises(LaunchError) as caught:
        runner.exec(container, "pwd", cwd="/no")
    assert str(caught.value) == (
        'chdir to cwd ("/no") set in config.json failed: no such file or directory'
    )
    assert caught.value.exit_code == 127


def test_a_failed_start_leaves_no_process(runner):
    _fails(runner, runner.document("nothing"))
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        assert file.read() == ""


def test_rlimits_are_set_and_what_this_host_cannot_give_is_told(runner):
    limits = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_NPROC", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]
    document = runner.document("cat", "/proc/self/limits", rlimits=limits)
    with runner.captured() as (stdio, finish):
        container = runner.create(document, stdio=stdio)
        container.start()
        out, _ = finish()
    assert "Max open files            100                  200" in out
    can_raise = _can_raise()
    assert (container.warnings == ()) == can_raise
    if not can_raise:
        assert "RLIMIT_NPROC: hard limit" in container.warnings[0]
        assert "CAP_SYS_RESOURCE" in container.warnings[0]


def _can_raise():
    _, permitted, _ = capabilities.capget()
    unlimited = resource.getrlimit(resource.RLIMIT_NPROC)[1] == resource.RLIM_INFINITY
    return unlimited or bool(permitted >> capabilities.CAPABILITIES["CAP_SYS_RESOURCE"] & 1)


# exit(geteuid()), as an ELF file of the bare minimum
_CODE = {
    "x86_64": "b86b0000000f0589c7b83c0000000f05",
    "aarch64": "e81580d2010000d4a80b80d2010000d4",
}
_MACHINE = {"x86_64": 62, "aarch64": 183}


def _euid_program():
    code = bytes.fromhex(_CODE[ARCHITECTURE])
    base, start = 0x400000, 64 + 56
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack(
        "<HHIQQQIHHHHHH", 2, _MACHINE[ARCHITECTURE], 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    size = start + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + code


@pytest.mark.parametrize(("protected", "euid"), [(False, 0), (True, 1000 & 0xFF)])
def test_no_new_privileges_stops_a_setuid_program(runner, protected, euid):
    with open(f"{runner.root}/bin/suid", "wb") as file:
        file.write(_euid_program())
    os.chmod(f"{runner.root}/bin/suid", 0o4755)
    user = {"uid": 1000, "gid": 1000}
    assert runner.run("suid", user=user, noNewPrivileges=protected).code == euid
    status = runner.run("grep", "NoNewPrivs", "/proc/self/status", noNewPrivileges=protected)
    assert status.out == f"NoNewPrivs:\t{int(protected)}\n"
    container = runner.started()
    result = runner.exec(container, "suid", user=user, noNewPrivileges=protected)
    assert result.code == euid


def test_umask_and_groups_of_the_user_are_taken(runner):
    user = {"uid": 1, "gid": 2, "umask": 0o077, "additionalGids": [3]}
    assert runner.sh("umask; id", user=user).out == "0077\nuid=1 gid=2 groups=3\n"


def test_the_user_owns_its_streams(runner):
    result = runner.sh("echo hello > /dev/stdout", user={"uid": 1000, "gid": 1000})
    assert (result.code, result.out) == (0, "hello\n")


def test_ambient_capabilities_survive_for_an_ordinary_user(runner):
    names = ["CAP_NET_BIND_SERVICE"]
    sets = ("bounding", "effective", "permitted", "inheritable", "ambient")
    out = runner.run(
        "grep",
        "^Cap",
        "/proc/self/status",
        user={"uid": 1000, "gid": 1000},
        capabilities=dict.fromkeys(sets, names),
    ).out
    assert out.count("0000000000000400") == 5


def _terminal(runner, *args, **process):
    document = runner.document(
        *args, terminal=True, consoleSize={"width": 100, "height": 40}, **process
    )
    container = runner.create(document)
    container.start()
    return container


def _read_all(fd):
    data = b""
    while True:
        try:
            part = os.read(fd, 4096)
        except OSError:  # EIO: the last holder of the other end is gone
            return data.decode()
        data += part


def test_a_terminal_is_controlling_sized_and_the_console(runner):
    script = (
        "tty; stty size; stat -c %t:%T /dev/console $(readlink /proc/self/fd/0);"
        " echo hello > /dev/tty; ls /dev/pts"
    )
    container = _terminal(runner, "sh", "-c", script)
    lines = _read_all(container.console.fileno()).split()
    assert lines[:3] == ["/dev/pts/0", "40", "100"]
    assert lines[3] == lines[4]
    assert lines[5:] == ["hello", "0", "ptmx"]


def test_a_terminal_belongs_to_the_user_and_can_be_resized(runner):
    container = _terminal(
        runner, "sh", "-c", "read x; stat -c %u /dev/pts/0; stty size", user={"uid": 7, "gid": 7}
    )
    set_window_size(container.console.fileno(), 61, 22)
    assert get_window_size(container.console.fileno()) == (61, 22)
    os.write(container.console.fileno(), b"\n")
    assert _read_all(container.console.fileno()).split() == ["7", "22", "61"]


def test_an_init_reaps_orphans_and_passes_the_exit_code(runner):
    script = (
        "cat /proc/1/comm; ( (sleep 0.01) & ); sleep 0.05;"
        " ps -o stat,comm | grep -c '^Z'; ls /proc/1/fd | wc -l; exit 9"
    )
    result = runner.run_document(runner.document("sh", "-c", script), init=True)
    assert result.out.split() == ["baleen-init", "0", "3"]
    assert result.code == 9


def test_an_init_forwards_signals_and_tells_of_death_by_one(runner):
    reader, writer = os.pipe()
    script = "trap 'exit 3' TERM; echo set; while :; do sleep 0.01; done"
    with open(os.devnull, "rb") as null:
        container = runner.create(
            runner.document("sh", "-c", script),
            stdio=Stdio(null.fileno(), writer, writer),
            init=True,
        )
        os.close(writer)
        container.start()
    with open(reader, "rb") as output:
        assert output.readline() == b"set\n"
        linux_process.pidfd_send_signal(container.pidfd.fileno(), signal.SIGTERM)
        assert linux_process.wait_pidfd(container.pidfd.fileno()) == 3
    result = runner.run_document(runner.document("sh", "-c", "kill -9 $$"), init=True)
    assert result.code == 137


def test_an_init_shows_the_command_and_nothing_of_the_engine(runner):
    script = "tr '\\0' ' ' < /proc/1/cmdline; tr -d '\\0' < /proc/1/environ | wc -c"
    document = runner.document("sh", "-c", script)
    for names in document["process"]["capabilities"].values():
        names.append("CAP_SYS_PTRACE")
    result = runner.run_document(document, init=True)
    assert result.out.startswith("baleen-init -- sh -c tr ")
    assert result.out.split()[-1] == "0"
    assert result.err == ""


def test_an_init_has_only_the_containers_rights(runner):
    out = runner.run_document(runner.document("grep", "CapEff", "/proc/1/status"), init=True).out
    assert out == "CapEff:\t00000000a80425fb\n"


def test_a_command_that_is_missing_below_an_init_is_127(runner):
    error = _fails(runner, runner.document("foo"), init=True)
    assert error.exit_code == 127


def test_pid_1_dies_with_its_parent(runner):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            container = runner.started()
            os.write(writer, str(container.pid).encode())
        finally:
            os._exit(0)
    os.close(writer)
    inner = int(os.read(reader, 20))
    os.close(reader)
    # We hold a pidfd if it is still there; it becomes readable when it ends.
    try:
        fd = linux_process.pidfd_open(inner)
    except ProcessLookupError:
        pass
    else:
        poll = select.poll()
        poll.register(fd.fileno(), select.POLLIN)
        assert poll.poll(5000)
        fd.close()
    os.waitpid(pid, 0)


def test_dockers_smallest_memory_limit_and_one_process_are_enough_to_start(runner):
    document = runner.document("true")
    document["linux"]["resources"]["memory"] = {"limit": 6 << 20}
    document["linux"]["resources"]["pids"] = {"limit": 1}
    cgroup = runner.cgroup(document["linux"]["resources"])
    assert runner.run_document(document, cgroup=cgroup).code == 0


def test_an_exec_needs_room_for_itself_and_for_the_moment_one_more(runner):
    document = runner.document("sleep", "1000")
    document["linux"]["resources"]["pids"] = {"limit": 3}
    cgroup = runner.cgroup(document["linux"]["resources"])
    container = runner.started(document=document, cgroup=cgroup)
    assert runner.exec(container, "true", document=document, cgroup=cgroup).code == 0
    cgroup.update({"pids": {"limit": 2}})
    with pytest.raises(LaunchError, match="temporarily unavailable"):
        runner.exec(container, "true", document=document, cgroup=cgroup)


def test_pid_1_waits_for_the_cgroup_that_is_made_meanwhile(runner):
    group = runner.driver.open(f"/baleen-test/{os.path.basename(runner.work)}-late")
    runner.undo.callback(group.remove)
    document = runner.document("cat", "/proc/self/cgroup")
    result = runner.run_document(
        document, cgroup=group, meanwhile=lambda pid: runner.driver.create(group.path, {}, pid)
    )
    assert "-late" in result.out or ":/\n" in result.out
    assert result.code == 0


def test_what_meanwhile_raises_leaves_nothing_of_the_container(runner):
    def fail(_pid):
        raise OSError(28, "no room for a group")

    with (
        runner.captured() as (stdio, _),
        pytest.raises(OSError, match="no room for a group"),
    ):
        runner.create(runner.document("true"), stdio=stdio, meanwhile=fail)
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
