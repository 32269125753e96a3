"""Real containers of a real zygote: the control protocol from start to recorded exit."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from baleen.linux.cgroup import detect

pytestmark = pytest.mark.integration

DEADLINE_S = 20.0
CAPABILITIES = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE"]


def recv_message(sock, timeout=DEADLINE_S):
    readable, _, _ = select.select([sock], [], [], timeout)
    assert readable, "no message in time"
    data = sock.recv(1 << 18)
    return json.loads(data) if data else None


class Link:
    """A daemon's end of a control socket."""

    def __init__(self, sock):
        self.sock = sock
        self.events = []
        self.clients = []
        self.seq = 0

    def send(self, op, fds=(), **fields):
        self.seq += 1
        message = json.dumps({"seq": self.seq, "op": op, **fields}).encode()
        socket.send_fds(self.sock, [message], list(fds))
        return self.seq

    def reply(self, seq):
        while True:
            message = recv_message(self.sock)
            assert message is not None, f"closed before the reply {seq}; events {self.events}"
            if "event" in message:
                self.events.append(message)
            elif message["reply"] == seq:
                return message

    def call(self, op, fds=(), **fields):
        answer = self.reply(self.send(op, fds, **fields))
        assert answer["ok"], answer
        return answer

    def fail(self, op, fds=(), **fields):
        answer = self.reply(self.send(op, fds, **fields))
        assert not answer["ok"], answer
        return answer["error"]

    def event(self, name):
        for index, event in enumerate(self.events):
            if event["event"] == name:
                return self.events.pop(index)
        while True:
            message = recv_message(self.sock)
            assert message is not None, f"closed before the event {name}; events {self.events}"
            if message.get("event") == name:
                return message
            self.events.append(message)

    def peer_pid(self):
        """The process that listens: the shim, when this was connected to control.sock."""
        size = struct.calcsize("iII")
        credentials = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return struct.unpack("iII", credentials)[0]

    def close(self):
        for client in self.clients:
            client.close()
        self.sock.close()

    def until_closed(self):
        while (message := recv_message(self.sock)) is not None:
            self.events.append(message)
        self.sock.close()


class Client:
    """An attached client: its end of a stream socket."""

    def __init__(self):
        self.sock, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE_S)

    def given(self):
        self.other.close()

    def read_all(self):
        chunks = []
        while chunk := self.sock.recv(1 << 20):
            chunks.append(chunk)
        return b"".join(chunks)

    def read_until(self, text):
        data = b""
        while text not in data:
            chunk = self.sock.recv(4096)
            assert chunk, f"ended before {text!r}: {data!r}"
            data += chunk
        return data

    def close(self):
        self.sock.close()
        self.other.close()


def unframe(data):
    out = {1: [], 2: []}
    offset = 0
    while offset < len(data):
        stream, size = struct.unpack_from(">BxxxL", data, offset)
        assert len(data) >= offset + 8 + size
        out[stream].append(data[offset + 8 : offset + 8 + size])
        offset += 8 + size
    return {stream: b"".join(parts) for stream, parts in out.items()}


