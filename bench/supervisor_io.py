"""How fast a supervisor starts, executes, pumps and logs: `python bench/supervisor_io.py`, as root.

Prints medians of latencies on the control protocol, MB/s of attached output and input, log lines
per second, and the supervisor's private memory. Compare ratios of one run, not absolute numbers of
two machines.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

HARNESS = Path(__file__).parents[1] / "tests/integration/runtime/test_supervisor.py"


def load_harness():
    spec = importlib.util.spec_from_file_location("supervisor_harness", HARNESS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


h = load_harness()

PRODUCER_C = r"""
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    size_t size = 65536, total = strtoull(argv[1], 0, 10), line = strtoul(argv[2], 0, 10);
    char *buffer = malloc(size);
    memset(buffer, 'x', size);
    if (line) size -= size % line;
    for (size_t i = line - 1; line && i < size; i += line) buffer[i] = '\n';
    for (size_t done = 0; done < total; ) {
        ssize_t n = write(1, buffer, size);
        if (n <= 0) return 1;
        done += n;
    }
    return 0;
}
"""
CONSUMER_C = r"""
#include <unistd.h>
static char buffer[1 << 18];
int main(void) { while (read(0, buffer, sizeof buffer) > 0) ; return 0; }
"""


def build(directory):
    for name, source in (("produce", PRODUCER_C), ("consume", CONSUMER_C)):
        (directory / f"{name}.c").write_text(source)
        subprocess.run(
            ["gcc", "-O2", "-static", "-o", directory / name, directory / f"{name}.c"], check=True
        )


def container(host, directory, args, **settings):
    made = host.container(args, **settings)
    for name in ("produce", "consume"):
        os.link(directory / name, made.rootfs / "bin" / name)
    return made


def report(name, value):
    print(f"{name:46} {value}", flush=True)


def latencies(host, directory, count=60):
    start, whole, pings = [], [], []
    for _ in range(count):
        made = container(host, directory, ["/bin/true"], log={"driver": "none"})
        before = time.perf_counter()
        link = made.spawn()
        link.call("start")
        start.append(time.perf_counter() - before)
        link.event("exited")
        whole.append(time.perf_counter() - before)
        link.until_closed()
    report("spawn + start until execve, ms", f"{statistics.median(start) * 1000:.2f}")
    report("spawn + start until exited event, ms", f"{statistics.median(whole) * 1000:.2f}")
    made = container(host, directory, ["/bin/sleep", "1000"])
    link = made.spawn()
    pid = link.call("start")["pid"]
    report("supervisor before execs", memory(h.parent_of(pid)))
    execs = []
    for number in range(count * 2):
        before = time.perf_counter()
        h.run_exec(link, ["/bin/true"], exec_id=str(number), attached=False)
        link.event("exec-exited")
        execs.append(time.perf_counter() - before)
        before = time.perf_counter()
        link.call("state")
        pings.append(time.perf_counter() - before)
    report("exec until exec-exited, ms", f"{statistics.median(execs) * 1000:.2f}")
    report("state round trip, ms", f"{statistics.median(pings) * 1000:.3f}")
    report("supervisor after execs", memory(h.parent_of(pid)))
    link.call("signal", signal=9)
    link.event("exited")


def memory(pid):
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0])
    private = fields["Private_Dirty"] + fields["Private_Clean"]
    return f"private {private} KiB, PSS {fields['Pss']} KiB, RSS {fields['Rss']} KiB"


def drain(sock):
    buffer = bytearray(1 << 20)
    total = 0
    while size := sock.recv_into(buffer):
        total += size
    return total


def output(host, directory, name, size, **settings):
    made = container(host, directory, ["/bin/produce", str(size), "0"], **settings)
    link = made.spawn()
    client = h.attach(link)
    before = time.perf_counter()
    link.call("start")
    total = drain(client.sock)
    elapsed = time.perf_counter() - before
    assert total >= size
    report(f"attached stdout, log {name}, MB/s", f"{size / elapsed / 1e6:.0f}")
    link.event("exited")
    with contextlib.suppress(FileNotFoundError):
        (made.state / "c-json.log").unlink()


def stdin(host, directory, size):
    made = container(
        host, directory, ["/bin/consume"], open_stdin=True, stdin_once=True, log={"driver": "none"}
    )
    link = made.spawn()
    client = h.attach(link, stdin=True)
    link.call("start")
    chunk = bytes(1 << 18)
    before = time.perf_counter()
    for _ in range(size // len(chunk)):
        client.sock.sendall(chunk)
    client.sock.shutdown(socket.SHUT_WR)
    assert drain(client.sock) == 0
    report("attached stdin, MB/s", f"{size / (time.perf_counter() - before) / 1e6:.0f}")
    link.event("exited")


def log_lines(host, directory, name, lines, length, **log):
    made = container(host, directory, ["/bin/produce", str(lines * length), str(length)])
    path = Path(made.request["log"]["path"])
    made.request["log"].update(log)
    (made.bundle / "start.json").write_text(json.dumps(made.request))
    link = made.spawn()
    before = time.perf_counter()
    pid = link.call("start")["pid"]
    supervisor = h.parent_of(pid)
    link.event("exited")
    elapsed = time.perf_counter() - before
    del supervisor
    report(f"json-file {name}, {length} bytes, k lines/s", f"{lines / elapsed / 1000:.0f}")
    for left in path.parent.glob("*.log*"):
        left.unlink()


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as scratch:
        directory = Path(scratch)
        build(directory)
        host = h.Host(directory)
        report("zygote", memory(host.zygote.pid))
        latencies(host, directory)
        output(host, directory, "none", 4 << 30, log={"driver": "none"})
        output(host, directory, "json-file", 256 << 20)
        stdin(host, directory, 1 << 30)
        log_lines(host, directory, "plain", 5_000_000, 100)
        log_lines(host, directory, "rotated", 5_000_000, 100, max_size=10_000_000, max_file=3)
        for link in host.links:
            link.close()
        host.close()


if __name__ == "__main__":
    main()
