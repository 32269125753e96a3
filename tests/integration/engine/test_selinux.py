"""SELinux around containers, through the real client.

A host without it skips this; `tools/test-vm --lsm selinux` runs it in a machine whose policy is
`tools/vm/selinux`: container_t may only use container_file_t, and only with its own categories.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

SELINUX = Path("/sys/fs/selinux/enforce")
POLICY = Path("/etc/selinux/config")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not (SELINUX.exists() and POLICY.exists() and "=small" in POLICY.read_text()),
        reason="this host has not the SELinux policy of these tests: tools/test-vm --lsm selinux",
    ),
]

PROCESS = re.compile(r"system_u:system_r:container_t:s0:c(\d+),c(\d+)")
LABEL = "security.selinux"


def label_of(path: Path) -> str:
    return os.getxattr(path, LABEL, follow_symlinks=False).decode().rstrip("\0")


@pytest.fixture(scope="module", autouse=True)
def enabled(engine):
    """The daemon with --selinux-enabled."""
    engine.flags.append("--selinux-enabled")
    engine.restart()


def run(engine, name, *arguments) -> None:
    engine.docker("run", "-d", "--name", name, *arguments, "busybox", "sleep", "1000")


def own_label(engine, name, *arguments) -> str:
    return engine.out("exec", *arguments, name, "cat", "/proc/self/attr/current").rstrip("\0")


def test_info_says_so(engine):
    assert SELINUX.read_text() == "1"
    assert "name=selinux" in engine.out("info", "--format", "{{json .SecurityOptions}}")


def test_each_container_has_categories_of_its_own_and_its_execs_have_them(engine):
    seen = set()
    for name in ("one", "two"):
        run(engine, name)
        shown = engine.inspect(name)
        assert PROCESS.fullmatch(shown["ProcessLabel"])
        level = shown["ProcessLabel"].split(":", 3)[3]
        assert shown["MountLabel"] == f"system_u:object_r:container_file_t:{level}"
        pid = engine.state(name)["Pid"]
        assert Path(f"/proc/{pid}/attr/current").read_text().rstrip("\0") == shown["ProcessLabel"]
        for arguments in ([], ["-t"], ["-u", "1000"], ["--privileged"]):
            assert own_label(engine, name, *arguments) == shown["ProcessLabel"]
        seen.add(level)
    assert len(seen) == 2


def test_all_files_of_a_container_have_its_label_and_can_be_used(engine):
    run(engine, "box", "--tmpfs", "/t", "-v", "/anonymous", "-v", "named:/named")
    label = engine.inspect("box")["MountLabel"]
    root = Path(f"/proc/{engine.state('box')['Pid']}/root")
    for path in ("bin", "dev", "dev/null", "dev/shm", "dev/mqueue", "t", "etc/hosts"):
        assert label_of(root / path) == label, path
    shared = "system_u:object_r:container_file_t:s0"
    assert label_of(root / "anonymous") == label_of(root / "named") == shared
    places = "/x /t/x /anonymous/x /named/x /dev/shm/x /tmp/x"
    engine.docker("exec", "box", "sh", "-c", f"for i in {places}; do echo a > $i && cat $i; done")
    engine.docker(
        "exec", "box", "sh", "-c", "cat /etc/hosts /etc/resolv.conf && echo x >> /etc/hosts"
    )
    assert "hello" in engine.out("exec", "-t", "box", "sh", "-c", "echo hello > /dev/tty")


def test_files_of_the_host_are_out_of_reach_until_they_are_relabelled(engine):
    place = engine.place.data_root.parent / "shared"
    (place / "deep").mkdir(parents=True)
    (place / "deep/file").write_text("of the host")
    (place / "link").symlink_to("/etc/hostname")
    before = label_of(Path("/etc/hostname"))
    read = ("busybox", "cat", "/s/deep/file")
    try:
        assert "Permission denied" in engine.fails("run", "--rm", "-v", f"{place}:/s", *read)
        assert engine.out("run", "--rm", "-v", f"{place}:/s:z", *read) == "of the host"
        assert label_of(place / "deep/file") == "system_u:object_r:container_file_t:s0"
        run(engine, "mine", "-v", f"{place}:/s:Z,ro")
        mine = engine.inspect("mine")["MountLabel"]
        for path in (place, place / "deep", place / "deep/file", place / "link"):
            assert label_of(path) == mine
        assert engine.out("exec", "mine", "cat", "/s/deep/file") == "of the host"
        # Another container's categories do not include these.
        assert "Permission denied" in engine.fails("run", "--rm", "-v", f"{place}:/s", *read)
        assert label_of(Path("/etc/hostname")) == before
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("path", ["/etc", "/usr", "/", "/home/", "/var/lib/../lib"])
def test_directories_that_the_host_is_made_of_are_not_relabelled(engine, path):
    before = label_of(Path(path))
    message = engine.fails("run", "--rm", "-v", f"{path}:/s:z", "busybox", "true", code=125)
    assert "SELinux relabeling of" in message
    assert "is not allowed" in message
    assert label_of(Path(path)) == before


def test_our_own_init_has_the_label_too(engine):
    run(engine, "box", "--init", "-u", "1000")
    label = engine.inspect("box")["ProcessLabel"]
    assert engine.out("exec", "box", "cat", "/proc/1/attr/current").rstrip("\0") == label
    engine.docker("stop", "-t", "20", "box")


def test_what_options_change(engine):
    run(
        engine,
        "box",
        "--security-opt",
        "label=type:other_t",
        "--security-opt",
        "label=level:s0:c5,c7",
    )
    assert own_label(engine, "box") == "system_u:system_r:other_t:s0:c5,c7"
    assert engine.inspect("box")["MountLabel"] == "system_u:object_r:container_file_t:s0:c5,c7"


@pytest.mark.parametrize(
    "arguments", [("--security-opt", "label=disable"), ("--privileged",), ("--pid", "host")]
)
def test_unconfined(engine, arguments):
    run(engine, "box", *arguments)
    shown = engine.inspect("box")
    assert shown["ProcessLabel"] == ""
    assert "label=disable" in shown["HostConfig"]["SecurityOpt"]
    assert ":machine_t:" in own_label(engine, "box")
    engine.docker("exec", "box", "sh", "-c", "echo a > /x && cat /x")


def test_a_container_that_joins_anothers_ipc_has_its_label(engine):
    run(engine, "one", "--ipc", "shareable")
    run(engine, "two", "--ipc", "container:one")
    assert own_label(engine, "two") == own_label(engine, "one")
    engine.docker("exec", "one", "sh", "-c", "echo seen > /dev/shm/x")
    assert engine.out("exec", "two", "cat", "/dev/shm/x") == "seen"


@pytest.mark.parametrize("option", ["nonsense", "type:", "colour:red", "nested"])
def test_bad_options(engine, option):
    message = engine.fails(
        "run", "--rm", "--security-opt", f"label={option}", "busybox", "true", code=125
    )
    assert "label option" in message


def test_a_type_that_the_policy_has_not_is_named_and_nothing_runs(engine):
    option = ("--security-opt", "label=type:no_such_t")
    engine.docker("create", "--name", "box", *option, "busybox")
    assert "no_such_t" in engine.fails("start", "box")
    assert engine.state("box")["Pid"] == 0


def test_labels_survive_a_restart_of_the_daemon(engine):
    run(engine, "box")
    before = engine.inspect("box")["ProcessLabel"]
    engine.restart()
    assert own_label(engine, "box") == before
    engine.docker("restart", "-t", "0", "box")
    assert own_label(engine, "box") == before
