"""The `baleen` command against the real engine."""

from __future__ import annotations

import json
import os
import sys

import pytest

pytestmark = pytest.mark.integration


def test_run_prints_both_streams_and_ends_as_the_container_did(baleen):
    script = "echo out; echo err >&2; exit 7"
    done = baleen("run", "--rm", "busybox", "sh", "-c", script, code=7)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_input_is_piped_to_its_end(baleen):
    data = os.urandom(2_000_000)
    assert baleen("run", "--rm", "-i", "busybox", "cat", stdin=data).stdout == data


@pytest.mark.parametrize(
    ("command", "code"), [("nosuchcommand", 127), ("/etc", 126), ("/nonexistent/x", 127)]
)
def test_commands_that_cannot_start(baleen, command, code):
    done = baleen("run", "--rm", "busybox", command, code=code)
    assert done.stderr.startswith(b"baleen: Error response from daemon: ")


def test_a_missing_image_is_an_error_of_ours(baleen):
    done = baleen("run", "--rm", "nosuchimage", code=125)
    assert b"Unable to find image 'nosuchimage:latest' locally" in done.stderr


def test_the_life_of_a_container(baleen):
    identifier = baleen("run", "-d", "--name", "web", "busybox", "sleep", "1000").stdout.decode()
    assert len(identifier.strip()) == 64
    assert baleen("ps", "--format", "{{.Names}} {{.State}}").stdout == b"web running\n"
    assert baleen("exec", "web", "echo", "hi").stdout == b"hi\n"
    assert baleen("exec", "-i", "web", "cat", stdin=b"x" * 100_000).stdout == b"x" * 100_000
    baleen("exec", "web", "sh", "-c", "exit 3", code=3)
    baleen("exec", "web", "nosuchcommand", code=127)
    assert b"sleep 1000" in baleen("top", "web").stdout
    assert baleen("stats", "--no-stream", "--format", "{{.Name}}", "web").stdout == b"web\n"
    baleen("pause", "web")
    baleen("unpause", "web")
    baleen("rename", "web", "site")
    assert baleen("stop", "-t", "0", "site").stdout == b"site\n"
    assert baleen("stop", "site").stdout == b"site\n"
    assert baleen("wait", "site").stdout == b"137\n"
    assert baleen("inspect", "-f", "{{.State.ExitCode}} {{.Name}}", "site").stdout == b"137 /site\n"
    assert baleen("start", "site").stdout == b"site\n"
    assert baleen("kill", "site").stdout == b"site\n"
    assert baleen("rm", "-f", "site").stdout == b"site\n"
    assert baleen("inspect", "site", code=1).stdout == b"[]\n"


def test_logs_keep_the_streams_apart(baleen):
    baleen("run", "--name", "talk", "busybox", "sh", "-c", "echo out; echo err >&2")
    done = baleen("logs", "talk")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    assert baleen("logs", "-n", "0", "talk").stdout == b""
    stamped = baleen("logs", "-t", "talk").stdout
    assert stamped.endswith(b" out\n")
    assert stamped[4:5] == b"-"


def test_files_are_copied_both_ways(baleen, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "f").write_bytes(os.urandom(300_000))
    (tree / "link").symlink_to("/etc/passwd")
    baleen("create", "--name", "store", "busybox")
    baleen("cp", str(tree), "store:/tmp/copy")
    baleen("cp", "store:/tmp/copy", str(tmp_path / "back"))
    assert (tmp_path / "back" / "sub" / "f").read_bytes() == (tree / "sub" / "f").read_bytes()
    assert os.readlink(tmp_path / "back" / "link") == "/etc/passwd"
    baleen("cp", "store:/nonexistent", str(tmp_path), code=1)


def test_images_travel_through_archives(baleen, tmp_path):
    archive = tmp_path / "image.tar"
    baleen("tag", "busybox", "mine:1")
    baleen("save", "-o", str(archive), "mine:1")
    assert b"Untagged: mine:1" in baleen("rmi", "mine:1").stdout
    assert baleen("load", "-i", str(archive)).stdout == b"Loaded image: mine:1\n"
    assert b"mine:1" in baleen("images", "--format", "{{.Repository}}:{{.Tag}}", "mine").stdout
    baleen("rmi", "mine:1")


def test_networks_and_volumes(baleen):
    baleen("network", "create", "--subnet", "10.234.5.0/24", "lab")
    assert b"10.234.5.0/24" in baleen("network", "inspect", "lab").stdout
    assert baleen("volume", "create", "data").stdout == b"data\n"
    baleen("run", "--rm", "-v", "data:/d", "--network", "lab", "busybox", "touch", "/d/x")
    assert baleen("run", "--rm", "-v", "data:/d", "busybox", "ls", "/d").stdout == b"x\n"
    assert b"data" in baleen("volume", "ls").stdout
    baleen("volume", "rm", "data")
    baleen("network", "rm", "lab")


def test_the_engine_describes_itself(baleen):
    document = json.loads(baleen("version", "--format", "json").stdout)
    assert document["Server"]["ApiVersion"] == document["Client"]["ApiVersion"]
    assert b"Server Version:" in baleen("info").stdout


def test_a_terminal_is_driven_and_detached(engine, baleen):
    import pty
    import select

    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ["BALEEN_HOST"] = engine.host
        os.execv(
            sys.executable,
            [sys.executable, "-m", "baleen.cli.main", "run", "-it", "--name", "tt", "busybox"],
        )

    def expect(text):
        seen = b""
        while text not in seen:
            ready, _, _ = select.select([descriptor], [], [], 20)
            assert ready, seen
            seen += os.read(descriptor, 65536)
        return seen

    try:
        expect(b"# ")
        os.write(descriptor, b"echo a'b'c\r")
        expect(b"abc")
        os.write(descriptor, b"\x10\x11")
        expect(b"read escape sequence")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        os.close(descriptor)
    assert baleen("inspect", "-f", "{{.State.Running}}", "tt").stdout == b"true\n"


def test_explain_says_what_isolates_a_container(baleen):
    baleen("run", "-d", "--name", "web", "-m", "64m", "busybox", "sleep", "1000")
    text = baleen("explain", "web").stdout.decode()
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    for heading in ("NAMESPACES", "MOUNTS", "CAPABILITIES", "SYSTEM CALLS", "CONTROL GROUP"):
        assert heading in text
    assert "64 MiB" in text
    found = json.loads(baleen("explain", "--json", "web").stdout)
    assert found["Process"]["Args"] == ["sleep", "1000"]
    baleen("explain", "nosuch", code=1)
    baleen("rm", "-f", "web")


def test_explain_of_what_would_be_made(baleen):
    words = ("explain", "--dry-run", "--name", "new", "--privileged", "busybox", "sh")
    text = baleen(*words).stdout.decode()
    assert "Privileged (--privileged)" in text
    assert "nothing was" in text
    assert baleen("ps", "-aq").stdout == b""
    baleen("explain", "--dry-run", "nosuchimage", code=1)
    joined = baleen("explain", "--dry-run", "--network", "container:new", "busybox", code=1)
    assert b"No such container: new" in joined.stderr


def test_explain_on_a_terminal_has_headings_that_stand_out(terminal, baleen):
    baleen("create", "--name", "made", "busybox", "true")
    shown = terminal("explain", "made", columns=60)
    output = shown.expect(b"config.json")
    assert b"\x1b[1mNAMESPACES\x1b[0m" in output
    shown.wait()
    baleen("rm", "made")
