"""R27: a setuid or file-capability program gains nothing with no-new-privileges."""

from __future__ import annotations

import json

import pytest
from attack_lab import Layer, euid_program, image, run
from bed import wait_until

pytestmark = pytest.mark.integration

# security.capability, version 2, effective, CAP_NET_ADMIN permitted
NET_ADMIN = b"\x01\x00\x00\x02" + (1 << 12).to_bytes(4, "little") + b"\0" * 12
OPTION = ["no-new-privileges"]


@pytest.fixture
def programs(engine):
    layer = Layer().file("suid", euid_program(), mode=0o4755)
    layer.file(
        "filecaps",
        b"#!/bin/cat\n",
        mode=0o755,
        pax_headers={"SCHILY.xattr.security.capability": NET_ADMIN.decode("latin-1")},
    )
    return image(engine, layer)


def test_in_run(engine, programs):
    assert run(engine, "/suid", image=programs, config={"User": "100"})[0] == 0
    code, _ = run(engine, "/suid", image=programs, config={"User": "100"}, SecurityOpt=OPTION)
    assert code == 100
    text = run(engine, "cat", "/proc/self/status", image=programs, SecurityOpt=OPTION)[1]
    assert "NoNewPrivs:\t1" in text


@pytest.mark.parametrize("spelling", ["no-new-privileges:true", "no-new-privileges=true"])
def test_in_every_spelling(engine, programs, spelling):
    code, _ = run(engine, "/suid", image=programs, config={"User": "100"}, SecurityOpt=[spelling])
    assert code == 100


def test_in_exec_and_health(engine, programs):
    engine.docker(
        "run", "-d", "--name", "box", "-u", "100", "--security-opt", "no-new-privileges",
        "--health-cmd", "grep NoNewPrivs /proc/self/status; /suid", "--health-interval", "100ms",
        "--health-start-interval", "100ms", "--health-start-period", "1s",
        programs, "sleep", "1000",
    )  # fmt: skip
    assert engine.docker("exec", "box", "/suid", check=False).returncode == 100
    assert engine.docker("exec", "--privileged", "box", "/suid", check=False).returncode == 100

    def probed():
        health = json.loads(engine.out("inspect", "-f", "{{json .State.Health}}", "box"))
        return health["Log"] and health["Log"][-1]

    probe = wait_until("a probe ran", probed)
    assert "NoNewPrivs:\t1" in probe["Output"]
    assert probe["ExitCode"] == 100
