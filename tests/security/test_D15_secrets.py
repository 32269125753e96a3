"""D15: marked secrets are found only where Docker shows them."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SECRET = "swordfish-7731"  # what is searched for


def command_lines() -> str:
    found = ""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found += (entry / "cmdline").read_text(errors="replace")
            except OSError:
                continue
    return found


def test_environment_credentials_and_input_stay_where_they_belong(engine):
    auth = base64.urlsafe_b64encode(
        f'{{"username":"u","password":"{SECRET}","serveraddress":"r.example"}}'.encode()
    ).decode()
    assert engine.api("GET", "/info").json()["Debug"] is True
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "Env": [f"PASSWORD={SECRET}"]}
    made = engine.api(
        "POST", "/containers/create?name=box", body,
        headers={"X-Registry-Auth": auth, "X-Registry-Config": auth, "Authorization": SECRET},
    )  # fmt: skip
    assert made.status == 201
    assert engine.api("POST", "/containers/box/start").status == 204
    lines = command_lines()
    engine.api("POST", "/containers/box/exec", {"Cmd": ["true"], "Env": [f"TOKEN={SECRET}"]})
    engine.api("POST", "/auth", {"username": "u", "password": SECRET})
    engine.api(
        "POST", f"/images/create?fromImage=r.example/x&tag=1&note={SECRET}",
        headers={"X-Registry-Auth": auth},
    )  # fmt: skip
    engine.api("POST", f"/containers/box/rename?name=%2F{SECRET}%00")
    engine.api(
        "POST", "/containers/create", f'{{"Env":["PASSWORD={SECRET}"'.encode(),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    engine.api("POST", "/containers/create", {"Image": "busybox", "Env": [f"={SECRET}"]})
    engine.api("POST", "/containers/create", {"Image": "busybox", "Env": [[SECRET]]})
    assert f"PASSWORD={SECRET}" in engine.inspect("box")["Config"]["Env"]
    events = engine.api("GET", f"/events?since=0&until={time.time():.3f}")
    assert SECRET.encode() not in events.body
    assert SECRET not in lines
    assert SECRET not in engine.api("GET", "/containers/json?all=1").body.decode()
    log = engine.log.read_text()
    assert SECRET not in log, [line for line in log.splitlines() if SECRET in line]


def test_files_with_the_environment_are_for_root_only(engine):
    engine.docker("run", "-d", "--name", "box", "-e", f"PASSWORD={SECRET}", "busybox", "sleep", "9")
    holders = []
    for root in (engine.place.exec_root, engine.place.data_root):
        for directory, _, files in os.walk(root):
            for name in files:
                path = Path(directory) / name
                try:
                    if SECRET.encode() in path.read_bytes():
                        holders.append(path)
                except OSError:
                    continue
    assert holders, "the record holds it"
    for path in holders:
        assert path.stat().st_mode & 0o077 == 0 or any(
            parent.stat().st_mode & 0o077 == 0 for parent in path.parents
        ), path


def test_the_daemons_own_environment_reaches_no_container(engine):
    text = engine.out("run", "--rm", "--privileged", "--init", "busybox", "env")
    names = {line.partition("=")[0] for line in text.splitlines()}
    assert names == {"PATH", "HOSTNAME", "HOME"}
