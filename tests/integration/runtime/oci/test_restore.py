"""`checkpoint` and `restore`, with the host's criu where that works, and with none or a bad one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bed import wait_until
from criu_here import criu, why_not  # noqa: F401  # a fixture

from baleen.linux.cgroup import detect

COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"


class Counting:
    """A container that counts into a pipe of ours."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.reader, self._writer = os.pipe()
        self.buffer = b""

    def begin(self, *words):
        self.runtime.detached(*words, output=self._writer)
        os.close(self._writer)
        os.set_blocking(self.reader, False)

    def text(self):
        with_more = True
        while with_more:
            try:
                part = os.read(self.reader, 65536)
            except BlockingIOError:
                break
            self.buffer += part
            with_more = bool(part)
        return self.buffer.decode()

    def line(self, number):
        wait_until(f"{number} lines", lambda: self.text().count("\n") > number)
        return self.text().splitlines()

    def close(self):
        os.close(self.reader)


@pytest.fixture
def counting(runtime):
    made = []

    def make(*words):
        one = Counting(runtime)
        made.append(one)
        one.begin(*words)
        return one

    yield make
    for one in made:
        one.close()


def run(runtime, counting):
    one = counting("run", "-d", "-b", str(runtime.bundle), "c1")
    one.line(2)
    return one


def checkpoint(runtime, image, *words, **keywords):
    runtime("checkpoint", "--image-path", str(image), *words, "c1", **keywords)


def restore_words(runtime, image, *words):
    return ("restore", "-d", "-b", str(runtime.bundle), "--image-path", str(image), *words, "c1")


def test_without_criu_nothing_is_done(runtime, counting, tmp_path):
    runtime.configure("sh", "-c", COUNT)
    one = run(runtime, counting)
    words = ("checkpoint", "--image-path", str(tmp_path / "image"), "c1")
    runtime("--criu", "/nowhere/criu", *words, code=1)
    assert "need criu, and there is none at /nowhere/criu; nothing was done" in runtime.errors
    assert not (tmp_path / "image").exists()
    one.line(one.text().count("\n") + 1)
    runtime.kill()
    runtime("delete", "c1")


def test_a_criu_that_fails_is_quoted_and_the_container_goes_on(runtime, counting, tmp_path):
    fake = tmp_path / "criu"
    fake.write_text('#!/bin/sh\necho "Error (criu/x.c:1): no luck today" >&2\nexit 1\n')
    fake.chmod(0o755)
    runtime.configure("sh", "-c", COUNT)
    one = run(runtime, counting)
    words = ("checkpoint", "--image-path", str(tmp_path / "image"), "c1")
    runtime("--criu", str(fake), *words, code=1)
    assert "criu failed to checkpoint: no luck today" in runtime.errors
    assert runtime.state()["status"] == "running"
    one.line(one.text().count("\n") + 1)
    runtime.kill()
    runtime("delete", "c1")
    image = tmp_path / "bad"
    image.mkdir(0o700)
    (image / "descriptors.json").write_text('["", "", ""]')
    runtime("--criu", str(fake), *restore_words(runtime, image), code=1)
    assert "criu failed to restore: no luck today" in runtime.errors
    assert os.listdir(runtime.root) == []


def test_only_what_runs_can_be_checkpointed(runtime, tmp_path):
    runtime.configure("sleep", "100")
    runtime.create()
    checkpoint(runtime, tmp_path / "image", code=1)
    assert "cannot checkpoint a created container" in runtime.errors
    runtime("start", "c1")
    runtime("pause", "c1")
    checkpoint(runtime, tmp_path / "image", code=1)
    assert "cannot checkpoint a paused container" in runtime.errors
    runtime("resume", "c1")
    runtime.kill()
    runtime("delete", "c1")
    assert not (tmp_path / "image").exists()


