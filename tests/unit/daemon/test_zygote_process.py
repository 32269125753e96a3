from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import pytest

from baleen.daemon.zygote_process import ZygoteProcess
from baleen.errors import Unavailable

# Answers each request by writing its own pid and the request into the descriptor it got.
ECHO = """
import array, json, os, socket, sys
sock = socket.socket(fileno=int(sys.argv[1]))
while True:
    data, control, *_ = sock.recvmsg(65536, 4096)
    if not data:
        break
    fds = array.array("i", control[0][2])
    os.write(fds[0], f"{os.getpid()} {json.loads(data)['request']}".encode())
    for fd in fds:
        os.close(fd)
"""


@pytest.fixture
def zygote():
    process = ZygoteProcess([sys.executable, "-I", "-S", "-c", ECHO])
    process.start()
    yield process
    process.stop()


async def ask(zygote, request):
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with theirs:
            zygote.spawn(request, [theirs.fileno()])
        async with asyncio.timeout(10):
            return (await asyncio.get_running_loop().sock_recv(ours, 1000)).decode()


async def test_requests_and_descriptors_arrive(zygote):
    assert await ask(zygote, "/a/start.json") == f"{zygote.pid} /a/start.json"


async def test_a_zygote_that_died_is_replaced_at_once_when_it_is_needed(zygote):
    first = zygote.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222  # it is dead
    answer = await ask(zygote, "/b")
    assert zygote.pid != first
    assert answer == f"{zygote.pid} /b"


async def test_a_watched_zygote_comes_back_by_itself(zygote):
    zygote.watch(asyncio.get_running_loop())
    zygote._started -= 10
    first = zygote.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(10):
        while zygote.pid in (first, 0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await ask(zygote, "/c") == f"{zygote.pid} /c"
    zygote.stop()


async def test_a_zygote_that_cannot_run_is_unavailable(zygote):
    zygote.stop()
    zygote._command = ["/nonexistent"]
    with pytest.raises(Unavailable):
        zygote.spawn("/d", [0])


def test_stopping_reaps_the_process(zygote):
    pid = zygote.pid
    zygote.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_zygote_gets_no_other_descriptor(tmp_path):
    out = tmp_path / "fds"
    script = (
        f"import os; fds = sorted(os.listdir('/proc/self/fd'), key=int); "
        f"open({str(out)!r}, 'w').write(' '.join(fds))"
    )
    process = ZygoteProcess([sys.executable, "-I", "-S", "-c", script])
    process.start()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.stop()
    listed = out.read_text().split()
    assert len(listed) <= 5  # 0, 1, 2, the pair's end, and the directory that is being read
