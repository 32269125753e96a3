"""What a user or a host lacks is said before anything is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from bed import wait_until


@pytest.fixture
def idle(rootless):
    """The user without a daemon; it runs again afterwards."""
    rootless.stop()
    rootless.run("--uninstall")
    yield rootless
    rootless.run("--uninstall")
    rootless.start()


@pytest.fixture
def without_ids(idle):
    """Without lines in /etc/subuid and /etc/subgid."""
    lines = {file: idle.granted(file) for file in ("/etc/subuid", "/etc/subgid")}
    _, first, count = lines["/etc/subuid"][0].split(":")
    span = f"{first}-{int(first) + int(count) - 1}"
    flags = ("subuids", "subgids")
    subprocess.run(["usermod", *(f"--del-{flag}={span}" for flag in flags), idle.user], check=True)
    assert idle.granted("/etc/subuid") == []
    yield idle
    subprocess.run(["usermod", *(f"--add-{flag}={span}" for flag in flags), idle.user], check=True)
    assert {file: idle.granted(file) for file in lines} == lines


def test_what_there_is_is_told(idle):
    done = idle.run("--validate")
    assert done.returncode == 0, done.stdout
    assert "ids are granted" in done.stdout
    assert "slirp4netns leads out" in done.stdout
    assert not idle.left_behind()


def test_a_user_without_ids_is_told_what_to_do(without_ids):
    for action in ((), ("--validate",)):
        done = without_ids.run(*action)
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert f"/etc/subuid grants no ids to user {without_ids.user}" in said
        assert "--rootless-single-id" in said
    assert not without_ids.processes()


def test_one_id_is_enough_for_an_image_of_root_if_asked_for(without_ids):
    # Its own places: files of other owners are in the way of one that has one id.
    own = ["--data-root", str(without_ids.home / "single")]
    without_ids.flags = ["--rootless-single-id", *own]
    try:
        without_ids.process = None
        with without_ids.log.open("ab") as log:
            without_ids.process = subprocess.Popen(
                without_ids.baleend("--debug", *without_ids.flags), stdout=log, stderr=log
            )
        wait_until("the daemon answers", without_ids._answers, timeout_s=30)
        assert without_ids.out("run", "--rm", "busybox", "id", "-u") == "0"
        warnings = without_ids.api("GET", "/info").json()["Warnings"]
        assert any("only one user and group" in text for text in warnings)
        without_ids.stop()
    finally:
        without_ids.flags = []
        without_ids.run("--uninstall")
        shutil.rmtree(without_ids.home / "single", ignore_errors=True)


def test_without_newuidmap_nothing_is_made(idle, tmp_path):
    programs = tmp_path.joinpath("bin")
    programs.mkdir()
    for parent in (programs, *programs.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    for name in ("sh", "env", "setpriv"):
        programs.joinpath(name).symlink_to(Path(shutil.which(name)).resolve())
    idle.path = str(programs)
    try:
        done = idle.run()
    finally:
        idle.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert done.returncode == 1
    assert "newuidmap is not installed" in done.stderr
    assert "uidmap" in done.stderr
    wait_until("all has ended", lambda: not idle.processes())


def test_without_a_tun_device_containers_run_with_a_warning(idle):
    if not idle.needs_tun:
        pytest.skip("/dev/net/tun is for everybody here")
    idle.with_tun = False
    try:
        idle.start()
        assert idle.note()["network"] == "none"
        assert idle.out("run", "--rm", "busybox", "echo", "runs") == "runs"
        warnings = idle.api("GET", "/info").json()["Warnings"]
        assert any("reach nothing outside" in text for text in warnings)
        idle.stop()
    finally:
        idle.with_tun = True


def test_root_is_refused():
    if os.geteuid() != 0:
        pytest.skip("is root")
    import sys

    command = [sys.executable, "-m", "baleen.daemon.main", "--rootless"]
    environment = {**os.environ, "XDG_RUNTIME_DIR": "/run"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "for ordinary users" in done.stderr


def test_settings_that_cannot_work_are_refused(idle):
    done = idle.run("-H", "tcp://127.0.0.1:2375", "--validate")
    assert done.returncode == 1
    assert "does not work with --rootless" in done.stderr
    done = idle.run("--rootless-network", "vpnkit", "--validate")
    assert done.returncode == 1
    assert "'vpnkit' is none of auto, none, slirp4netns, pasta" in done.stderr
