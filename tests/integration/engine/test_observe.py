"""events, stats, info, version, ping, system df: what clients watch an engine with."""

from __future__ import annotations

import json
import time

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration


def test_ping_headers(engine):
    answer = engine.api("GET", "/_ping")
    assert (answer.status, answer.body) == (200, b"OK")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["api-version"] == "1.55"
    assert headers["ostype"] == "linux"
    assert "docker-experimental" in headers
    assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
    head = engine.api("HEAD", "/_ping")
    assert (head.status, head.body) == (200, b"")


def test_version_and_info(engine):
    version = json.loads(engine.out("version", "--format", "{{json .Server}}"))
    assert version["ApiVersion"] == "1.55"
    assert version["MinAPIVersion"] == "1.24"
    info = json.loads(engine.out("info", "--format", "{{json .}}"))
    assert info["OSType"] == "linux"
    assert info["NCPU"] > 0
    assert info["MemTotal"] > 0
    assert info["DockerRootDir"] == str(engine.place.data_root)
    assert not info["ServerErrors"] if "ServerErrors" in info else True
    assert engine.docker("info").returncode == 0


def test_info_counts(engine):
    engine.docker("run", "-d", "--name", "aa", "busybox", "sleep", "1000")
    engine.docker("create", "--name", "bb", "busybox", "true")
    info = engine.api("GET", "/info").json()
    assert (info["Containers"], info["ContainersRunning"], info["ContainersStopped"]) == (2, 1, 1)


@pytest.mark.parametrize("version", ["1.24", "1.41", "1.44", "1.55"])
def test_old_and_new_versions(engine, version):
    assert engine.api("GET", f"/v{version}/containers/json").status == 200


def test_versions_that_are_not_there(engine):
    too_new = engine.api("GET", "/v1.99/containers/json")
    assert too_new.status == 400
    assert "is too new" in too_new.message
    too_old = engine.api("GET", "/v1.12/containers/json")
    assert too_old.status == 400
    assert "is too old" in too_old.message


def test_events_of_a_life(engine):
    since = str(time.time())
    engine.docker("run", "--name", "ee", "--rm", "busybox", "true")
    wait_until("it is gone", lambda: engine.api("GET", "/containers/ee/json").status == 404)
    lines = engine.out(
        "events", "--since", since, "--until", str(time.time() + 0.01), "--format", "{{json .}}"
    )
    events = [json.loads(line) for line in lines.split("\n")]
    actions = [event["Action"] for event in events if event["Type"] == "container"]
    assert [action for action in actions if action != "resize"] == [
        "create",
        "attach",
        "start",
        "die",
        "destroy",
    ]
    die = next(event for event in events if event["Action"] == "die")
    assert die["Actor"]["Attributes"]["exitCode"] == "0"
    assert die["Actor"]["Attributes"]["name"] == "ee"
    assert die["scope"] == "local"


def test_events_are_streamed_and_filtered(engine):
    process = engine.popen(
        "events",
        "--filter",
        "type=container",
        "--filter",
        "event=start",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
    )
    # The subscription has begun when the first event of ours is seen.
    seen = b""

    def poke():
        engine.docker("run", "--rm", "--name", "poke", "busybox", "true")
        import select

        return process.stdout if select.select([process.stdout], [], [], 0.2)[0] else None

    stream = wait_until("an event", poke)
    seen = stream.readline()
    assert seen == b"start poke\n"
    process.terminate()
    process.communicate(timeout=20)


def test_stats(engine):
    engine.docker(
        "run", "-d", "--name", "ss", "--memory", "64m", "busybox", "sh", "-c", "while :; do :; done"
    )
    text = engine.out("stats", "--no-stream", "--format", "{{json .}}", "ss")
    stats = json.loads(text)
    assert stats["Name"] == "ss"
    assert "64MiB" in stats["MemUsage"]
    assert stats["PIDs"] == "1"
    raw = engine.api("GET", "/containers/ss/stats?stream=false").json()
    assert (
        raw["cpu_stats"]["cpu_usage"]["total_usage"]
        > raw["precpu_stats"]["cpu_usage"]["total_usage"]
        >= 0
    )
    assert raw["memory_stats"]["limit"] == 64 << 20
    assert raw["pids_stats"]["current"] == 1
    assert raw["networks"]["eth0"]["rx_bytes"] >= 0
    one_shot = engine.api("GET", "/containers/ss/stats?stream=false&one-shot=true").json()
    assert one_shot["name"] == "/ss"
    engine.docker("stop", "-t", "0", "ss")
    assert engine.api("GET", "/containers/ss/stats?stream=false").status == 200


def test_system_df(engine):
    engine.docker(
        "run", "--name", "dd", "-v", "vv:/d", "busybox", "sh", "-c", "echo x > /d/f; echo y > /g"
    )
    text = engine.docker("system", "df").stdout
    assert "Images" in text
    assert "Local Volumes" in text


def test_events_tell_what_a_container_uses_and_who_looked(engine):
    engine.docker("volume", "create", "vol")
    since = str(time.time())
    engine.docker("run", "-d", "--name", "ee", "-v", "vol:/v", "busybox", "sleep", "1000")
    engine.docker("top", "ee")
    engine.docker("cp", "ee:/etc/hostname", "-")
    engine.api("GET", "/containers/ee/export")
    engine.docker("kill", "ee")
    until = str(time.time() + 0.01)
    lines = engine.out("events", "--since", since, "--until", until, "--format", "{{json .}}")
    events = [json.loads(line) for line in lines.split("\n")]
    assert [(event["Type"], event["Action"]) for event in events] == [
        ("container", "create"),
        ("network", "connect"),
        ("volume", "mount"),
        ("container", "start"),
        ("container", "top"),
        ("container", "archive-path"),
        ("container", "export"),
        ("container", "kill"),
        ("container", "die"),
        ("network", "disconnect"),
        ("volume", "unmount"),
    ]
    container_id = engine.inspect("ee")["Id"]
    attributes = {event["Action"]: event["Actor"]["Attributes"] for event in events}
    assert attributes["connect"] == {
        "container": container_id, "name": "bridge", "type": "bridge",
    }  # fmt: skip
    assert attributes["mount"] == {
        "container": container_id, "destination": "/v", "driver": "local", "propagation": "",
        "read/write": "true",
    }  # fmt: skip
    assert attributes["unmount"] == {"container": container_id, "driver": "local"}
