"""`baleen-runtime run` as a program, on a bundle that it wrote itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROGRAM = (sys.executable, "-m", "baleen.runtime.program")


@pytest.fixture
def bundle(tmp_path):
    os.makedirs(tmp_path / "rootfs/bin")
    shutil.copy("/bin/busybox", tmp_path / "rootfs/bin/busybox")
    os.symlink("busybox", tmp_path / "rootfs/bin/sh")
    subprocess.run([*PROGRAM, "spec", "--bundle", tmp_path], check=True)

    def make(script, **process):
        path = tmp_path / "config.json"
        document = json.loads(path.read_text())
        document["process"].update(terminal=False, args=["sh", "-c", script], **process)
        document["linux"]["cgroupsPath"] = f"/baleen-test/{tmp_path.name}"
        path.write_text(json.dumps(document))
        return tmp_path

    return make


def _run(bundle, **keywords):
    return subprocess.run(
        [*PROGRAM, "--root", bundle / "root", "run", "--bundle", bundle, "test"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **keywords,
    )


def test_streams_and_exit_code_are_the_containers(bundle):
    result = _run(bundle("read x; echo got $x; echo err >&2; exit 5"), input="in\n")
    assert (result.returncode, result.stdout) == (5, "got in\n")
    assert "err\n" in result.stderr
    for root, directories, _ in os.walk("/sys/fs/cgroup"):
        assert "test_streams_and_exit_code_are0" not in directories, root


def test_a_command_that_is_not_there_is_told(bundle):
    path = bundle("true")
    document = json.loads((path / "config.json").read_text())
    document["process"]["args"] = ["none"]
    (path / "config.json").write_text(json.dumps(document))
    result = _run(path)
    assert result.returncode == 1
    assert 'exec: \\"none\\": executable file not found in $PATH' in result.stderr


def test_the_profile_of_the_document_is_used(bundle):
    path = bundle("mkdir /x; true")
    document = json.loads((path / "config.json").read_text())
    document["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    (path / "config.json").write_text(json.dumps(document))
    os.symlink("busybox", path / "rootfs/bin/mkdir")
    result = _run(path)
    assert "Operation not permitted" in result.stderr
    assert not (path / "rootfs/x").exists()


def test_a_signal_is_forwarded(bundle):
    path = bundle("trap 'exit 9' TERM; echo set; while :; do :; done")
    process = subprocess.Popen(
        [*PROGRAM, "--root", path / "root", "run", "-b", path, "t"],
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == b"set\n"
        process.terminate()
        assert process.wait(30) == 9
