import os
import stat

import pytest

from baleen.linux.cgroup import CgroupError
from baleen.linux.cgroup.systemd import ScopeCgroup, SystemdDriver, scope_of
from baleen.linux.cgroup.v2 import V2Cgroup


@pytest.fixture
def driver(tmp_path):
    """On a directory that looks like the unified hierarchy."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    return SystemdDriver(str(tmp_path))


def test_the_unit_and_the_directory_follow_from_the_name():
    assert scope_of("system.slice:docker:abc") == (
        "system.slice",
        "docker-abc.scope",
        "/system.slice/docker-abc.scope",
    )
    assert scope_of("a-b.slice:libpod:x")[2] == "/a.slice/a-b.slice/libpod-x.scope"
    assert scope_of("::x") == ("system.slice", "x.scope", "/system.slice/x.scope")
    assert scope_of("-.slice:p:x")[2] == "/p-x.scope"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a:b", "expected cgroupsPath to be of format"),
        ("/a/b", "expected cgroupsPath to be of format"),
        ("a.slice:b:c:d", "expected cgroupsPath to be of format"),
        ("a.slice:b:", "no name for a systemd scope"),
        ("a.slice:b:c/d", "no name for a systemd scope"),
        ("a.slice:b:c d", "no name for a systemd scope"),
        ("a.slice:b:" + "c" * 250, "no name for a systemd scope"),
        ("a.slice:b:\u0661", "no name for a systemd scope"),
        ("a:b:c", "invalid slice name: a"),
        ("../x.slice:b:c", "invalid slice name"),
    ],
)
def test_names_that_are_none_are_refused(path, why):
    with pytest.raises(CgroupError, match=why):
        scope_of(path)


def test_a_name_says_who_makes_the_group(driver):
    scope = driver.open("a.slice:docker:x")
    assert isinstance(scope, ScopeCgroup)
    assert scope.is_transient
    assert scope.path == "/a.slice/docker-x.scope"
    own = driver.open("/a/x")
    assert type(own) is V2Cgroup
    assert not own.is_transient


def test_a_scope_without_a_process_is_refused(driver):
    with pytest.raises(CgroupError, match=r"docker-x\.scope cannot be made without a process"):
        driver.create("a.slice:docker:x", {})


def test_a_scope_that_holds_processes_is_somebodys(driver, tmp_path):
    directory = tmp_path / "a.slice/docker-x.scope"
    directory.mkdir(parents=True)
    (directory / "cgroup.procs").write_text(f"{os.getpid()}\n")
    with pytest.raises(CgroupError, match="exists and holds processes"):
        driver.create("a.slice:docker:x", {}, os.getpid())
    with pytest.raises(CgroupError, match="holds processes"):
        driver.open("a.slice:docker:x").remove(0.01)


def test_an_empty_scope_is_left_to_systemd(driver, tmp_path):
    directory = tmp_path / "a.slice/docker-x.scope"
    directory.mkdir(parents=True)
    (directory / "cgroup.procs").write_text("")
    driver.open("a.slice:docker:x").remove()
    assert stat.S_ISDIR(directory.stat().st_mode)
