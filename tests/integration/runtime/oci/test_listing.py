"""`state`, `list`, `ps`, `events` and `update` of containers that are there."""

import json
import re
import subprocess


def test_lists_show_all_containers_in_each_form(runtime):
    runtime.configure(
        "sleep", "100", change=lambda document: document.update(annotations={"a": "b"})
    )
    runtime.create()
    runtime.configure("true", name="c2")
    runtime.create(name="c2")
    runtime("start", "c1")
    assert runtime("list", "-q") == "c1\nc2\n"
    first, second = json.loads(runtime("list", "--format", "json"))
    assert (first["status"], second["status"]) == ("running", "created")
    assert first["owner"] == "root"
    state = runtime.state()
    assert state == first | {"owner": ""}
    assert state["annotations"] == {"a": "b"}
    assert re.fullmatch(r"1\.\d\.\d", state["ociVersion"])
    heading, *rows = runtime("list").splitlines()
    assert heading.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert [row.split()[0] for row in rows] == ["c1", "c2"]
    runtime.kill()
    assert runtime.state()["pid"] == 0
    runtime("delete", "c1")
    runtime("delete", "c2")


def test_ps_shows_the_hosts_numbers(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    pid = runtime.pid()
    assert json.loads(runtime("ps", "-f", "json", "c1")) == [pid]
    heading, row = runtime("ps", "c1").splitlines()
    assert "PID" in heading
    assert row.split()[1] == str(pid)
    assert row.endswith("sleep 100")
    assert runtime("ps", "c1", "-o", "pid,args").split()[2:] == [str(pid), "sleep", "100"]
    runtime("ps", "c1", "--bogus", code=1)
    runtime.kill()
    runtime("ps", "c1", code=1)
    assert "container not running" in runtime.errors
    runtime("delete", "c1")


def test_limits_are_updated_and_counted(runtime, tmp_path):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    runtime("update", "--pids-limit", "20", "c1")
    (tmp_path / "r").write_text('{"memory": {"limit": 67108864}}')
    runtime("update", "--resources", str(tmp_path / "r"), "c1")
    event = json.loads(runtime("events", "--stats", "c1"))
    assert (event["type"], event["id"]) == ("stats", "c1")
    assert event["data"]["pids"] == {"current": 1, "limit": 20}
    assert event["data"]["memory"]["usage"]["limit"] == 64 << 20
    runtime("update", "--memory", "lots", "c1", code=1)
    assert "a size is needed" in runtime.errors
    runtime.kill()
    runtime("update", "--pids-limit", "5", "c1", code=1)
    runtime("events", "--stats", "c1", code=1)
    assert "container not running" in runtime.errors
    runtime("delete", "c1")


def test_events_end_with_the_container(runtime):
    runtime.configure("sleep", "1000")
    runtime.create()
    runtime("start", "c1")
    command = runtime.command("events", "--interval", "100ms", "c1")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as events:
        lines = [events.stdout.readline() for _ in range(2)]
        runtime.kill()
        lines += events.stdout.read().splitlines()
    assert events.returncode == 0
    assert all(json.loads(line)["type"] == "stats" for line in lines)
    runtime("delete", "c1")
