"""What is measured, each as one function of a daemon that returns one number.

All of them talk to the API by the same lean client; only the two figures of the command line
start the real `docker`. Loads are small: a run of everything takes minutes, not hours.
"""

from __future__ import annotations

import statistics
import sys
import tarfile
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.lean_http import frame_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.lean_http import Connection
    from bench.subjects import Subject

SLEEP = ["sleep", "100000"]
PATIENT = ["sh", "-c", 'trap "exit 0" TERM; sleep 100000 & wait']


def create(connection: Connection, command: list[str], **host: object) -> str:
    config: dict[str, object] = {"Image": "busybox", "Cmd": command, "HostConfig": host}
    for name in ("OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "ExposedPorts"):
        if name in host:
            config[name] = host.pop(name)
    return connection.json("POST", "/containers/create", config)["Id"]


def start(connection: Connection, container_id: str) -> str:
    connection.request("POST", f"/containers/{container_id}/start")
    return container_id


def run(connection: Connection, command: list[str], **host: object) -> str:
    return start(connection, create(connection, command, **host))


def remove(connection: Connection, container_id: str) -> None:
    connection.request("DELETE", f"/containers/{container_id}?force=1")


def _median_ms(call: Callable[[], float], count: int) -> float:
    return statistics.median(call() for _ in range(count)) * 1000


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


# --- latency -----------------------------------------------------------------------------------


def cycle(subject: Subject, count: int, mode: str = "bridge") -> float:
    """Milliseconds of create, start, wait and remove."""
    with subject.connect() as connection:

        def once() -> None:
            container_id = run(connection, ["true"], NetworkMode=mode)
            connection.request("POST", f"/containers/{container_id}/wait")
            connection.request("DELETE", f"/containers/{container_id}")

        return _median_ms(lambda: _timed(once), count)


def run_cli(subject: Subject, count: int) -> float:
    """Milliseconds of `docker run --rm busybox true`."""
    return _median_ms(
        lambda: _timed(lambda: subject.docker("run", "--rm", "busybox", "true")), count
    )


def exec_api(subject: Subject, count: int) -> float:
    """Milliseconds of exec create, attached start to the end of its stream, and inspect."""
    with subject.connect() as connection:
        container_id = run(connection, SLEEP)
        body = {"Cmd": ["true"], "AttachStdout": True, "AttachStderr": True}

        def once() -> None:
            exec_id = connection.json("POST", f"/containers/{container_id}/exec", body)["Id"]
            with subject.connect() as stream:
                early = stream.hijack(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False})
                frame_payload(stream.sock, early)
            assert connection.json("GET", f"/exec/{exec_id}/json")["ExitCode"] == 0

        try:
            return _median_ms(lambda: _timed(once), count)
        finally:
            remove(connection, container_id)


def exec_cli(subject: Subject, count: int) -> float:
    """Milliseconds of `docker exec`."""
    with subject.connect() as connection:
        container_id = run(connection, SLEEP)
        try:
            return _median_ms(
                lambda: _timed(lambda: subject.docker("exec", container_id, "true")), count
            )
        finally:
            remove(connection, container_id)


def _end(subject: Subject, count: int, how: str, command: list[str]) -> float:
    with subject.connect() as connection:

        def once() -> float:
            container_id = run(connection, command)
            # The trap has to be set before the signal: ask the shell's own child.
            _wait_for_children(connection, container_id, 2 if command is PATIENT else 1)
            begin = time.perf_counter()
            connection.request("POST", f"/containers/{container_id}/{how}")
            connection.request("POST", f"/containers/{container_id}/wait")
            elapsed = time.perf_counter() - begin
            remove(connection, container_id)
            return elapsed

        return _median_ms(once, count)


def _wait_for_children(connection: Connection, container_id: str, count: int) -> None:
    while len(connection.json("GET", f"/containers/{container_id}/top")["Processes"]) < count:
        pass


def stop(subject: Subject, count: int) -> float:
    """Milliseconds of stopping a container that ends at SIGTERM."""
    return _end(subject, count, "stop", PATIENT)


