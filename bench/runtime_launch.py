"""How long our runtime takes for a container and for an exec, beside `runc` on the same bundle.

    sudo .venv/bin/python bench/runtime_launch.py [rounds]

Start: create + start with overlay, all namespaces, Docker's default mounts, masks, capabilities
and control groups, `true` executed and reaped, group removed. Exec: `true` in a running container
until reaped. Prints medians in milliseconds. runc is its own program, so its time includes the
start of a process; that is how an engine uses it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from baleen.linux import process as linux_process
from baleen.linux.cgroup.detect import detect
from baleen.runtime import launch
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES, default_spec
from baleen.runtime.prepare import prepare
from baleen.runtime.seccomp import compile_profile, default_profile
from baleen.runtime.spec import parse_process, parse_spec

BUSYBOX = "/bin/busybox"


def make_root(path: str) -> None:
    os.makedirs(f"{path}/bin")
    shutil.copy(BUSYBOX, f"{path}/bin/busybox")
    for name in ("true", "sleep"):
        os.symlink("busybox", f"{path}/bin/{name}")


def filter_program() -> bytes:
    """Docker's default profile for a plain container, as the daemon compiles it ahead."""
    return compile_profile(
        default_profile(),
        capabilities=DEFAULT_CAPABILITIES,
        arch=os.uname().machine,
        kernel=(6, 1),
    )


def timed(rounds: int, action) -> float:
    for _ in range(5):
        action()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def measure_ours(work: str, document: dict, rounds: int) -> tuple[float, float, float]:
    for name in ("upper", "work"):
        os.makedirs(f"{work}/{name}")
    rootfs = launch.Rootfs(lower=(f"{work}/rootfs",), upper=f"{work}/upper", work=f"{work}/work")
    spec = parse_spec(document)
    driver = detect()
    null = os.open(os.devnull, os.O_RDWR)
    stdio = launch.Stdio(null, null, null)
    program = filter_program()

    def start(args: tuple[str, ...]):
        cgroup = driver.create("/baleen-bench/launch", {})
        container = launch.create(
            parse_spec(document | {"process": document["process"] | {"args": list(args)}}),
            bundle=work,
            rootfs=rootfs,
            seccomp_program=program,
            stdio=stdio,
            cgroup=cgroup,
        )
        container.start()
        return cgroup, container

    to_exec: list[float] = []

    def run() -> None:
        begin = time.perf_counter()
        cgroup, container = start(("true",))
        to_exec.append(time.perf_counter() - begin)
        assert linux_process.wait_pidfd(container.pidfd.fileno()) == 0
        container.close()
        cgroup.remove()

    whole = timed(rounds, run)
    cgroup, container = start(("sleep", "1000"))
    process = prepare(parse_process(document["process"] | {"args": ["true"]}), stdio, program)
    namespaces = launch.namespace_flags(spec)

    def execute() -> None:
        entered = launch.exec_process(
            container.pidfd, namespaces, process, cgroup=cgroup
        )
        assert linux_process.wait_pidfd(entered.pidfd.fileno()) == 0
        entered.pidfd.close()

    exec_time = timed(rounds, execute)
    container.abandon()
    cgroup.remove()
    with contextlib.suppress(OSError):
        driver.open("/baleen-bench").remove()
    return whole, statistics.median(to_exec) * 1000, exec_time


def measure_runc(work: str, rounds: int) -> tuple[float, float]:
    command = ["runc", "--root", f"{work}/runc-state"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "check": True}

    def run() -> None:
        subprocess.run([*command, "run", "--bundle", work, "bench"], **quiet)

    whole = timed(rounds, run)
    with open(f"{work}/config.json") as file:
        document = json.load(file)
    document["process"]["args"] = ["sleep", "1000"]
    with open(f"{work}/config.json", "w") as file:
        json.dump(document, file)
    subprocess.run([*command, "run", "--detach", "--bundle", work, "bench"], **quiet)

    def execute() -> None:
        subprocess.run([*command, "exec", "bench", "true"], **quiet)

    exec_time = timed(rounds, execute)
    subprocess.run([*command, "delete", "--force", "bench"], **quiet)
    return whole, exec_time


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    gc.freeze()
    with tempfile.TemporaryDirectory() as work:
        make_root(f"{work}/rootfs")
        document = default_spec(args=("true",))
        with open(f"{work}/config.json", "w") as file:
            json.dump(document, file)
        whole, to_exec, exec_time = measure_ours(work, document, rounds)
        print(f"baleen: start until reaped, cleaned {whole:6.2f} ms  (until execve {to_exec:.2f})")
        print(f"baleen: exec until reaped           {exec_time:6.2f} ms")
        if shutil.which("runc") is None:
            print("runc is not installed: no comparison")
            return
        try:
            runc_whole, runc_exec = measure_runc(work, max(rounds // 5, 5))
        except subprocess.CalledProcessError as error:
            print(f"runc refuses this host's control groups or bundle: {error}")
            return
        print(f"runc:   run until gone              {runc_whole:6.2f} ms")
        print(f"runc:   exec until reaped           {runc_exec:6.2f} ms")
        print(f"ratio:  start {whole / runc_whole:.2f}, exec {exec_time / runc_exec:.2f}")


if __name__ == "__main__":
    main()
