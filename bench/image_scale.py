"""What `bench.images` measures beside speed: many images, and memory while a large one passes.

The large image is one of layers with 100 MB of noise each. It goes through load, save, push and
pull; the most memory that the daemon and its helpers had meanwhile (PSS, looked at each 30 ms), and
what they have when it is over, is told as what is more than before.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import statistics
import tarfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import image_registry
from bench.subjects import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.subjects import Subject

__all__ = ["Peak", "large_archive", "list_ms", "memory", "small_images"]

LAYER_BYTES = 100_000_000
_BLOCK = 1_000_000
_LOOK_S = 0.03
# Twice as long as the daemon takes to give back what it does not need any more.
_SETTLE_S = 2.5
_PER_ARCHIVE = 250


def _config(diff_ids: list[str], mark: str) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/x"], "Env": [f"MARK={mark}"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


# --- many images ---------------------------------------------------------------------------------


def small_images(count: int) -> Iterator[bytes]:
    """Yield archives for `load`, together `count` images `bench:s<number>` that share a layer."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "file", b"x")
    diff_id = hashlib.sha256(layer.getvalue()).hexdigest()
    for first in range(0, count, _PER_ARCHIVE):
        archive, rows = io.BytesIO(), []
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _add(tar, f"{diff_id}/layer.tar", layer.getvalue())
            for number in range(first, min(count, first + _PER_ARCHIVE)):
                config = _config([f"sha256:{diff_id}"], str(number))
                name = f"{hashlib.sha256(config).hexdigest()}.json"
                _add(tar, name, config)
                row = {"Config": name, "RepoTags": [f"bench:s{number}"]}
                rows.append({**row, "Layers": [f"{diff_id}/layer.tar"]})
            _add(tar, "manifest.json", json.dumps(rows).encode())
        yield archive.getvalue()


def list_ms(subject: Subject, count: int) -> float:
    """Return the milliseconds that a list of at least `count` images takes (median of 9)."""
    times = []
    with subject.connect() as connection:
        for _ in range(9):
            begin = time.perf_counter()
            data = connection.request("GET", "/images/json")
            times.append(time.perf_counter() - begin)
            assert data.count(b'"Id"') >= count
    return statistics.median(times) * 1000


# --- memory --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peak:
    """MB more than before: at most while it went on, and when it was over."""

    name: str
    most: float
    after: float


def large_archive(path: Path, layers: int) -> None:
    """Write an archive for `load` of the image `bench:large`."""
    source = random.Random(4)
    rows, diff_ids = [], []
    with tarfile.open(path, "w") as tar:
        for number in range(layers):
            # The first megabyte makes a layer its own; noise for all of it would take minutes.
            block = source.randbytes(_BLOCK)
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w") as layer:
                _add(layer, f"file{number}", block * (LAYER_BYTES // _BLOCK))
            diff_ids.append(hashlib.sha256(data.getvalue()).hexdigest())
            rows.append(f"{diff_ids[-1]}/layer.tar")
            _add(tar, rows[-1], data.getvalue())
        config = _config([f"sha256:{diff_id}" for diff_id in diff_ids], "large")
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        _add(tar, name, config)
        row = {"Config": name, "RepoTags": ["bench:large"], "Layers": rows}
        _add(tar, "manifest.json", json.dumps([row]).encode())


def memory(
    subject: Subject, place: Path, load: Callable[[], object], save: Callable[[], object]
) -> Iterator[Peak]:
    """Yield the peaks of load, save, push and pull of `bench:large`; `place` is a registry's."""
    pause(_SETTLE_S)
    before = subject.pss_mb()

    def watched(name: str, call: Callable[[], object]) -> Peak:
        most, ended = [0.0], threading.Event()

        def look() -> None:
            while not ended.wait(_LOOK_S):
                most[0] = max(most[0], subject.pss_mb())

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            call()
        finally:
            ended.set()
            watcher.join()
        pause(_SETTLE_S)
        return Peak(name, most[0] - before, subject.pss_mb() - before)

    yield watched("load", load)
    yield watched("save", save)
    server = image_registry.servers()[0]
    with image_registry.served(subject, server, place):
        yield watched("push", lambda: image_registry.push(subject, "bench:large"))
        with subject.connect() as connection:
            connection.request("DELETE", "/images/bench:large?force=1")
        yield watched("pull", lambda: image_registry.pull(subject, "bench:large"))
