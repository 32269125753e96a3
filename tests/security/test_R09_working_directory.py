"""R09 (runc CVE-2024-21626): a leaked descriptor of a host directory as working directory."""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, run

pytestmark = pytest.mark.integration

NUMBERS = range(3, 31)


def test_run_refuses_every_descriptor(engine):
    for number in NUMBERS:
        code, text = run(engine, "pwd", config={"WorkingDir": f"/proc/self/fd/{number}"})
        assert code == -1, text


@pytest.mark.parametrize("number", [3, 5, 8])
def test_neither_the_image_nor_a_link_leads_there(engine, number):
    layer = Layer().symlink("link", f"/proc/self/fd/{number}")
    layer.symlink("up", f"/proc/self/fd/{number}/../..")
    for place in (f"/proc/self/fd/{number}", "/link", "/link/..", "/up"):
        name = image(engine, layer, WorkingDir=place)
        code, text = run(engine, "sh", "-c", "cat etc/passwd; ls", image=name)
        assert code == -1, (place, text)


def test_exec_refuses_every_descriptor(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "cd /; sleep 1000")
    for number in NUMBERS:
        made = engine.api(
            "POST",
            "/containers/box/exec",
            {"Cmd": ["pwd"], "WorkingDir": f"/proc/self/fd/{number}"},
        )
        started = engine.api("POST", f"/exec/{made.json()['Id']}/start", {"Detach": True})
        assert started.status >= 400, (number, started)


def test_root_of_another_process_is_no_working_directory(engine):
    for place in ("/proc/1/root", "/proc/self/cwd", "/proc/1/cwd/..", "/proc/self/root/proc"):
        code, text = run(engine, "pwd", config={"WorkingDir": place})
        assert code == -1 or text in ("/\n", "/proc\n"), (place, text)


def test_only_the_three_streams_are_open(engine):
    opened = "0 1 2 3"  # 3 is the directory that ls itself reads
    assert run(engine, "sh", "-c", "echo $(ls /proc/self/fd)")[1] == f"{opened}\n"
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    assert engine.out("exec", "box", "sh", "-c", "echo $(ls /proc/self/fd)") == opened
    assert engine.out("exec", "box", "sh", "-c", "echo $(ls /proc/1/fd)") == "0 1 2"
