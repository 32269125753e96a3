"""systemd's manager, over its private socket and over the system bus."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from baleen.linux import systemd
from baleen.linux.dbus import DBusError, Variant

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not systemd.is_running(), reason="systemd is not the first process"),
]


@pytest.fixture(params=["private", "bus"])
def connect(request, monkeypatch):
    if request.param == "bus":
        if not os.path.exists(systemd.BUS_SOCKET):
            pytest.skip("there is no system bus")
        monkeypatch.setattr(systemd, "PRIVATE_SOCKET", "/run/systemd/none")
    return systemd.Manager


@pytest.fixture
def process():
    with subprocess.Popen(["sleep", "1000"]) as made:
        yield made
        made.kill()


@pytest.fixture
def unit():
    name = f"bltest-{os.urandom(4).hex()}.scope"
    yield name
    with systemd.Manager() as manager:
        manager.stop(name)


def properties(process):
    return [
        ("PIDs", Variant("au", [process.pid])),
        ("CollectMode", Variant("s", "inactive-or-failed")),
        ("MemoryMax", Variant("t", 64 << 20)),
    ]


def group(pid):
    return Path(f"/proc/{pid}/cgroup").read_text().strip().rpartition("/")[2]


def show(unit, name):
    command = ["systemctl", "show", "--value", f"--property={name}", unit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_scope_is_there_when_it_was_started_and_gone_when_it_was_stopped(connect, process, unit):
    with connect() as manager:
        assert manager.version() >= 200
        manager.start_scope(unit, properties(process))
        assert group(process.pid) == unit
        assert show(unit, "MemoryMax") == str(64 << 20)
        manager.set_properties(unit, [("MemoryMax", Variant("t", 80 << 20))])
        assert show(unit, "MemoryMax") == str(80 << 20)
        manager.stop(unit)
        assert process.wait(30) == -signal.SIGTERM
        manager.stop(unit)


def test_the_unit_of_before_is_waited_for(connect, process, unit):
    with subprocess.Popen(["sleep", "1000"]) as before, connect() as manager:
        manager.start_scope(unit, properties(before))
        before.kill()
        before.wait()
        # Its end is known to us and not yet to systemd, or just now.
        manager.start_scope(unit, properties(process))
    assert group(process.pid) == unit


def test_what_systemd_refuses_is_told_with_its_name(connect, process, unit):
    with connect() as manager:
        with pytest.raises(DBusError, match="Nonsense") as caught:
            manager.start_scope(unit, [*properties(process), ("Nonsense", Variant("b", True))])
        assert caught.value.name.startswith("org.freedesktop.DBus.Error.")
        with pytest.raises(DBusError, match=unit):
            manager.set_properties(unit, [("MemoryMax", Variant("t", 1 << 20))])
        with pytest.raises(DBusError, match=unit):  # a scope has processes
            manager.start_scope(unit, [])
        assert manager.version() >= 200


def test_a_user_that_may_not_is_told(connect, process, unit):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setuid(65534)
            try:
                with connect() as manager:
                    manager.start_scope(unit, properties(process))
            except DBusError:
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert group(process.pid) != unit