def kill(subject: Subject, count: int) -> float:
    """Milliseconds of killing a container until its exit is known."""
    return _end(subject, count, "kill", SLEEP)


# --- rates -------------------------------------------------------------------------------------


def parallel_starts(subject: Subject, count: int) -> float:
    """Starts a second when `count` created containers are started at once by 16 clients."""
    with subject.connect() as connection:
        ids = [create(connection, SLEEP) for _ in range(count)]
        waiting = list(ids)
        failures: list[Exception] = []

        def work() -> None:
            with subject.connect() as own:
                while True:
                    try:
                        start(own, waiting.pop())
                    except IndexError:
                        return
                    except Exception as err:  # reported by the main thread
                        failures.append(err)
                        return

        threads = [threading.Thread(target=work) for _ in range(16)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - begin
        for container_id in ids:
            remove(connection, container_id)
        if failures:
            raise failures[0]
        return count / elapsed


def _rate(subject: Subject, path: str, seconds: float) -> float:
    with subject.connect() as connection:
        connection.request("GET", path)
        count, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            connection.request("GET", path)
            count += 1
        return count / elapsed


def ping(subject: Subject, seconds: float) -> float:
    """`_ping` requests a second on one connection."""
    return _rate(subject, "/_ping", seconds)


def listing_and_inspect(subject: Subject, count: int, seconds: float) -> tuple[float, float]:
    """Lists a second of `count` containers, and inspections a second of one of them."""
    with subject.connect() as connection:
        ids = [create(connection, SLEEP) for _ in range(count)]
        try:
            return (
                _rate(subject, "/containers/json?all=1", seconds),
                _rate(subject, f"/containers/{ids[0]}/json", seconds),
            )
        finally:
            for container_id in ids:
                remove(connection, container_id)


# --- streams -----------------------------------------------------------------------------------


def log_write_and_read(subject: Subject, lines: int) -> tuple[float, float]:
    """Lines of 100 bytes a second into the log, and MB a second of them back."""
    text = "x" * 99
    with subject.connect() as connection:
        container_id = create(connection, ["sh", "-c", f"yes {text} | head -n {lines}"])

        def write() -> None:
            start(connection, container_id)
            connection.request("POST", f"/containers/{container_id}/wait")

        written = lines / _timed(write)
        path = f"/containers/{container_id}/logs?stdout=1"
        read = _timed(lambda: connection.body_length(path))
        remove(connection, container_id)
        return written, lines * 100 / read / 1e6


def attached_stdout(subject: Subject, megabytes: int) -> float:
    """MB a second of output to an attached client (no log is kept)."""
    with subject.connect() as connection, subject.connect() as stream:
        container_id = create(
            connection,
            ["dd", "if=/dev/zero", "bs=64k", f"count={megabytes * 16}"],
            LogConfig={"Type": "none"},
        )
        early = stream.hijack(f"/containers/{container_id}/attach?stream=1&stdout=1")
        begin = time.perf_counter()
        start(connection, container_id)
        total = frame_payload(stream.sock, early)
        elapsed = time.perf_counter() - begin
        remove(connection, container_id)
        assert total == megabytes << 20, total
        return total / elapsed / 1e6


def attached_stdin(subject: Subject, megabytes: int) -> float:
    """MB a second from an attached client into the container."""
    block = bytes(1 << 20)
    with subject.connect() as connection, subject.connect() as stream:
        container_id = create(
            connection,
            ["dd", "of=/dev/null", "bs=1M"],
            OpenStdin=True,
            StdinOnce=True,
            AttachStdin=True,
            LogConfig={"Type": "none"},
        )
        stream.hijack(f"/containers/{container_id}/attach?stream=1&stdin=1")
        start(connection, container_id)
        begin = time.perf_counter()
        for _ in range(megabytes):
            stream.sock.sendall(block)
        stream.sock.shutdown(1)
        connection.request("POST", f"/containers/{container_id}/wait")
        elapsed = time.perf_counter() - begin
        remove(connection, container_id)
        return (megabytes << 20) / elapsed / 1e6


def copy_in_and_out(subject: Subject, megabytes: int) -> tuple[float, float]:
    """MB a second of `docker cp` into a running container, and out again."""
    info = tarfile.TarInfo("big")
    info.size = megabytes << 20
    head = info.tobuf(tarfile.GNU_FORMAT)
    block = bytes(range(256)) * 4096
    length = len(head) + info.size + 1024
    with subject.connect() as connection:
        container_id = run(connection, SLEEP)

        def put() -> None:
            with subject.connect() as own:
                own.send("PUT", f"/containers/{container_id}/archive?path=/tmp", length=length)
                own.sock.sendall(head)
                for _ in range(megabytes):
                    own.sock.sendall(block)
                own.sock.sendall(bytes(1024))
                status, _ = own.read_head()
                assert status == 200, status

        into = _timed(put)
        with subject.connect() as own:
            path = f"/containers/{container_id}/archive?path={quote('/tmp/big')}"
            out = _timed(lambda: own.body_length(path))
        remove(connection, container_id)
        return info.size / into / 1e6, info.size / out / 1e6


# --- published ports -----------------------------------------------------------------------------

# The server runs in the container with the host's own Python, bound in read-only.
_SERVER = """
import socket
s = socket.create_server(("0.0.0.0", 8000), backlog=4096)
buffer = bytearray(1 << 20)
while True:
    c, _ = s.accept()
    if c.recv_into(buffer):
        while c.recv_into(buffer):
            pass
        c.sendall(b"x")
    c.close()
"""
_CLIENT = """
import socket, sys, time
port, size, count = map(int, sys.argv[1:])
address = ("127.0.0.1", port)
block = bytes(1 << 20)
while True:
    try:
        socket.create_connection(address).close()
        break
    except OSError:
        time.sleep(0.01)
begin = time.perf_counter()
with socket.create_connection(address) as c:
    for _ in range(size):
        c.sendall(block)
    c.shutdown(1)
    assert c.recv(1) == b"x"
print(size * 8 * (1 << 20) / (time.perf_counter() - begin) / 1e9)
begin = time.perf_counter()
for _ in range(count):
    with socket.create_connection(address) as c:
        c.shutdown(1)
        c.recv(1)
print(count / (time.perf_counter() - begin))
"""


def published_port(subject: Subject, megabytes: int, connections: int) -> tuple[float, float]:
    """Gbit a second and connections a second through 127.0.0.1:port."""
    python = f"{sys.base_prefix}/bin/python3"
    binds = [f"{path}:{path}:ro" for path in ("/usr", "/lib", "/lib64", sys.base_prefix)]
    if sys.base_prefix == "/usr":
        binds.pop()
    with subject.connect() as connection:
        container_id = run(
            connection,
            [python, "-S", "-c", _SERVER],
            Binds=binds,
            ExposedPorts={"8000/tcp": {}},
            PortBindings={"8000/tcp": [{"HostIp": "", "HostPort": "18000"}]},
        )
        try:
            text = subject.inside(
                sys.executable, "-S", "-c", _CLIENT, "18000", str(megabytes), str(connections)
            )
        finally:
            remove(connection, container_id)
    throughput, rate = (float(line) for line in text.split())
    return throughput, rate


# --- memory -----------------------------------------------------------------------------------


def memory_per_container(subject: Subject, count: int, *, ports: bool) -> tuple[float, float]:
    """MB and processes that one more sleeping container costs beside its own process."""
    with subject.connect() as connection:
        warm = run(connection, SLEEP)
        remove(connection, warm)
        before, processes = subject.pss_mb(), len(subject.processes())
        ids = []
        for number in range(count):
            host: dict[str, object] = {}
            if ports:
                host["ExposedPorts"] = {"80/tcp": {}}
                host["PortBindings"] = {"80/tcp": [{"HostPort": str(19000 + number)}]}
            ids.append(run(connection, SLEEP, **host))
        after, more = subject.pss_mb(), len(subject.processes())
        for container_id in ids:
            remove(connection, container_id)
        return (after - before) / count, (more - processes) / count
