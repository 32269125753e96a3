"""What a user sees of an engine without root, with the real docker client."""

from __future__ import annotations

import socket
import subprocess
import sys

import leaks
import pytest
from bed import HOST_ADDRESS, OUTSIDE_ADDRESS, wait_until
from rootless_bed import fetched, web

_UDP = (
    "import socket,sys; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5);"
    "s.sendto(b'ping', (sys.argv[1], int(sys.argv[2]))); print(s.recv(100).decode())"
)
_UDP_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); print(flush=True)
while True:
    data, sender = s.recvfrom(100); s.sendto(data + b" from " + sender[0].encode(), sender)
"""
_SERVER = """
import socket, sys
s = socket.create_server((sys.argv[1], 0)); print(s.getsockname()[1], flush=True)
c, a = s.accept(); c.recv(4096); c.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nfrom " + a[0].encode())
"""


def test_info_says_rootless(rootless):
    info = rootless.api("GET", "/info").json()
    assert "name=rootless" in info["SecurityOptions"]
    assert info["DockerRootDir"] == str(rootless.data_root)
    if info["CgroupDriver"] == "none":
        assert any("without cgroups" in text for text in info["Warnings"])


def test_root_of_a_container_is_the_user_outside(rootless):
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    pid = rootless.state("c1")["Pid"]
    with open(f"/proc/{pid}/status") as file:
        uids = next(line for line in file if line.startswith("Uid:")).split()[1:]
    assert uids == [str(rootless.uid)] * 4
    assert rootless.out("exec", "c1", "id", "-u") == "0"
    assert rootless.out("exec", "-u", "1000:1000", "c1", "id", "-u") == "1000"


def test_logs_exec_copy_diff_and_volume(rootless, tmp_path):
    rootless.docker("volume", "create", "vol")
    script = "echo said; echo kept > /data/file; chown 7:8 /data/file; echo > /new; sleep 1000"
    rootless.docker("run", "-d", "--name", "c1", "-v", "vol:/data", "busybox", "sh", "-c", script)
    rootless.wait_for_log("c1", "said")
    assert rootless.out("exec", "c1", "cat", "/data/file") == "kept"
    assert "A /new" in rootless.out("diff", "c1").splitlines()
    (tmp_path / "in").write_text("copied")
    rootless.docker("cp", str(tmp_path / "in"), "c1:/in")
    assert rootless.out("exec", "c1", "cat", "/in") == "copied"
    assert "sleep 1000" in rootless.out("top", "c1")
    rootless.docker("rm", "-f", "c1")
    listing = rootless.out("run", "--rm", "-v", "vol:/data", "busybox", "ls", "-ln", "/data/file")
    assert listing.split()[2:4] == ["7", "8"]


def test_a_terminal(rootless):
    assert rootless.out("run", "--rm", "-t", "busybox", "tty") == "/dev/pts/0\r"


def test_containers_find_each_other_by_name(rootless):
    rootless.docker("network", "create", "net")
    web(rootless, "--network", "net")
    name = rootless.out("exec", "web", "hostname")
    command = ["run", "--rm", "--network", "net", "busybox", "wget", "-qO-", "http://web/"]
    assert rootless.out(*command) == name


def test_a_published_port_is_reached_from_host_and_neighbour(rootless):
    web(rootless, "-p", "8080:80")
    name = rootless.out("exec", "web", "hostname")
    assert fetched(rootless, 8080) == fetched(rootless, 8080, outside=True) == name + "\n"
    assert rootless.out("port", "web") == "80/tcp -> 0.0.0.0:8080"
    rootless.docker("rm", "-f", "web")
    wait_until("the port is free", lambda: rootless.fetch("127.0.0.1", 8080) == "")


def test_a_port_of_one_address_is_not_reached_under_another(rootless):
    web(rootless, "-p", "127.0.0.1:8080:80")
    assert fetched(rootless, 8080)
    assert rootless.fetch(HOST_ADDRESS, 8080, outside=True) == ""


def test_a_published_udp_port(rootless):
    rootless.docker("run", "-d", "--name", "c1", "-p", "5353:53/udp", "busybox", "sleep", "1000")
    # Its image has no such server: one of ours goes into its network.
    into = ["nsenter", f"--net=/proc/{rootless.state('c1')['Pid']}/ns/net"]
    echo = [*into, sys.executable, "-S", "-c", _UDP_SERVER]
    with subprocess.Popen(echo, stdout=subprocess.PIPE, text=True) as server:
        server.stdout.readline()
        for address in ("127.0.0.1", HOST_ADDRESS):
            run = rootless.inside if address == "127.0.0.1" else rootless.outside
            answer = run(sys.executable, "-S", "-c", _UDP, address, "5353").strip()
            assert answer == "ping from 172.17.0.1"
        server.kill()


def test_ports_that_cannot_be_had_are_refused_by_name(rootless):
    # The client says 126 to whatever speaks of permissions.
    message = rootless.fails("run", "--rm", "-p", "80:80", "busybox", "true", code=126)
    assert "failed to bind host port for 0.0.0.0:80" in message
    assert "permission denied" in message
    assert "ip_unprivileged_port_start" in message
    with socket.socket() as taken:
        inside = leaks.in_netns(rootless.netns, sys.executable, "-S", "-c", _SERVER, "0.0.0.0")
        taken.close()
        with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as server:
            port = server.stdout.readline().strip()
            message = rootless.fails("run", "--rm", "-p", f"{port}:80", "busybox", "true", code=125)
            server.kill()
    assert "address already in use" in message


def test_a_large_download_arrives_whole(rootless):
    script = "dd if=/dev/zero of=/index.html bs=1M count=16 2>/dev/null; exec httpd -f"
    rootless.docker("run", "-d", "-p", "8080:80", "busybox", "sh", "-c", script)
    size = wait_until("all bytes", lambda: len(rootless.fetch("127.0.0.1", 8080)), timeout_s=30)
    assert size == 16 << 20


@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
def test_a_container_reaches_the_neighbour(rootless, program):
    rootless.stop()
    rootless.run("--uninstall")
    rootless.flags = ["--rootless-network", program]
    try:
        rootless.start()
        assert rootless.note()["network"] == program
        command = leaks.in_netns(
            rootless.outside_netns, sys.executable, "-S", "-c", _SERVER, OUTSIDE_ADDRESS
        )
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            port = server.stdout.readline().strip()
            url = f"http://{OUTSIDE_ADDRESS}:{port}/"
            try:
                got = rootless.out("run", "--rm", "busybox", "wget", "-qO-", url)
            finally:
                server.kill()
        assert got == f"from {HOST_ADDRESS}"
    finally:
        rootless.flags = []
        if rootless.process is not None:
            rootless.stop()
        rootless.run("--uninstall")
        rootless.start()


def test_loopback_of_the_host_is_not_reached(rootless):
    command = leaks.in_netns(rootless.netns, sys.executable, "-S", "-c", _SERVER, "127.0.0.1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = server.stdout.readline().strip()
        for address in ("127.0.0.1", "10.0.2.2"):
            url = f"http://{address}:{port}/"
            done = rootless.docker(
                "run", "--rm", "--network", "host", "busybox", "timeout", "2", "wget", "-qO-", url,
                check=False,
            )  # fmt: skip
            assert done.returncode != 0
        server.kill()


def test_limits_that_cannot_hold_are_discarded_with_a_warning(rootless):
    if rootless.api("GET", "/info").json()["CgroupDriver"] != "none":
        pytest.skip("control groups are delegated here")
    done = rootless.docker("run", "--rm", "-m", "64m", "--pids-limit", "9", "busybox", "true")
    assert "does not support memory limit capabilities" in done.stderr
    assert "does not support PIDs limit capabilities" in done.stderr
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    assert "no control group is delegated" in rootless.fails("pause", "c1")
    assert rootless.out("stats", "--no-stream", "--format", "{{.Name}}", "c1") == "c1"


def test_what_only_the_hosts_root_may_is_refused_clearly(rootless):
    message = rootless.fails(
        "run", "--rm", "--ulimit", "nofile=9:2000000000", "busybox", "true", code=125
    )
    assert "rlimit" in message
    message = rootless.fails(
        "run", "--rm", "--device", "/dev/null:/dev/other", "busybox", "true", code=125
    )
    assert "device /dev/other" in message
    privileged = "mount -t tmpfs none /tmp && ! mknod /x b 8 0 && ! dmesg"
    rootless.docker("run", "--rm", "--privileged", "busybox", "sh", "-c", privileged)


def test_namespaces_of_the_host_are_those_of_the_engine(rootless):
    assert int(rootless.out("run", "--rm", "--pid=host", "busybox", "sh", "-c", "ps | wc -l")) > 3
    links = rootless.out("run", "--rm", "--network=host", "busybox", "ip", "link")
    assert "baleen0" in links
    assert "uplink" not in links
    rootless.docker("run", "--rm", "--ipc=host", "--uts=host", "busybox", "true")


def test_explain_says_whose_root_it_is(rootless):
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    answer = rootless.api("GET", "/baleen/v1/containers/c1/explain")
    assert answer.status == 200
    user = next(entry for entry in answer.json()["Namespaces"] if entry["Type"] == "user")
    assert "uid 0 inside is the user who started it" in user["Why"]
