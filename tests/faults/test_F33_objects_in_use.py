"""F33, F39, F44, F46: objects in use, busy mounts, the end of the daemon, bad programs."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import time

import pytest
from attack_lab import Layer, image, run, within
from bed import wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_f33_what_is_in_use_stays_and_the_users_are_named(engine, again):
    image(engine, Layer().file("x"), name="used:1")
    engine.docker("network", "create", "net")
    engine.docker("volume", "create", "vol")
    engine.docker("run", "-d", "--name", "user", "--network", "net", "-v", "vol:/v", "used:1",
                  "sleep", "1000")  # fmt: skip
    if again:
        engine.restart()
    for path, words in (
        ("/volumes/vol", "in use"), ("/volumes/vol?force=1", "in use"),
        ("/networks/net", "user"), ("/images/used:1", "used"), ("/containers/user", "running"),
    ):  # fmt: skip
        answer = engine.api("DELETE", path)
        assert answer.status in (403, 409), (path, answer)
        assert words in answer.message, (path, answer)
    engine.docker("stop", "-t", "0", "user")
    for path in ("/volumes/vol", "/volumes/vol?force=1", "/images/used:1"):
        assert engine.api("DELETE", path).status == 409, path
    for kind in ("volumes", "networks", "images"):
        filters = '{"all":["1"]}' if kind == "volumes" else "{}"
        assert engine.api("POST", f"/{kind}/prune?filters={filters}").status == 200
    assert engine.api("GET", "/volumes/vol").status == 200
    assert engine.api("GET", "/images/used:1/json").status == 200
    engine.docker("rm", "user")
    for path in ("/volumes/vol", "/images/used:1"):
        assert engine.api("DELETE", path).status in (200, 204), path
    assert engine.api("DELETE", "/networks/net").status in (204, 404)


def test_f39_a_mount_in_another_namespace_does_not_hold_up_the_removal(engine):
    engine.docker("run", "-d", "--name", "busy", "--ipc", "shareable", "busybox", "sleep", "1000")
    pid = engine.state("busy")["Pid"]
    # Somebody looks into the container's tree and keeps it: a monitoring agent, a backup.
    holder = subprocess.Popen(
        ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "sleep", "1000"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with within(5.0):
            engine.docker("rm", "-f", "busy")
        assert engine.api("GET", "/containers/busy/json").status == 404
    finally:
        holder.kill()
        holder.wait()


def test_f44_sigterm_with_open_streams(engine):
    for number in range(5):
        engine.docker("run", "-d", "--name", f"box{number}", "busybox", "sh", "-c",
                      "while :; do echo x; sleep 1; done")  # fmt: skip
    for number in range(5, 40):
        body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"}}
        assert engine.api("POST", f"/containers/create?name=box{number}", body).status == 201
        assert engine.api("POST", f"/containers/box{number}/start").status == 204
    pids = [engine.state(f"box{number}")["Pid"] for number in range(40)]
    with contextlib.ExitStack() as stack:
        for number in range(5):
            for path in ("logs?follow=1&stdout=1", "wait", "stats", "attach?stream=1&stdout=1"):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(str(engine.socket))
                method = "POST" if path[0] in "wa" else "GET"
                client.sendall(
                    f"{method} /containers/box{number}/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                )
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.connect(str(engine.socket))
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        started = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - started < 15
    engine.start()
    assert [engine.state(f"box{number}")["Pid"] for number in range(40)] == pids


def test_f44_a_second_signal_is_no_crash(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    process = engine.process
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    assert engine.stop() == 0
    engine.start()
    assert engine.state("box")["Running"] is True


PROGRAMS = Layer()
for _name, _data, _mode in (
    ("format", b"\x7fELF garbage", 0o755),
    ("foreign", b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\x00\xf3\x00" + b"\0" * 44, 0o755),
    ("interpreter", b"#!/no/such/interpreter\n", 0o755),
    ("plain", b"#!/bin/sh\n", 0o644),
    ("empty", b"", 0o755),
    ("file", b"x", 0o644),
):
    PROGRAMS.file(_name, _data, mode=_mode)
PROGRAMS.symlink("loop", "loop").fifo("fifo").directory("dir")


def test_f46_programs_that_cannot_run(engine):
    name = image(engine, PROGRAMS)
    for command, code, words in (
        (["/format"], 125, "exec format error"), (["/foreign"], 125, "exec format error"),
        (["/empty"], 125, "exec format error"), (["/interpreter"], 127, "no such file"),
        (["/plain"], 126, "permission denied"), (["/dir"], 126, "directory"),
        (["/loop"], 125, "symbolic links"), (["/fifo"], 126, "permission denied"),
        (["/nosuch"], 127, "no such file"), (["nosuch"], 127, "not found"),
        (["x" * 5000], 127, ""),
    ):  # fmt: skip
        done = engine.docker("run", "--name", "bad", name, *command, check=False)
        assert done.returncode in ({code} if len(command[0]) < 4000 else {125, 126, 127}), (
            command,
            done,
        )
        assert words in done.stderr.lower() or (words == "directory" and "denied" in done.stderr)
        state = engine.state("bad")
        assert (state["Status"], state["Pid"]) == ("created", 0)
        engine.docker("rm", "bad")


def test_f46_a_working_directory_that_is_a_file_and_nobody(engine):
    name = image(engine, PROGRAMS)
    for config in ({"WorkingDir": "/file"}, {"WorkingDir": "/loop"}, {"User": "nosuch"}):
        code, message = run(engine, "true", image=name, config=config)
        assert code == -1
        assert message
    made = engine.api("POST", "/containers/create", {"Image": name, "Cmd": [""]})
    if made.status == 201:
        path = f"/containers/{made.json()['Id']}"
        assert engine.api("POST", f"{path}/start").status == 400
        assert engine.api("DELETE", path).status == 204
    else:
        assert made.status == 400


def test_f40_a_pause_in_the_middle_of_a_request_is_no_error(engine):
    """A client that goes away while its container starts leaves a container, whole or none."""
    for _ in range(5):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(engine.socket))
        made = engine.api("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"]})
        path = f"/containers/{made.json()['Id']}/start"
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        connection.close()
        with contextlib.suppress(OSError, http.client.HTTPException):
            wait_until(
                "it has run",
                lambda made=made: engine.state(made.json()["Id"])["Status"] == "exited",
            )
