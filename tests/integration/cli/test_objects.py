"""Commands about images, networks and disk usage against the real engine."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.integration


def test_diff_and_history(baleen):
    baleen("run", "--name", "con", "busybox", "sh", "-c", "echo text > /made; rm /etc/passwd")
    changes = baleen("diff", "con").stdout.decode().splitlines()
    assert {"A /made", "C /etc", "D /etc/passwd"} <= set(changes)
    baleen("export", "-o", "/dev/null", "con")
    identifier = baleen("inspect", "-f", "{{.Id}}", "busybox").stdout
    steps = baleen("history", "--no-trunc", "--format", "{{.ID}}", "busybox").stdout
    assert steps.startswith(identifier)
    lines = baleen("history", "busybox").stdout.splitlines()
    assert lines[0].split()[:2] == [b"IMAGE", b"CREATED"]


def test_export_and_import(baleen, tmp_path):
    baleen("run", "--name", "con", "busybox", "sh", "-c", "echo text > /made")
    archive = tmp_path / "root.tar"
    baleen("export", "-o", str(archive), "con")
    baleen("import", "-c", 'CMD ["cat", "/made"]', str(archive), "flat:1")
    assert baleen("run", "--rm", "flat:1").stdout == b"text\n"


def test_networks_are_joined_and_left_while_running(baleen, engine):
    baleen("network", "create", "--subnet", "10.234.6.0/24", "lab")
    baleen("run", "-d", "--name", "con", "busybox", "sleep", "1000")
    baleen("run", "-d", "--name", "dee", "--network", "lab", "busybox", "sleep", "1000")
    baleen("network", "connect", "--ip", "10.234.6.77", "--alias", "other", "lab", "con")
    assert b"10.234.6.77" in baleen("exec", "con", "ip", "addr").stdout
    assert b"10.234.6.77" in baleen("exec", "dee", "ping", "-c", "1", "other").stdout
    again = baleen("network", "connect", "lab", "con", code=1)
    assert b"already" in again.stderr
    baleen("network", "disconnect", "lab", "con")
    assert b"10.234.6.77" not in baleen("exec", "con", "ip", "addr").stdout
    baleen("network", "disconnect", "lab", "con", code=1)
    busy = baleen("network", "rm", "lab", code=1)
    assert b"active endpoints" in busy.stderr
    baleen("rm", "-f", "dee")
    assert baleen("network", "rm", "lab").stdout == b"lab\n"
    assert baleen("network", "rm", "-f", "lab").stderr == b""


def test_disk_usage_in_both_forms(baleen):
    baleen(
        "run", "-v", "data:/d", "--name", "con", "busybox", "sh", "-c", "echo x > /d/x; echo > /y"
    )
    lines = baleen("system", "df").stdout.decode().splitlines()
    assert lines[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "Images",
        "Containers",
        "Local Volumes",
        "Build Cache",
    ]
    assert lines[2].split()[1:3] == ["1", "0"]
    assert lines[3].split()[2:4] == ["1", "1"]
    details = json.loads(baleen("system", "df", "-v", "--format", "json").stdout)
    assert [v["Name"] for v in details["Volumes"]] == ["data"]
    assert [c["Names"] for c in details["Containers"]] == ["con"]
    assert b"Local Volumes space usage:" in baleen("system", "df", "-v").stdout


def test_several_containers_are_stopped_in_the_time_of_one(baleen):
    names = ["aa", "bb", "cc", "dd"]
    for name in names:
        baleen("run", "-d", "--name", name, "busybox", "sleep", "1000")  # PID 1 ignores TERM
    start = time.monotonic()
    assert baleen("stop", "-t", "2", *names).stdout == b"aa\nbb\ncc\ndd\n"
    assert time.monotonic() - start < 6
    assert baleen("rm", *names).stdout == b"aa\nbb\ncc\ndd\n"


def test_prune_removes_what_is_not_used(baleen):
    baleen("create", "--name", "con", "busybox")
    baleen("volume", "create", "named")
    baleen("network", "create", "lab")
    out = baleen("system", "prune", "-f").stdout
    assert b"Deleted Containers:" in out
    assert b"Deleted Networks:\nlab\n" in out
    assert baleen("volume", "prune", "-f").stdout == b"Total reclaimed space: 0B\n"
    assert b"Deleted Volumes:\nnamed\n" in baleen("volume", "prune", "-af").stdout


def test_limits_of_a_running_container_are_changed(baleen):
    baleen("run", "-d", "--name", "con", "-m", "64m", "busybox", "sleep", "1000")
    baleen("update", "-m", "32m", "--memory-swap", "64m", "--restart", "on-failure:2", "con")
    form = "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}"
    assert baleen("inspect", "-f", form, "con").stdout == b"33554432 on-failure\n"


def test_login_says_what_the_engine_says(baleen):
    done = baleen("login", "-u", "me", "--password-stdin", "localhost:1", stdin=b"x", code=1)
    assert done.stderr.startswith(b"Error response from daemon: ")
    assert done.stdout == b""
