"""Hooks as processes: what they get, how they fail, what they must not take with them."""

import json
import os
import signal
import time

import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.hooks import (
    KINDS,
    HookRunner,
    parse_hooks,
    run_poststop,
    state_document,
)


def runner(*hooks, kind="prestart", annotations=None):
    parsed = parse_hooks(Fields({"hooks": {kind: list(hooks)}}, ""))
    return HookRunner(parsed, "id", "/bundle", annotations or {})


def sh(script, **fields):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **fields}


def failure(hook):
    with pytest.raises(LaunchError) as caught:
        runner(hook).run("prestart", "creating", 1)
    assert (caught.value.stage, caught.value.exit_code) == ("hooks", 128)
    return str(caught.value)


def test_the_state_is_on_its_standard_input(tmp_path):
    annotations = {"key": "x" * 200_000}  # more than a pipe holds
    hook = sh(f"cat > {tmp_path}/state")
    runner(hook, annotations=annotations).run("prestart", "creating", 77)
    assert json.loads((tmp_path / "state").read_text()) == {
        "ociVersion": "1.2.0",
        "id": "id",
        "status": "creating",
        "pid": 77,
        "bundle": "/bundle",
        "annotations": annotations,
    }
    assert "pid" not in state_document("id", "/bundle", {}, "stopped", 0)


def test_arguments_and_environment_are_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    script = f'echo "$0 $1 $A $OURS" > {tmp_path}/out'
    hook = {"path": "/bin/sh", "args": ["x", "-c", script, "zero", "one"], "env": ["A=b=c"]}
    runner(hook).run("prestart", "creating", 1)
    assert (tmp_path / "out").read_text() == "zero one b=c \n"


def test_without_arguments_its_name_is_its_path():
    (hook,) = runner({"path": "/bin/true"}).hooks["prestart"]
    assert hook.argv == (b"/bin/true",)


def test_hooks_run_in_their_order_and_the_first_failure_ends_it(tmp_path):
    scripts = (f"echo {n} >> {tmp_path}/out; exit {code}" for n, code in ((1, 0), (2, 3), (3, 0)))
    with pytest.raises(LaunchError) as caught:
        runner(*map(sh, scripts)).run("prestart", "creating", 1)
    assert (tmp_path / "out").read_text() == "1\n2\n"
    assert str(caught.value) == 'error running prestart hook #1 "/bin/sh": exit status 3'


def test_what_it_wrote_is_told():
    assert failure(sh("echo out; echo why >&2; exit 1")).endswith("exit status 1: out\nwhy")
    assert len(failure(sh("head -c 1000000 /dev/zero | tr '\\0' x; exit 1"))) < 3000


def test_a_signal_and_a_missing_program_are_told():
    assert "killed by signal 9" in failure(sh("kill -9 $$"))
    message = 'error running prestart hook #0 "/no/such": no such file or directory'
    assert failure({"path": "/no/such"}) == message


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_at_its_timeout_it_is_killed_with_all_that_it_started(tmp_path):
    began = time.monotonic()
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; yes; wait"
    assert "after its timeout of 1 s" in failure(sh(script, timeout=1))
    assert 1 <= time.monotonic() - began < 10
    # The orphan is dying, and is reaped by whoever adopted it; until then it may be a zombie.
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < deadline
        os.sched_yield()


def test_what_it_leaves_running_with_its_output_open_does_not_hold_us(tmp_path):
    runner(sh(f"sleep 1000 & echo $! > {tmp_path}/pid")).run("prestart", "creating", 1)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_no_descriptor_of_ours_is_open_in_a_hook_of_the_host(tmp_path):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        hook = sh(f"ls /proc/self/fd > {tmp_path}/out")
        runner(hook).run_on_host("prestart", "creating", 1)
        # The last is that of ls on the directory itself.
        assert (tmp_path / "out").read_text().split() == ["0", "1", "2", "3"]
    finally:
        os.close(reader)
        os.close(writer)


def test_signals_are_as_a_fresh_process_has_them(tmp_path):
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        hook = sh(f"grep -E 'Sig(Ign|Blk)' /proc/self/status > {tmp_path}/out")
        runner(hook).run("prestart", "creating", 1)
    finally:
        signal.signal(signal.SIGINT, old)
    values = [line.split()[1] for line in (tmp_path / "out").read_text().splitlines()]
    # 32 and 33 belong to the C library, which ignores them in what it spawns.
    assert [int(value, 16) & ~0x180000000 for value in values] == [0, 0]


def test_streams_that_are_closed_here_are_no_trouble():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for fd in range(3):
                os.close(fd)
            runner(sh('grep -q creating && [ "$(ls /proc/self/fd | wc -l)" = 4 ]')).run(
                "prestart", "creating", 1
            )
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_after_poststop_failures_are_warnings_and_all_run(tmp_path):
    hooks = [sh("exit 4"), sh(f"cat > {tmp_path}/state")]
    warnings = runner(*hooks, kind="poststop").run_poststop()
    assert warnings == ['error running poststop hook #0 "/bin/sh": exit status 4']
    assert json.loads((tmp_path / "state").read_text())["status"] == "stopped"


def test_the_last_hooks_of_a_bundle(tmp_path):
    document = {"annotations": {"a": "b"}, "hooks": {"poststop": [sh(f"cat > {tmp_path}/state")]}}
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert run_poststop(str(tmp_path), "id") == []
    state = json.loads((tmp_path / "state").read_text())
    assert (state["id"], state["bundle"]) == ("id", str(tmp_path))
    assert state["annotations"] == {"a": "b"}
    (tmp_path / "config.json").write_text("{}")
    assert run_poststop(str(tmp_path), "id") == []
    (tmp_path / "config.json").write_text('{"hooks": {"poststop": [{"path": "x"}]}}')
    assert "not absolute" in run_poststop(str(tmp_path), "id")[0]
    assert "No such file" in run_poststop(f"{tmp_path}/none", "id")[0]


def test_a_document_without_hooks_has_none():
    assert parse_hooks(Fields({"hooks": {}}, "")) is None
    assert parse_hooks(Fields({"hooks": {"prestart": []}}, "")) is None
    every = parse_hooks(Fields({"hooks": {kind: [{"path": "/x"}] for kind in KINDS}}, ""))
    assert list(every) == list(KINDS)


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ({}, "hooks.prestart[0].path"),
        ({"path": "x"}, "not absolute"),
        ({"path": "/x", "timeout": 0}, "hooks.prestart[0].timeout"),
        ({"path": "/x", "timeout": "1"}, "hooks.prestart[0].timeout"),
        ({"path": "/x", "env": ["A"]}, "not NAME=value"),
        ({"path": "/x", "args": "x"}, "hooks.prestart[0].args"),
        ("x", "not an object"),
    ],
)
def test_malformed_hooks_are_refused_by_name(hook, text):
    with pytest.raises(LaunchError) as caught:
        runner(hook)
    assert text in str(caught.value)
