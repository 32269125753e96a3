"""D02, D05: the API is open to nobody by the network, least of all to containers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import leaks
import pytest
from attack_lab import run

pytestmark = pytest.mark.integration


def listening(engine) -> set[tuple[str, int]]:
    """Return what listens in the daemon's network namespace, TCP and UDP, from the kernel."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        text = engine.inside("cat", f"/proc/net/{name}", check=False)
        for line in text.splitlines()[1:]:
            fields = line.split()
            if fields[3] == ("0A" if name.startswith("tcp") else "07"):
                found.add((name, int(fields[1].rpartition(":")[2], 16)))
    return found


def test_d05_the_daemon_listens_nowhere_but_on_published_ports(engine):
    assert listening(engine) == set()
    engine.docker("network", "create", "net")
    engine.docker("run", "-d", "--name", "aa", "--network", "net", "busybox", "sleep", "1000")
    assert listening(engine) == set()
    engine.docker("run", "-d", "--name", "bb", "-p", "8080:80", "busybox", "sleep", "1000")
    assert {port for _, port in listening(engine)} <= {8080}


def test_d05_a_container_finds_no_api(engine):
    """Neither by an address of the host nor by a name, nor as a file."""
    own = (
        "httpd -p 2375 -h /etc; for try in 1 2 3 4 5 6 7 8 9; do "
        "nc -w 1 127.0.0.1 2375 </dev/null >/dev/null && echo found && break; usleep 50000; done"
    )
    assert "found" in run(engine, "sh", "-c", own)[1], "the means of looking finds what is there"
    script = """
        gateway=$(ip route | awk '/default/ {print $3}')
        for host in $gateway 198.51.100.1; do
            for port in 2375 2376 2377 4243 5000 7946; do
                nc -w 1 $host $port </dev/null >/dev/null && echo open $host $port
            done
        done
        for name in host.docker.internal gateway.docker.internal; do
            grep $name /etc/hosts
        done
        find / -xdev -type s; ls /var/run/*.sock /run/*.sock
        env | grep -i sock
        true
    """
    assert run(engine, "sh", "-c", f"({script}) 2>/dev/null") == (0, "")
    ports = run(engine, "sh", "-c", "cat /proc/net/unix | tail -n +2")[1]
    assert ports == ""


def test_d02_tcp_without_tls_is_refused_to_start(engine, tmp_path):
    done = subprocess.run(
        leaks.in_netns(
            engine.netns,
            str(Path(sys.executable).with_name("baleend")),
            "-H=tcp://0.0.0.0:2375",
            f"--data-root={tmp_path}/d",
            f"--exec-root={tmp_path}/e",
            f"--pidfile={tmp_path}/p",
            "--bridge=none0",
            "--cgroup-parent=/bltest-none",
        ),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "tls" in done.stderr.lower()
    assert listening(engine) == set()
    # Refused before anything was made: the fixture looks for bridges and rules.
