"""`start` and what PID 1 says about its failure."""

import contextlib
import json
import os
import signal


def test_only_a_created_container_can_be_started(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    assert runtime.state()["status"] == "running"
    runtime("start", "c1", code=1)
    assert "cannot start an already running container" in runtime.errors
    runtime.kill()
    runtime("start", "c1", code=1)
    assert "cannot start a container that has stopped" in runtime.errors
    runtime("delete", "c1")


def test_a_program_that_the_kernel_does_not_execute_is_told(runtime):
    runtime.configure("/bin/broken")
    program = runtime.bundle / "rootfs/bin/broken"
    program.write_bytes(b"\x7fELF nothing")
    program.chmod(0o755)
    runtime.create()
    runtime("start", "c1", code=1)
    assert "exec /bin/broken: exec format error" in runtime.errors
    assert runtime.state()["status"] == "stopped"
    runtime("delete", "c1")


def test_a_parked_process_that_was_killed_is_stopped(runtime):
    runtime.configure("true")
    runtime.create()
    pid = runtime.pid()
    os.kill(pid, signal.SIGKILL)
    runtime.wait(pid)
    assert runtime.state()["status"] == "stopped"
    runtime("start", "c1", code=1)
    assert "cannot start a container that has stopped" in runtime.errors
    runtime("delete", "c1")


def test_it_starts_under_its_filter(runtime, tmp_path):
    def change(document):
        document["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
        }

    for nnp in (False, True):
        runtime.configure("mkdir", "/x", change=change, noNewPrivileges=nnp)
        with open(tmp_path / "out", "wb") as output:
            runtime.create(output=output)
        pid = runtime.pid()
        runtime("start", "c1")
        with contextlib.suppress(ProcessLookupError):
            runtime.wait(pid)
        assert "Operation not permitted" in (tmp_path / "out").read_text()
        runtime("delete", "c1")


def test_hooks_run_at_their_moments_with_the_containers_state(runtime, tmp_path):
    log = tmp_path / "log"
    script = 'IFS= read -r state; echo "$0 $state" >> ' + str(log)

    def change(document):
        document["hooks"] = {
            kind: [{"path": "/bin/sh", "args": ["sh", "-c", script, kind]}]
            for kind in ("prestart", "createRuntime", "poststart", "poststop")
        }

    def ran():
        lines = log.read_text().splitlines() if log.exists() else []
        return [(line.split()[0], json.loads(line.partition(" ")[2])["status"]) for line in lines]

    runtime.configure("sleep", "100", change=change)
    runtime.create()
    assert ran() == [("prestart", "creating"), ("createRuntime", "creating")]
    runtime("start", "c1")
    assert ran()[2:] == [("poststart", "running")]
    runtime.kill()
    runtime("delete", "c1")
    assert ran()[3:] == [("poststop", "stopped")]
    last = json.loads(log.read_text().splitlines()[-1].partition(" ")[2])
    assert (last["id"], last["bundle"]) == ("c1", str(runtime.bundle))
