"""Racers: containers that change a shared volume as fast as they can, while others start.

A racer runs Python with `renameat2(RENAME_EXCHANGE)`: two names swap in one system call, so each
walk of a path sees one or the other, never a gap. It counts its rounds, so that a test can show
that there was a race at all.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bed import wait_until
from inside import interpreter, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bed import Bed

EXCHANGE = """
import time
AT, EXCHANGE = -100, 2
def swap(a, b):
    code = raw(NUMBERS["renameat2"], AT, os.fsencode(a), AT, os.fsencode(b), EXCHANGE)[1]
    assert not code, (a, b, os.strerror(code))
"""


@contextlib.contextmanager
def flipping(
    engine: Bed, shared: Path, pairs: Sequence[tuple[str, str]], *options: str
) -> Iterator[None]:
    """While held, a container swaps each pair of names below the shared directory.

    The directory is at /shared in it. At the end it has to have made many rounds.
    """
    source = (
        EXCHANGE
        + f"pairs = {list(pairs)!r}\n"
        + """
rounds, counter = 0, os.open("/shared/.rounds", os.O_WRONLY | os.O_CREAT)
while True:
    for _ in range(40):
        for a, b in pairs:
            swap(f"/shared/{a}", f"/shared/{b}")
    rounds += 40
    os.pwrite(counter, b"%d" % rounds, 0)
    time.sleep(0.001)  # the others are to be hit in all of their steps, not held up in one
"""
    )
    engine.docker(
        "run", "-d", "--name", "racer", "-v", f"{shared}:/shared", *interpreter(), *options,
        "busybox", *script(source),
    )  # fmt: skip
    counter = shared / ".rounds"
    try:
        wait_until("the racer runs", lambda: counter.exists() and counter.read_text())
        before = int(counter.read_text())
        yield
        assert engine.state("racer")["Running"], engine.docker("logs", "racer").stderr
        assert int(counter.read_text()) > before + 400, "there was no race"
    finally:
        engine.api("DELETE", "/containers/racer?force=1")


def repeat(times: int, action: Callable[[int], object], clients: int = 1) -> list[object]:
    """Do it that often, by that many clients; returns the results."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(action, range(times)))


def started(engine: Bed, config: dict[str, Any], **host: Any) -> str:
    """Start a container and remove it at once; returns "" or why it was not started."""
    body = {"Image": "busybox", "Cmd": ["true"], **config}
    body["HostConfig"] = {"NetworkMode": "none", **host}
    made = engine.api("POST", "/containers/create", body)
    assert made.status == 201, made
    container = made.json()["Id"]
    answer = engine.api("POST", f"/containers/{container}/start")
    engine.api("DELETE", f"/containers/{container}?force=1&v=1")
    return "" if answer.status == 204 else answer.message


@contextlib.contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Do it again and again in a thread while held; what it raises is raised at the end."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def loop() -> None:
        try:
            while not stop.is_set():
                action()
        except BaseException as err:  # raised below
            errors.append(err)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