class Host:
    """A zygote, and bundles for it in a scratch directory."""

    def __init__(self, root: Path, prefix=()):
        self.root = root
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.zygote_sock = ours
        self.zygote = subprocess.Popen(
            [*prefix, sys.executable, "-m", "baleen.runtime.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self.links = []
        self.cgroups = []
        self.containers = []

    def container(self, args, *, terminal=False, sleep=False, **overrides):
        container_id = (uuid.uuid4().hex * 2)[:64]
        base = self.root / container_id[:12]
        bundle, state, rootfs = base / "bundle", base / "state", base / "rootfs"
        for directory in (bundle, state, rootfs / "bin", rootfs / "proc", rootfs / "dev"):
            directory.mkdir(parents=True)
        for name in ("tmp", "etc", "sys"):
            (rootfs / name).mkdir()
        shutil.copy2("/bin/busybox", rootfs / "bin/busybox")
        for name in (
            "sh",
            "cat",
            "echo",
            "sleep",
            "dd",
            "true",
            "stty",
            "ls",
            "yes",
            "head",
            "kill",
        ):
            (rootfs / "bin" / name).symlink_to("busybox")
        cgroup = f"/baleen-test/{container_id}"
        self.cgroups.append(cgroup)
        namespaces = overrides.pop("namespaces", ["pid", "mount", "ipc", "uts", "network"])
        spec = {
            "ociVersion": "1.2.0",
            "process": process(args, terminal=terminal),
            "root": {"path": str(rootfs)},
            "hostname": "test",
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {
                    "destination": "/dev",
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
                },
                {
                    "destination": "/dev/pts",
                    "type": "devpts",
                    "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
                },
            ],
            "linux": {
                "cgroupsPath": cgroup,
                "resources": overrides.pop("resources", {}),
                "namespaces": [{"type": kind} for kind in namespaces],
            },
        }
        (bundle / "config.json").write_text(json.dumps(spec))
        request = {
            "id": container_id,
            "bundle": str(bundle),
            "state_dir": str(state),
            "rootfs": {"path": str(rootfs)},
            "seccomp_program": None,
            "log": {"driver": "json-file", "path": str(state / "c-json.log"), "max_file": 1},
            "open_stdin": False,
            "stdin_once": False,
            "interfaces": [],
            "dns": None,
            "restart": {"policy": "no", "maximum_retries": 0},
            "restart_count": 0,
            "init": False,
            "reserved_fds": 0,
            **overrides,
        }
        (bundle / "start.json").write_text(json.dumps(request))
        container = Container(self, bundle, state, rootfs, request, cgroup)
        self.containers.append(container)
        return container

    def spawn(self, path, fds=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps({"op": "spawn", "request": str(path)}).encode()
        socket.send_fds(self.zygote_sock, [message], [theirs.fileno(), *fds])
        theirs.close()
        link = Link(ours)
        self.links.append(link)
        return link

    def in_network(self, *command):
        subprocess.run(["nsenter", "--net", "-t", str(self.zygote.pid), "--", *command], check=True)

    def kill_left(self):
        """End what a failed test left running: each container's shim, by its pid.

        The container dies with it; its control group is then empty.
        """
        for container in self.containers:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                pid = container.connect().peer_pid()
                os.kill(pid, signal.SIGKILL)
                wait_gone(pid)
        for path in self.cgroups:
            detect().open(path).remove()

    def let_go(self):
        """End the zygote, and have the shim end with its last container."""
        self.zygote_sock.shutdown(socket.SHUT_RDWR)
        assert self.zygote.wait(DEADLINE_S) == 0

    def close(self):
        self.zygote_sock.close()
        assert self.zygote.wait(DEADLINE_S) == 0


class Container:
    def __init__(self, host, bundle, state, rootfs, request, cgroup):
        self.host, self.bundle, self.state, self.rootfs = host, bundle, state, rootfs
        self.request, self.cgroup = request, cgroup

    def spawn(self, fds=()):
        return self.host.spawn(self.bundle / "start.json", fds)

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with contextlib.closing(_directory(self.bundle)) as directory:
                sock.connect(f"/proc/self/fd/{directory.fd}/control.sock")
        except OSError:
            sock.close()
            raise
        link = Link(sock)
        self.host.links.append(link)
        return link

    def exit_record(self):
        return json.loads((self.state / "exit.json").read_text())

    def log(self):
        return [json.loads(line) for line in (self.state / "c-json.log").read_text().splitlines()]

    def log_text(self):
        return "".join(entry["log"] for entry in self.log())


class _directory:
    def __init__(self, path):
        self.fd = os.open(path, os.O_PATH)

    def close(self):
        os.close(self.fd)


def process(args, *, terminal=False, env=(), cwd="/"):
    return {
        "terminal": terminal,
        "args": args,
        "cwd": cwd,
        "env": ["PATH=/bin", *env],
        "user": {"uid": 0, "gid": 0},
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES),
    }


def attach(
    link, *, number=1, stdin=False, stdout=True, stderr=True, framed=True, keys="", early=b""
):
    client = Client()
    link.clients.append(client)
    link.call(
        "attach",
        [client.other.fileno()],
        client=number,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        framed=framed,
        detach_keys=keys,
        early=base64.b64encode(early).decode(),
    )
    client.given()
    return client


def run_exec(
    link, args, *, exec_id="e1", attached=True, stdin=False, terminal=False, early=b"", env=()
):
    client = Client() if attached else None
    options = {
        "stdin": stdin,
        "stdout": True,
        "stderr": True,
        "framed": not terminal,
        "early": base64.b64encode(early).decode(),
    }
    link.call(
        "exec",
        [client.other.fileno()] if client else [],
        exec_id=exec_id,
        process=process(args, terminal=terminal, env=env),
        open_stdin=stdin,
        detach_keys="",
        attach=options if client else None,
        seccomp_program=None,
    )
    if client:
        link.clients.append(client)
        client.given()
    return client


def directories(path):
    """Where the control group `path` is, in each hierarchy."""
    group = detect().open(path)
    return getattr(group, "directories", None) or (group.directory,)


def shims():
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text() == "baleen-shim\n":
                    found.add(int(entry.name))
    return found


def parent_of(pid):
    """The parent's pid, or 0 for a process that has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(")")[2].split()[1])


def wait_gone(pid):
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    readable, _, _ = select.select([pidfd], [], [], DEADLINE_S)
    os.close(pidfd)
    assert readable, f"process {pid} still lives"


@pytest.fixture
def host(tmp_path):
    before = shims()
    host = Host(tmp_path)
    yield host
    host.kill_left()
    host.close()
    for link in host.links:
        link.close()
    for pid in shims() - before:
        if parent_of(pid) in (1, os.getpid()):
            wait_gone(pid)
    for path in host.cgroups:
        assert not [directory for directory in directories(path) if Path(directory).exists()]


@pytest.fixture
def networked(tmp_path):
    """A zygote whose host network is a fresh namespace with a bridge."""
    host = Host(tmp_path, ["unshare", "--net", "--"])
    try:
        # The zygote is the very process that unshare was; it answers once it is there.
        link = host.container(["/bin/true"]).spawn()
        link.call("release")
        for command in (
            ["ip", "link", "add", "br-test", "type", "bridge"],
            ["ip", "address", "add", "10.99.0.1/24", "dev", "br-test"],
            ["ip", "link", "set", "br-test", "up"],
        ):
            host.in_network(*command)
        yield host
    finally:
        host.kill_left()
        host.close()
        for link in host.links:
            link.close()


def bridge_interface(number, name):
    return {
        "kind": "bridge",
        "host_name": f"vtest{number}",
        "name": name,
        "bridge": "br-test",
        "mac": f"02:42:0a:63:00:0{number}",
        "addresses": [f"10.99.0.{number}/24"],
        "routes": [],
        "mtu": 1500,
        "hairpin": False,
        "isolated": False,
        "sysctls": {},
    }


def addresses(link, exec_id):
    client = run_exec(link, ["/bin/busybox", "ip", "-o", "-4", "address"], exec_id=exec_id)
    text = unframe(client.read_all())[1].decode()
    link.event("exec-exited")
    return {line.split()[1]: line.split()[3] for line in text.splitlines()}


def test_interfaces_are_there_at_the_start_and_can_come_and_go(networked):
    container = networked.container(
        ["/bin/sleep", "1000"],
        interfaces=[bridge_interface(2, "eth0")],
        restart={"policy": "always"},
    )
    link = container.spawn()
    link.call("start")
    assert addresses(link, "a") == {"lo": "127.0.0.1/8", "eth0": "10.99.0.2/24"}
    link.call("connect", interface=bridge_interface(3, "eth1"))
    assert addresses(link, "b")["eth1"] == "10.99.0.3/24"
    error = link.fail("connect", interface={**bridge_interface(4, "eth2"), "bridge": "br-missing"})
    assert error["message"]
    link.call("signal", signal=9)
    assert link.event("exited")["restarting"] is True
    link.event("started")
    assert addresses(link, "c").keys() == {"lo", "eth0", "eth1"}
    link.call("disconnect", host_name="vtest3")
    link.call("disconnect", host_name="vtest3")
    assert addresses(link, "d").keys() == {"lo", "eth0"}
    link.call("stop-restart")
    link.call("signal", signal=9)
    assert link.event("exited")["restarting"] is False
    link.until_closed()


def test_an_interface_that_cannot_be_made_fails_the_start(networked):
    interface = {**bridge_interface(2, "eth0"), "bridge": "br-missing"}
    link = networked.container(["/bin/sleep", "1000"], interfaces=[interface]).spawn()
    error = link.fail("start")
    assert error["exit_code"] == 128
    assert error["message"]
    link.until_closed()


def test_names_are_resolved_in_a_container_with_dns(networked):
    container = networked.container(
        ["/bin/sleep", "1000"], interfaces=[bridge_interface(2, "eth0")]
    )
    names, network = container.state / "names.json", container.state / "shop.json"
    network.write_text(json.dumps({"network": "shop", "names": {"db": ["10.99.0.7"]}}))
    names.write_text(json.dumps({"files": [str(network)]}))
    container.request["dns"] = {
        "names": str(names),
        "upstream": [],
        "search": [],
        "forward": False,
    }
    (container.bundle / "start.json").write_text(json.dumps(container.request))
    (container.rootfs / "etc/resolv.conf").write_text("nameserver 127.0.0.11\n")
    link = container.spawn()
    link.call("start")
    client = run_exec(link, ["/bin/busybox", "nslookup", "db"])
    assert b"10.99.0.7" in client.read_all()
    link.event("exec-exited")
    link.call("signal", signal=9)
    link.event("exited")


def test_a_container_runs_and_its_output_and_exit_reach_the_daemon(host):
    container = host.container(["/bin/sh", "-c", "echo hello; echo oops >&2; exit 3"])
    link = container.spawn()
    client = attach(link)
    started = link.call("start")
    assert started["pid"] > 1
    assert started["started_at"].endswith("Z")
    assert unframe(client.read_all()) == {1: b"hello\n", 2: b"oops\n"}
    exited = link.event("exited")
    assert exited["exit_code"] == 3
    assert exited["oom_killed"] is False
    assert exited["restarting"] is False
    assert link.event("detached") == {"event": "detached", "client": 1, "reason": "exited"}
    link.until_closed()
    assert container.exit_record()["exit_code"] == 3
    assert container.exit_record()["pid"] == started["pid"]
    assert {(entry["stream"], entry["log"]) for entry in container.log()} == {
        ("stdout", "hello\n"),
        ("stderr", "oops\n"),
    }
    assert not (container.bundle / "control.sock").exists()


def test_the_daemon_may_go_and_a_new_one_hears_of_the_exit(host):
    container = host.container(["/bin/cat"], open_stdin=True, stdin_once=True)
    first = container.spawn()
    pid = first.call("start")["pid"]
    first.close()
    assert (container.bundle / "control.sock").stat().st_mode & 0o777 == 0o600
    second = container.connect()
    state = second.call("state")
    assert (state["status"], state["pid"]) == ("running", pid)
    client = attach(second, stdin=True)
    client.sock.sendall(b"still here\n")
    assert client.read_until(b"still here\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert second.event("exited")["exit_code"] == 0
    second.until_closed()


def test_without_a_daemon_the_exit_is_written_and_the_supervisor_ends(host):
    container = host.container(["/bin/cat"], open_stdin=True, stdin_once=True)
    link = container.spawn()
    client = attach(link, stdin=True)
    shim = parent_of(link.call("start")["pid"])
    link.sock.close()
    host.let_go()
    client.sock.shutdown(socket.SHUT_WR)
    assert client.read_all() == b""
    wait_gone(shim)
    assert container.exit_record()["exit_code"] == 0


def test_a_newer_daemon_takes_over_and_hears_what_happened_meanwhile(host):
    container = host.container(["/bin/sh", "-c", "read line"], open_stdin=True)
    first = container.spawn()
    first.call("start")
    client = run_exec(first, ["/bin/sh", "-c", "read line; exit 9"], stdin=True)
    first.sock.close()
    client.sock.sendall(b"\n")
    assert client.read_all() == b""
    second = container.connect()
    assert second.event("exec-exited")["exit_code"] == 9
    third = container.connect()
    assert third.call("state")["execs"] == []
    second.until_closed()
    third.call("signal", signal=9)
    assert third.event("exited")["exit_code"] == 137


def test_a_supervisor_that_nobody_told_to_start_ends_with_its_daemon(host):
    container = host.container(["/bin/true"])
    link = container.spawn()
    link.call("state")
    (shim,) = [pid for pid in shims() if parent_of(pid) == host.zygote.pid]
    host.let_go()
    assert parent_of(shim)
    link.close()
    wait_gone(shim)
    assert not (container.bundle / "control.sock").exists()


def test_what_dies_alone_ends_with_its_daemon(host):
    container = host.container(
        ["/bin/sh", "-c", "trap '' TERM; read line"], open_stdin=True, dies_alone=True
    )
    link = container.spawn()
    pid = link.call("start")["pid"]
    link.close()
    wait_gone(pid)
    host.let_go()


def test_release_ends_a_supervisor_before_the_start(host):
    container = host.container(["/bin/true"])
    link = container.spawn()
    link.call("release")
    link.until_closed()


def test_the_container_dies_with_its_shim(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    pid = link.call("start")["pid"]
    os.kill(parent_of(pid), signal.SIGKILL)
    wait_gone(pid)
    link.until_closed()
    assert not link.events
    assert not (container.state / "exit.json").exists()
    group = detect().open(container.cgroup)
    assert group.pids() == []
    group.remove()


@pytest.mark.parametrize(
    ("command", "exit_code", "text"),
    [
        (["/bin/missing"], 127, "no such file or directory"),
        (["missing"], 127, "executable file not found in $PATH"),
        (["/etc"], 126, "is a directory"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(host, command, exit_code, text):
    container = host.container(command)
    link = container.spawn()
    client = attach(link)
    error = link.fail("start")
    assert error["exit_code"] == exit_code
    assert text in error["message"]
    assert client.read_all() == b""
    link.until_closed()
    assert not (container.bundle / "control.sock").exists()


def test_a_request_that_cannot_be_read_is_refused_and_the_zygote_lives(host):
    container = host.container(["/bin/true"], open_stdin="yes")
    link = container.spawn()
    message = recv_message(link.sock)
    assert "open_stdin" in json.dumps(message)
    link.until_closed()
    for bad in (b"", b"{", b"[]", b'{"op":"spawn"}', b"x" * 1000):
        if bad:
            host.zygote_sock.send(bad)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(host.zygote_sock, [b'{"op":"spawn","request":7}'], [theirs.fileno()])
    theirs.close()
    assert recv_message(ours) is None
    ours.close()
    good = host.container(["/bin/true"]).spawn()
    good.call("start")
    assert good.event("exited")["exit_code"] == 0


def test_bad_requests_are_answered_and_nothing_else_happens(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    assert "Conflict" not in link.fail("start")["message"]
    assert "unknown operation" in link.fail("dance")["message"]
    assert link.fail("attach", client=1, stdout=True)["message"]
    assert link.fail("resize", width="x", height=3)["message"]
    assert link.fail("signal", signal=4711)["message"]
    assert link.fail("exec", exec_id="e", process={}, attach=None)["message"]
    assert link.fail("set-restart", restart={"policy": "perhaps"})["message"]
    assert link.fail("connect", interface=None)["message"]
    assert link.call("state")["status"] == "running"
    link.call("signal", signal=int(signal.SIGKILL))
    assert link.event("exited")["exit_code"] == 137


def test_a_stop_signal_reaches_pid_1(host):
    container = host.container(
        ["/bin/sh", "-c", "trap 'exit 4' TERM; echo up; while :; do read x; done"], open_stdin=True
    )
    link = container.spawn()
    client = attach(link)
    link.call("start")
    client.read_until(b"up\n")
    link.call("signal", signal=15)
    assert link.event("exited")["exit_code"] == 4


def test_input_before_the_start_and_half_close_reach_the_process(host):
    container = host.container(["/bin/cat"], open_stdin=True, stdin_once=True)
    link = container.spawn()
    client = attach(link, stdin=True, early=b"first ")
    client.sock.sendall(b"second ")
    link.call("start")
    client.sock.sendall(b"third")
    client.sock.shutdown(socket.SHUT_WR)
    assert unframe(client.read_all())[1] == b"first second third"
    assert link.event("exited")["exit_code"] == 0


def test_without_stdin_once_half_close_ends_the_attachment_only(host):
    container = host.container(["/bin/cat"], open_stdin=True)
    link = container.spawn()
    link.call("start")
    client = attach(link, stdin=True)
    client.sock.sendall(b"one\n")
    client.read_until(b"one\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert client.read_all() == b""
    assert link.event("detached")["reason"] == "eof"
    again = attach(link, number=2, stdin=True)
    again.sock.sendall(b"two\n")
    again.read_until(b"two\n")
    link.call("signal", signal=9)
    assert link.event("exited")["exit_code"] == 137


def test_an_output_client_that_half_closes_still_gets_the_output(host):
    container = host.container(["/bin/cat"], open_stdin=True, stdin_once=True)
    link = container.spawn()
    reader = attach(link, number=1)
    reader.sock.shutdown(socket.SHUT_WR)
    writer = attach(link, number=2, stdin=True, stdout=False, stderr=False)
    link.call("start")
    writer.sock.sendall(b"data")
    writer.sock.shutdown(socket.SHUT_WR)
    assert unframe(reader.read_all())[1] == b"data"
    assert writer.read_all() == b""
    link.event("exited")


def test_several_clients_get_the_streams_that_they_asked_for(host):
    container = host.container(["/bin/sh", "-c", "echo out; echo err >&2"])
    link = container.spawn()
    both = attach(link, number=1)
    out = attach(link, number=2, stderr=False)
    err = attach(link, number=3, stdout=False)
    link.call("start")
    assert unframe(both.read_all()) == {1: b"out\n", 2: b"err\n"}
    assert unframe(out.read_all()) == {1: b"out\n", 2: b""}
    assert unframe(err.read_all()) == {1: b"", 2: b"err\n"}
    link.event("exited")


@pytest.mark.parametrize("log", ["none", "json-file"])
def test_bulk_output_arrives_whole_and_in_order(host, log):
    piece = "dd if=/dev/zero bs=64k count=8 2>/dev/null"
    script = f"i=0; while [ $i -lt 20 ]; do {piece}; i=$((i+1)); done; echo end"
    settings = {"log": {"driver": "none"}} if log == "none" else {}
    container = host.container(["/bin/sh", "-c", script], **settings)
    link = container.spawn()
    client = attach(link)
    link.call("start")
    out = unframe(client.read_all())[1]
    assert len(out) == 20 * 8 * 65536 + 4
    assert out.endswith(b"end\n")
    assert out.count(b"\0") == 20 * 8 * 65536
    assert link.event("exited")["exit_code"] == 0


def test_a_second_client_may_come_in_the_middle_of_bulk_output(host):
    container = host.container(["/bin/yes", "0123456789abcde"], log={"driver": "none"})
    link = container.spawn()
    first = attach(link)
    link.call("start")
    first.read_until(b"0123456789abcde\n")
    second = attach(link, number=2)
    data = b""
    while len(data) < 3_000_000:
        # Whoever has something is read: the slower one holds the container up.
        readable, _, _ = select.select([first.sock, second.sock], [], [], DEADLINE_S)
        assert readable
        for sock in readable:
            chunk = sock.recv(1 << 20)
            if sock is second.sock:
                data += chunk
    link.call("signal", signal=9)
    link.event("exited")
    offset, out = 0, b""
    while offset + 8 <= len(data):
        stream, size = struct.unpack_from(">BxxxL", data, offset)
        assert stream == 1
        out += data[offset + 8 : offset + 8 + size]
        offset += 8 + size
    assert set(out.strip(b"\n").split(b"\n")[1:-1]) == {b"0123456789abcde"}


def test_a_slow_client_holds_its_container_up_and_loses_nothing(host):
    script = "dd if=/dev/zero bs=64k count=200 2>/dev/null; echo done >&2"
    container = host.container(["/bin/sh", "-c", script])
    link = container.spawn()
    slow = attach(link, stderr=False)
    quick = attach(link, number=2, stdout=False)
    link.call("start")
    readable, _, _ = select.select([quick.sock], [], [], 0.5)
    assert not readable
    out = unframe(slow.read_all())[1]
    assert len(out) == 200 * 65536
    assert unframe(quick.read_all())[2] == b"done\n"
    assert link.event("exited")["exit_code"] == 0


def test_the_exit_does_not_wait_for_a_client_that_has_not_read_yet(host):
    container = host.container(["/bin/dd", "if=/dev/zero", "bs=64k", "count=16"])
    link = container.spawn()
    client = attach(link, stderr=False)
    link.call("start")
    assert link.event("exited")["exit_code"] == 0
    assert len(unframe(client.read_all())[1]) == 16 * 65536


def test_a_client_that_goes_away_is_dropped_and_the_container_runs_on(host):
    container = host.container(["/bin/yes"])
    link = container.spawn()
    client = attach(link)
    link.call("start")
    client.sock.recv(100)
    client.close()
    assert link.event("detached")["reason"] == "eof"
    assert link.call("state")["status"] == "running"
    link.call("signal", signal=9)
    assert link.event("exited")["exit_code"] == 137


def test_bulk_input_arrives_whole(host):
    size = 8 << 20
    container = host.container(
        ["/bin/sh", "-c", "cat >/tmp/in; ls -l /tmp/in"], open_stdin=True, stdin_once=True
    )
    link = container.spawn()
    client = attach(link, stdin=True)
    link.call("start")
    client.sock.sendall(os.urandom(1 << 20) * (size >> 20))
    client.sock.shutdown(socket.SHUT_WR)
    assert str(size).encode() in client.read_all()
    link.event("exited")


def test_input_that_nobody_reads_does_not_spin_or_block(host):
    container = host.container(
        ["/bin/sh", "-c", "exec <&-; echo closed; read x </tmp/fifo"], open_stdin=True
    )
    os.mkfifo(container.rootfs / "tmp/fifo")
    link = container.spawn()
    client = attach(link, stdin=True)
    link.call("start")
    client.read_until(b"closed\n")
    client.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            client.sock.send(b"x" * 65536)
    link.call("state")
    (container.rootfs / "tmp/fifo").write_text("go\n")
    assert link.event("exited")["exit_code"] == 0


def test_a_terminal_is_raw_has_a_size_and_is_logged(host):
    container = host.container(
        ["/bin/sh", "-c", "stty size; read x; stty size; echo got $x"],
        terminal=True,
        open_stdin=True,
        stdin_once=True,
    )
    link = container.spawn()
    client = attach(link, stdin=True, framed=False)
    link.call("start")
    link.call("resize", exec_id=None, width=123, height=45)
    client.sock.sendall(b"hey\n")
    out = client.read_all()
    assert b"45 123\r\n" in out
    assert b"got hey\r\n" in out
    assert link.event("exited")["exit_code"] == 0
    link.until_closed()
    assert "got hey\r\n" in container.log_text()
    assert {entry["stream"] for entry in container.log()} == {"stdout"}


def test_detach_keys_leave_a_terminal_and_the_container_runs_on(host):
    container = host.container(["/bin/cat"], terminal=True, open_stdin=True)
    link = container.spawn()
    client = attach(link, stdin=True, framed=False, keys="ctrl-a,d")
    link.call("start")
    client.sock.sendall(b"x\n\x01")
    client.read_until(b"x\r\nx\r\n")
    client.sock.sendall(b"d")
    assert client.read_all() == b""
    assert link.event("detached") == {"event": "detached", "client": 1, "reason": "detach-keys"}
    again = attach(link, number=2, stdin=True, framed=False)
    again.sock.sendall(b"\x10\x11")
    assert again.read_all() == b""
    link.call("signal", signal=9)
    link.event("exited")


def test_a_terminal_that_nobody_holds_open_comes_back(host):
    script = "exec <&- >&- 2>&-; sleep 0.2; exec >/dev/console; echo back"
    container = host.container(["/bin/sh", "-c", script], terminal=True)
    link = container.spawn()
    client = attach(link, framed=False)
    link.call("start")
    assert client.read_all() == b"back\r\n"
    link.event("exited")


def test_an_exec_has_its_own_streams_and_exit_code(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = run_exec(
        link, ["/bin/sh", "-c", "cat; echo $A >&2; exit 7"], stdin=True, early=b"in", env=["A=b"]
    )
    client.sock.sendall(b"put")
    client.sock.shutdown(socket.SHUT_WR)
    assert unframe(client.read_all()) == {1: b"input", 2: b"b\n"}
    assert link.event("exec-exited") == {"event": "exec-exited", "exec_id": "e1", "exit_code": 7}
    assert link.call("state")["execs"] == []
    link.call("signal", signal=9)
    link.event("exited")


def test_the_daemon_knows_an_execs_exit_code_before_the_stream_ends(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = run_exec(link, ["/bin/true"])
    assert client.read_all() == b""
    readable, _, _ = select.select([link.sock], [], [], 0)
    assert readable
    link.call("signal", signal=9)
    link.event("exited")


def test_a_failed_exec_leaves_its_clients_stream_to_the_daemon(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = Client()
    link.clients.append(client)
    error = link.fail(
        "exec",
        [client.other.fileno()],
        exec_id="x",
        process=process(["/bin/missing"]),
        open_stdin=False,
        attach={"stdin": False, "stdout": True, "stderr": True, "framed": True},
    )
    assert error["exit_code"] == 127
    client.other.sendall(b"the daemon's words")
    client.other.close()
    assert client.read_all() == b"the daemon's words"
    link.call("signal", signal=9)
    link.event("exited")


def test_an_exec_with_a_terminal_can_be_resized(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = run_exec(link, ["/bin/sh", "-c", "read x; stty size"], stdin=True, terminal=True)
    link.call("resize", exec_id="e1", width=77, height=33)
    client.sock.sendall(b"\n")
    assert b"33 77\r\n" in client.read_all()
    assert link.event("exec-exited")["exit_code"] == 0
    link.call("signal", signal=9)
    link.event("exited")


def test_detached_execs_run_and_report(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    run_exec(link, ["/bin/sh", "-c", "echo x >/tmp/ran; exit 5"], attached=False)
    assert link.event("exec-exited")["exit_code"] == 5
    assert (container.rootfs / "tmp/ran").read_text() == "x\n"
    run_exec(link, ["/bin/sh", "-c", "stty size"], exec_id="e2", attached=False, terminal=True)
    assert link.event("exec-exited")["exit_code"] == 0
    link.call("signal", signal=9)
    link.event("exited")


def test_an_exec_ends_although_its_child_holds_the_output(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = run_exec(link, ["/bin/sh", "-c", "sleep 1000 & echo started"])
    assert link.event("exec-exited")["exit_code"] == 0
    assert unframe(client.read_all())[1] == b"started\n"
    link.call("signal", signal=9)
    link.event("exited")


def test_execs_end_with_their_container(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("start")
    client = run_exec(link, ["/bin/sleep", "1000"])
    link.call("signal", signal=9)
    assert client.read_all() == b""
    assert link.event("exec-exited")["exit_code"] == 137
    assert link.event("exited")["exit_code"] == 137


def test_always_restarts_with_growing_delays_and_one_log(host):
    container = host.container(["/bin/sh", "-c", "echo run; exit 1"], restart={"policy": "always"})
    link = container.spawn()
    first = link.call("start")["pid"]
    for count in (1, 2, 3):
        exited = link.event("exited")
        assert (exited["restarting"], exited["exit_code"]) == (True, 1)
        started = link.event("started")
        assert started["restart_count"] == count
        assert started["pid"] != first
    link.call("stop-restart")
    while (event := link.event("exited"))["restarting"]:
        pass
    assert event["exit_code"] == 1
    link.until_closed()
    assert container.log_text() == "run\n" * 4
    assert container.exit_record()["exit_code"] == 1


def test_on_failure_stops_after_its_retries_or_a_success(host):
    container = host.container(
        ["/bin/false-not"], restart={"policy": "on-failure", "maximum_retries": 2}
    )
    link = container.spawn()
    assert link.fail("start")["exit_code"] == 127
    link.until_closed()
    container = host.container(
        ["/bin/sh", "-c", "exit 1"], restart={"policy": "on-failure", "maximum_retries": 2}
    )
    link = container.spawn()
    link.call("start")
    assert [link.event("exited")["restarting"] for _ in range(3)] == [True, True, False]
    link.until_closed()


def test_restarts_go_on_without_a_daemon_in_the_same_network_namespace(host):
    script = "ls -l /proc/self/ns/net >>/tmp/netns; [ -e /tmp/stop ] || exit 1"
    container = host.container(["/bin/sh", "-c", script], restart={"policy": "on-failure"})
    link = container.spawn()
    link.call("start")
    link.close()
    again = container.connect()
    shim = again.peer_pid()
    host.let_go()
    again.event("started")
    again.event("started")
    (container.rootfs / "tmp/stop").touch()
    again.sock.close()
    wait_gone(shim)
    assert container.exit_record()["exit_code"] == 0
    lines = (container.rootfs / "tmp/netns").read_text().split("\n")[:-1]
    assert len(lines) >= 3
    assert len({line.rpartition("[")[2] for line in lines}) == 1


def test_the_policy_can_be_changed_while_it_runs(host):
    container = host.container(["/bin/sh", "-c", "exit 1"], restart={"policy": "always"})
    link = container.spawn()
    link.call("start")
    link.call("set-restart", restart={"policy": "no"})
    while link.event("exited")["restarting"]:
        pass
    link.until_closed()


def test_a_container_killed_for_memory_says_so(host):
    container = host.container(
        ["/bin/sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"],
        resources={"memory": {"limit": 16 << 20, "swap": 16 << 20}},
    )
    link = container.spawn()
    link.call("start")
    exited = link.event("exited")
    assert exited["oom_killed"] is True
    assert exited["exit_code"] in (137, 2)


def test_the_log_keeps_lines_partial_lines_and_rotates(host):
    container = host.container(
        ["/bin/sh", "-c", "yes 0123456789 | head -n 2000; echo -n end"],
        log={"driver": "json-file", "path": "/", "max_size": 20000, "max_file": 3},
    )
    container.request["log"]["path"] = str(container.state / "c-json.log")
    (container.bundle / "start.json").write_text(json.dumps(container.request))
    link = container.spawn()
    link.call("start")
    link.event("exited")
    link.until_closed()
    assert container.log()[-1]["log"] == "end"
    assert sorted(p.name for p in container.state.glob("*.log*")) == [
        "c-json.log",
        "c-json.log.1",
        "c-json.log.2",
    ]
    for path in container.state.glob("*.log.*"):
        assert 20000 <= path.stat().st_size < 20200
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_reserved_descriptors_stay_open_until_the_exit(host):
    container = host.container(["/bin/cat"], open_stdin=True, stdin_once=True, reserved_fds=1)
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    link = container.spawn([listener.fileno()])
    listener.close()
    client = attach(link, stdin=True)
    link.call("start")
    socket.create_connection(address).close()
    client.sock.shutdown(socket.SHUT_WR)
    link.event("exited")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_nothing_of_the_supervisor_is_open_in_the_container(host):
    container = host.container(["/bin/ls", "-l", "/proc/self/fd"], reserved_fds=1)
    with open("/etc/hostname") as file:
        link = container.spawn([file.fileno()])
    client = attach(link)
    link.call("start")
    lines = unframe(client.read_all())[1].decode().splitlines()
    numbers = [line.split()[8] for line in lines if "->" in line]
    assert numbers == ["0", "1", "2"]
    link.event("exited")


def test_the_zygote_ends_with_the_daemon_and_containers_do_not(host):
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    pid = link.call("start")["pid"]
    host.let_go()
    os.kill(pid, 0)
    link.call("signal", signal=9)
    assert link.event("exited")["exit_code"] == 137


def test_the_zygote_loads_nothing_that_it_does_not_need():
    script = (
        "import sys, baleen.runtime.zygote\n"
        "print(*sorted(name for name in sys.modules if not name.startswith('baleen')))"
    )
    loaded = set(
        subprocess.run(
            [sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True
        ).stdout.split()
    )
    banned = {
        "asyncio",
        "threading",
        "ssl",
        "subprocess",
        "socketserver",
        "concurrent.futures",
        "logging",
        "multiprocessing",
        "pathlib",
        "tempfile",
        "traceback",
        "urllib",
        "http",
        "msgspec",
        "hashlib",
        "datetime",
        "decimal",
        "uuid",
        "shutil",
        "typing",
        "dataclasses",
        "inspect",
        "random",
        "platform",
    }
    assert not banned & loaded
    assert len(loaded) < 85


def test_a_full_disk_drops_log_lines_and_the_container_runs_on(host):
    container = host.container(
        ["/bin/sh", "-c", "yes 0123456789 | head -n 20000; echo survived >&2; exit 6"]
    )
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", container.state], check=True)
    try:
        link = container.spawn()
        client = attach(link, stdout=False)
        link.call("start")
        assert unframe(client.read_all())[2] == b"survived\n"
        assert link.event("exited")["exit_code"] == 6
        link.until_closed()
        assert [e["event"] for e in link.events].count("log-failed") == 1
        assert container.log()[0]["log"] == "0123456789\n"  # whole lines, as far as there was room
    finally:
        subprocess.run(["umount", container.state], check=True)


def test_a_line_without_end_does_not_fill_the_supervisors_memory(host):
    container = host.container(
        ["/bin/sh", "-c", "dd if=/dev/zero bs=64k count=400 2>/dev/null; read x"], open_stdin=True
    )
    container.request["log"].update(max_size=1_000_000, max_file=2)
    (container.bundle / "start.json").write_text(json.dumps(container.request))
    link = container.spawn()
    client = attach(link, stdin=True)
    supervisor = parent_of(link.call("start")["pid"])
    total = 0
    while total < 400 * 65536:
        total += len(client.sock.recv(1 << 20))
    status = Path(f"/proc/{supervisor}/status").read_text()
    (high_water,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    assert int(high_water) < 24 * 1024
    client.sock.sendall(b"\n")
    assert link.event("exited")["exit_code"] == 0
    link.until_closed()
    for path in container.state.glob("*.log*"):
        assert path.stat().st_size < 1_000_000 + 6 * 16384 + 200
        assert all(json.loads(line)["log"] for line in path.read_text().splitlines())


# -- several containers in one shim ---------------------------------------------------------------


def running(host, count, **overrides):
    links = []
    for _ in range(count):
        link = host.container(["/bin/sleep", "1000"], **overrides).spawn()
        link.pid = link.call("start")["pid"]
        links.append(link)
    return links


def kill_all(links):
    for link in links:
        link.call("signal", signal=9)
    for link in links:
        assert link.event("exited")["exit_code"] == 137
        link.until_closed()


def children(pid, name):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(n) for n in found if Path(f"/proc/{n}/comm").read_text() == f"{name}\n"]


def test_containers_share_a_shim_and_end_one_by_one(host):
    links = running(host, 3)
    (shim,) = {parent_of(link.pid) for link in links}
    kill_all(links[:1])
    client = run_exec(links[1], ["/bin/echo", "there"])
    assert unframe(client.read_all())[1] == b"there\n"
    assert {parent_of(link.pid) for link in links[1:]} == {shim}
    kill_all(links[1:])


def test_nothing_of_ended_containers_stays_in_the_shim(host):
    (first,) = running(host, 1)
    shim = parent_of(first.pid)

    def descriptors():
        return len(os.listdir(f"/proc/{shim}/fd"))

    counts = []
    for number in range(12):
        link = host.container(["/bin/cat"], open_stdin=True, stdin_once=True).spawn()
        client = attach(link, stdin=True)
        assert parent_of(link.call("start")["pid"]) == shim
        run_exec(link, ["/bin/true"], exec_id=f"e{number}").read_all()
        run_exec(link, ["/bin/true"], exec_id=f"t{number}", terminal=True).read_all()
        client.sock.shutdown(socket.SHUT_WR)
        assert client.read_all() == b""
        link.event("exited")
        link.until_closed()
        # One answer later the end has been seen to.
        first.call("state")
        counts.append(descriptors())
    assert counts[-1] <= counts[1]
    kill_all([first])


def test_without_its_nursery_a_shim_execs_and_starts(host):
    links = running(host, 1, restart={"policy": "always"})
    shim = parent_of(links[0].pid)
    (nursery,) = children(shim, "baleen-nursery")
    os.kill(nursery, signal.SIGKILL)
    client = run_exec(links[0], ["/bin/echo", "there"])
    assert unframe(client.read_all())[1] == b"there\n"
    links += running(host, 2)
    assert {parent_of(link.pid) for link in links} == {shim}
    links[0].call("signal", signal=9)
    assert links[0].event("exited")["restarting"]
    links[0].event("started")
    links[0].call("stop-restart")
    kill_all(links)


def test_a_worker_that_was_killed_costs_its_own_start_only(host):
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    waiting = host.container(["/bin/sleep", "1000"]).spawn()
    waiting.call("state")
    (worker,) = children(shim, "baleen-worker")
    os.kill(worker, signal.SIGKILL)
    assert "died" in waiting.fail("start")["message"]
    links = [first, *running(host, 2)]
    assert {parent_of(link.pid) for link in links} == {shim}
    kill_all(links)


def test_a_container_in_a_shared_pid_namespace_is_started_by_a_fresh_worker(host):
    (first,) = running(host, 1)
    container = host.container(["/bin/sleep", "1000"])
    config = json.loads((container.bundle / "config.json").read_text())
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] == "pid":
            namespace["path"] = f"/proc/{first.pid}/ns/pid"
    (container.bundle / "config.json").write_text(json.dumps(config))
    link = container.spawn()
    link.pid = link.call("start")["pid"]
    namespaces = {os.readlink(f"/proc/{one.pid}/ns/pid") for one in (first, link)}
    assert len(namespaces) == 1
    kill_all([link, first])


def test_destroy_ends_a_container_for_good(host):
    (link,) = running(host, 1, restart={"policy": "always"})
    link.call("destroy")
    event = link.event("exited")
    assert (event["exit_code"], event["restarting"]) == (137, False)
    link.until_closed()