@pytest.mark.usefixtures("criu")
def test_a_restored_container_goes_on_where_it_was(runtime, counting, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("outside")

    def change(document):
        document["linux"]["resources"] = {"pids": {"limit": 33}}
        document["mounts"].append(
            {"destination": "/data", "source": str(tmp_path / "data"), "options": ["rbind", "ro"]}
        )

    runtime.configure("sh", "-c", COUNT, change=change)
    one = run(runtime, counting)
    before = runtime.pid()
    image = tmp_path / "image"
    checkpoint(runtime, image)
    runtime.wait(before)
    assert os.listdir(runtime.root) == [], "as with runc, it is gone"
    last = int(one.text().split()[-1])
    other = counting(*restore_words(runtime, image, "--pid-file", str(tmp_path / "pid")))
    assert int(other.line(2)[0]) == last + 1
    state = runtime.state()
    assert state["status"] == "running"
    assert state["pid"] == int((tmp_path / "pid").read_text())
    group = detect().open(f"{runtime.group}/c1")
    assert state["pid"] in group.pids()
    limit = Path(f"/sys/fs/cgroup{runtime.group}/c1/pids.max")
    if limit.exists():  # cgroup v2
        assert limit.read_text() == "33\n"
    assert runtime("exec", "c1", "cat", "/data/file") == "outside"
    assert "Read-only" in _exec_error(runtime, "touch", "/data/x")
    assert os.readlink(f"/proc/{state['pid']}/fd/1").startswith("pipe:")
    runtime.kill()
    runtime("delete", "c1")


def _exec_error(runtime, *command):
    (runtime.bundle / "rootfs/bin/touch").symlink_to("busybox")
    runtime("exec", "c1", *command, code=1)
    return runtime.errors


@pytest.mark.usefixtures("criu")
def test_it_may_go_on_meanwhile_and_be_written_in_steps(runtime, counting, tmp_path):
    runtime.configure("sh", "-c", COUNT)
    one = run(runtime, counting)
    first, second = tmp_path / "first", tmp_path / "second"
    checkpoint(runtime, first, "--pre-dump")
    assert runtime.state()["status"] == "running"
    second.mkdir(0o700)
    checkpoint(runtime, second, "--parent-path", "../first", "--leave-running")
    assert (second / "parent").is_symlink()
    one.line(one.text().count("\n") + 1)
    runtime.kill()
    runtime("delete", "c1")
    other = counting(*restore_words(runtime, second))
    other.line(1)
    runtime.kill()
    runtime("delete", "c1")


@pytest.mark.usefixtures("criu")
def test_in_the_foreground_the_exit_code_is_the_containers(runtime, counting, tmp_path):
    runtime.configure("sh", "-c", "while ! [ -e /go ]; do echo wait; sleep 0.1; done; exit 7")
    one = counting("run", "-d", "-b", str(runtime.bundle), "c1")
    one.line(1)
    checkpoint(runtime, tmp_path / "image")
    (runtime.bundle / "rootfs/go").write_text("")
    words = ("restore", "-b", str(runtime.bundle), "--image-path", str(tmp_path / "image"), "c1")
    runtime(*words, code=7)
    assert os.listdir(runtime.root) == []


@pytest.mark.usefixtures("criu")
def test_the_documents_rights_are_all_that_is_restored(runtime, counting, tmp_path):
    def more(document):
        for kind in ("bounding", "effective", "permitted"):
            document["process"]["capabilities"][kind].append("CAP_SYS_ADMIN")

    runtime.configure("sh", "-c", COUNT, change=more)
    run(runtime, counting)
    image = tmp_path / "image"
    checkpoint(runtime, image)
    runtime.configure("sh", "-c", COUNT)
    runtime(*restore_words(runtime, image), code=1)
    assert "more than the container's" in runtime.errors
    assert os.listdir(runtime.root) == []
    # What it was made of serves.
    runtime.configure("sh", "-c", COUNT, change=more)
    counting(*restore_words(runtime, image)).line(1)
    runtime.kill()
    runtime("delete", "c1")


@pytest.mark.usefixtures("criu")
@pytest.mark.parametrize("what", ["masks", "read-only bind", "no_new_privs"])
def test_so_are_its_mounts_and_flags(runtime, counting, tmp_path, what):
    (tmp_path / "data").mkdir()

    def change(document, *, strict):
        mount = {"destination": "/data", "source": str(tmp_path / "data"), "options": ["bind"]}
        document["mounts"].append(mount)
        document["process"]["noNewPrivileges"] = strict and what == "no_new_privs"
        if strict and what == "read-only bind":
            mount["options"].append("ro")
        if not strict and what == "masks":
            document["linux"]["maskedPaths"] = []

    runtime.configure("sh", "-c", COUNT, change=lambda document: change(document, strict=False))
    run(runtime, counting)
    checkpoint(runtime, tmp_path / "image")
    runtime.configure("sh", "-c", COUNT, change=lambda document: change(document, strict=True))
    if what == "no_new_privs":  # it is given in any case
        counting(*restore_words(runtime, tmp_path / "image")).line(1)
        status = Path(f"/proc/{runtime.pid()}/status").read_text()
        assert "NoNewPrivs:\t1\n" in status
        runtime.kill()
        runtime("delete", "c1")
        return
    runtime(*restore_words(runtime, tmp_path / "image"), code=1)
    assert "the checkpoint" in runtime.errors
    assert os.listdir(runtime.root) == []


@pytest.mark.usefixtures("criu")
def test_hooks_of_the_host_run(runtime, counting, tmp_path):
    def change(document):
        document["hooks"] = {
            kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"cat > {tmp_path}/{kind}"]}]
            for kind in ("createRuntime", "poststart")
        }

    runtime.configure("sh", "-c", COUNT, change=change)
    run(runtime, counting)
    checkpoint(runtime, tmp_path / "image")
    for kind in ("createRuntime", "poststart"):
        (tmp_path / kind).unlink()
    counting(*restore_words(runtime, tmp_path / "image")).line(1)
    pid = runtime.pid()
    for kind in ("createRuntime", "poststart"):
        assert json.loads((tmp_path / kind).read_text())["pid"] == pid
    runtime.kill()
    runtime("delete", "c1")


@pytest.mark.skipif(not why_not(), reason="criu works here")
def test_where_criu_cannot_work_it_says_why(runtime, counting, tmp_path):
    runtime.configure("sh", "-c", COUNT)
    one = run(runtime, counting)
    checkpoint(runtime, tmp_path / "image", code=1)
    assert "criu" in runtime.errors
    one.line(one.text().count("\n") + 1)
    runtime.kill()
    runtime("delete", "c1")
