"""CDI devices through the real client: `--device vendor.com/class=name`, and what `--gpus` gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bed import Bed, running

pytestmark = pytest.mark.integration

# A device of the host that a container has not, and that root may open without a capability.
DEVICE = next((path for path in ("/dev/loop-control", "/dev/fuse") if os.path.exists(path)), "")

YAML = """
cdiVersion: 0.7.0
kind: vendor.com/box
devices:
- name: gpu:0
  containerEdits:
    env: [BOX=0]
    deviceNodes:
    - {path: /dev/box0, hostPath: %(device)s, permissions: r, fileMode: 0444}
    mounts:
    - {hostPath: %(shared)s, containerPath: /opt/box, options: [ro, nosuid, nodev, bind]}
    additionalGids: [4242]
- name: hooked
  containerEdits:
    hooks:
    - {hookName: createContainer, path: /bin/sh, args: [sh, -c, "echo hook > opt/made"]}
    - {hookName: prestart, path: /bin/sh, args: [sh, -c, "cat > %(shared)s/state"]}
- {name: gone, containerEdits: {deviceNodes: [{path: /dev/nosuch}]}}
- {name: late, containerEdits: {hooks: [{hookName: poststop, path: /bin/true}]}}
- {name: rdt, containerEdits: {intelRdt: {closID: x}}}
- {name: proc, containerEdits: {mounts: [{hostPath: /tmp, containerPath: /proc/sys,
   options: [bind]}]}}
containerEdits:
  env: [VENDOR=yes]
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared")
    (path / "library").write_text("from the host\n")
    return path


@pytest.fixture(scope="module")
def engine(shared):
    if not DEVICE:
        pytest.skip("this host has neither loop-control nor fuse")

    def with_specs(directory: Path) -> Bed:
        bed = Bed(directory)
        for name in ("etc-cdi", "run-cdi"):
            (directory / name).mkdir(parents=True)
            bed.flags.append(f"--cdi-spec-dir={directory / name}")
        text = YAML % {"shared": shared, "device": DEVICE}
        (directory / "etc-cdi" / "box.yaml").write_text(text)
        return bed

    yield from running(with_specs)


def test_a_device_brings_all_that_its_vendor_says(engine):
    script = (
        "echo $VENDOR $BOX; stat -c '%t:%T %a %u' /dev/box0; cat /opt/box/library; id -G;"
        "(: < /dev/box0) && echo read; (: >> /dev/box0) 2>/dev/null || echo not written;"
        "(: > /opt/box/x) 2>/dev/null || echo read-only"
    )
    text = engine.out("run", "--rm", "--device", "vendor.com/box=gpu:0", "busybox", "sh", "-c",
                      script)  # fmt: skip
    lines = text.splitlines()
    number = os.stat(DEVICE).st_rdev
    shown = f"{os.major(number):x}:{os.minor(number):x} 444 0"
    assert lines[:3] == ["yes 0", shown, "from the host"]
    assert "4242" in lines[3].split()
    assert lines[4:] == ["read", "not written", "read-only"]


def test_inspect_shows_the_request_and_the_start_after_a_restart_asks_again(engine):
    engine.docker("run", "-d", "--name", "box", "--device", "vendor.com/box=gpu:0", "busybox",
                  "sleep", "1000")  # fmt: skip
    request = engine.inspect("box")["HostConfig"]["DeviceRequests"]
    assert [(item["Driver"], item["DeviceIDs"]) for item in request] == [
        ("cdi", ["vendor.com/box=gpu:0"])
    ]
    assert engine.out("exec", "box", "sh", "-c", "echo $BOX") == "0"
    engine.restart()
    engine.docker("restart", "-t", "0", "box")
    assert engine.out("exec", "box", "sh", "-c", "echo $BOX") == "0"


def test_hooks_run_on_the_host_and_in_the_container(engine, shared):
    text = engine.out("run", "--rm", "-w", "/", "-v", "vol:/opt", "--device",
                      "vendor.com/box=hooked", "busybox", "cat", "/opt/made")  # fmt: skip
    assert text == "hook"
    state = json.loads((shared / "state").read_text())
    assert state["status"] == "creating"
    assert len(state["id"]) == 64


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("vendor.com/box=nosuch", "unresolvable CDI devices vendor.com/box=nosuch"),
        ("vendor.com/box=gone", 'failed to stat CDI host device "/dev/nosuch": no such file'),
        ("vendor.com/box=late", "poststop hooks are not supported"),
        ("vendor.com/box=rdt", "intelRdt"),
        ("vendor.com/box=proc", "/proc"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_said(engine, device, words):
    done = engine.docker("run", "--device", device, "busybox", "true", check=False)
    assert done.returncode in (125, 127)  # the client takes "no such file" for the command's
    assert words in done.stderr


def test_gpus_are_refused_in_dockerds_words(engine):
    message = engine.fails("run", "--gpus", "all", "busybox", "true", code=125)
    assert 'could not select device driver "" with capabilities: [[gpu]]' in message


def test_info_lists_directories_devices_and_what_is_wrong(engine):
    (engine.directory / "run-cdi" / "bad.json").write_text('{"cdiVersion": "7"}')
    (engine.directory / "run-cdi" / "more.json").write_text(
        json.dumps(
            {
                "cdiVersion": "0.3.0",
                "kind": "vendor.com/box",
                "devices": [{"name": "late", "containerEdits": {"env": ["SETTLED=1"]}}],
            }
        )
    )
    try:
        info = engine.api("GET", "/info").json()
        assert info["CDISpecDirs"] == [str(engine.directory / name) for name in
                                       ("etc-cdi", "run-cdi")]  # fmt: skip
        assert {"Source": "cdi", "ID": "vendor.com/box=gpu:0"} in info["DiscoveredDevices"]
        assert any("bad.json" in text for text in info["Warnings"])
        assert "vendor.com/box=gpu:0" in engine.docker("info").stdout
        # The later directory counts, and what was just written counts at once.
        text = engine.out("run", "--rm", "--device", "vendor.com/box=late", "busybox",
                          "sh", "-c", "echo $SETTLED")  # fmt: skip
        assert text == "1"
    finally:
        for path in (engine.directory / "run-cdi").iterdir():
            path.unlink()


def test_a_step_of_a_build_gets_a_device_that_the_build_may_have(engine, tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\n"
        "RUN --device=vendor.com/box=gpu:0 --device=other.com/none "
        "echo $VENDOR $BOX $(cat /opt/box/library) > /seen && stat -c %a /dev/box0 >> /seen\n"
    )
    done = engine.docker("build", str(tmp_path), check=False)
    assert 'device "vendor.com/box=gpu:0" is not allowed' in done.stderr
    program = Path(sys.executable).with_name("baleen")
    command = [program, "-H", engine.host, "build", "-t", "seen", "--allow", "device", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert engine.out("run", "--rm", "seen", "cat", "/seen") == "yes 0 from the host\n444"
    # The place of its mount was made for the step alone.
    assert "No such file" in engine.fails("run", "--rm", "seen", "ls", "/opt")
