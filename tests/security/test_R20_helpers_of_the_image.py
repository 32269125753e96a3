"""R20 (podman CVE-2022-1227): looking at a container must not run a program of its image."""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, put

pytestmark = pytest.mark.integration

PROGRAMS = (
    "ps", "nsenter", "tar", "sh", "df", "du", "ip", "kill", "mount", "umount", "cat", "stat",
    "chown", "gzip", "getent", "id", "ls",
)  # fmt: skip


def test_only_the_command_itself_runs(engine):
    layer = Layer().file("stay", b"#!/busybox sleep\n", mode=0o755)
    for directory in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"):
        for program in PROGRAMS:
            layer.file(f"{directory}/{program}", b"#!/bin/busybox touch\n", mode=0o755)
    name = image(engine, layer)
    engine.docker("run", "-d", "--name", "box", name, "/bin/busybox", "sleep", "1000")
    assert "sleep 1000" in engine.out("top", "box")
    engine.api("GET", "/containers/box/top?ps_args=aux")
    engine.api("GET", "/containers/box/stats?stream=0&one-shot=1")
    engine.docker("inspect", "-s", "box")
    engine.docker("logs", "box")
    engine.docker("pause", "box")
    engine.docker("unpause", "box")
    engine.docker("update", "-m", "64m", "--memory-swap", "128m", "box")
    assert engine.api("GET", "/containers/box/archive?path=/etc").status == 200
    assert put(engine, "box", "/root", bytes(Layer().file("new"))).status == 200
    assert engine.api("GET", "/containers/box/export").status == 200
    engine.docker("network", "create", "net")
    engine.docker("network", "connect", "net", "box")
    changed = engine.out("diff", "box").splitlines()
    # `touch FILE` changes the time of the script that was run: it would be in the upper layer.
    allowed = {"/root", "/root/new", "/dev", "/etc", "/proc", "/sys"}
    assert {line[2:] for line in changed} <= allowed, changed
