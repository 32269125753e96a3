"""The namespaces outlive the daemon, and end when they are told to."""

from __future__ import annotations

import os
import signal

from bed import wait_until
from rootless_bed import fetched, web


def test_containers_and_ports_outlive_a_daemon_that_is_killed(rootless):
    web(rootless, "-p", "8080:80")
    name = fetched(rootless, 8080)
    before = rootless.note()
    rootless.kill9()
    assert fetched(rootless, 8080) == name
    rootless.start()
    assert rootless.note() == before
    assert rootless.out("exec", "web", "hostname") == name.strip()
    rootless.docker("rm", "-f", "web")
    wait_until("the port is free", lambda: rootless.fetch("127.0.0.1", 8080) == "")


def test_a_port_is_given_back_while_no_daemon_runs(rootless):
    script = "hostname > /index.html; httpd; read line < /stop"
    rootless.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sh", "-c",
                    "mkfifo /stop; " + script)  # fmt: skip
    fetched(rootless, 8080)
    pid = rootless.state("web")["Pid"]
    rootless.kill9()
    os.kill(pid, signal.SIGKILL)
    wait_until("the port is free", lambda: rootless.fetch("127.0.0.1", 8080) == "")
    rootless.start()
    assert rootless.state("web")["ExitCode"] == 137


def test_sigterm_ends_the_daemon_only(rootless):
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    assert rootless.stop() == 0
    assert any("sleep 1000" in name for name in rootless.processes().values())
    rootless.start()
    assert rootless.state("c1")["Running"]


def test_a_second_daemon_is_refused(rootless):
    done = rootless.run()
    assert done.returncode == 1
    assert "another daemon uses the data root" in done.stderr


def test_uninstall_ends_everything_and_keeps_the_data(rootless):
    web(rootless, "-p", "8080:80", "--restart", "always")
    fetched(rootless, 8080)
    rootless.stop()
    assert rootless.run("--uninstall").returncode == 0
    rootless.wait_until_gone()
    assert rootless.fetch("127.0.0.1", 8080) == ""
    rootless.start()
    rootless.wait_for_status("web", "running")
    assert fetched(rootless, 8080)


def test_after_a_loss_of_the_holder_the_next_start_begins_anew(rootless):
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    before = rootless.note()
    for process in ("outside", "holder"):
        os.kill(before[process], signal.SIGKILL)
    rootless.kill9()
    rootless.start()
    assert rootless.note()["holder"] != before["holder"]
    wait_until("the old container ended", lambda: not rootless.state("c1")["Running"])
    assert not any("sleep 1000" in name for name in rootless.processes().values())
