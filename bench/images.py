"""Images in and out, on baleend and on dockerd where it is installed, with the floor beside.

The load: an image of 8 layers with 30 MB each, that can not be compressed, in files of 1 MB.
Both daemons run at the same time, private and idle; each figure is taken from one and then the
other, in turn, by the same client. The best of some rounds counts, in MB (10^6 bytes of files) a
second. The ratio is against the better of dockerd 20.10 and 26.1, as in `bench.run`.

    python -m bench.images [--rounds N] [--only WORDS] [--no-peer] [--large MB] [--images N]

Behind them: a list of many images, and the daemon's memory while a large image passes. `--large
4000` is what the limit is meant for; less is the default, because it takes minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench import image_registry, image_scale
from bench.lean_http import Failed
from bench.subjects import Baleend, Dockerd, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

LAYERS, FILES, FILE_BYTES = 8, 30, 1_000_000
TOTAL = LAYERS * FILES * FILE_BYTES
_PIECE = 1 << 20


@dataclass(frozen=True)
class Figure:
    """One line: `limit` is the ratio to reach, `better` what 26.1 does of 20.10's figure."""

    name: str
    limit: float
    better: float
    call: Callable[[Subject, Material], float]


@dataclass(frozen=True)
class Material:
    """What all daemons get: `archive` as `docker save` of old writes it, `root` a file system.

    `registries` is a directory for the data of registries; what is below `full` has an image.
    """

    archive: Path
    root: Path
    layers: list[Path]
    registries: Path


# --- the load ------------------------------------------------------------------------------------


def make_material(directory: Path) -> Material:
    source = random.Random(30)
    layers, diff_ids = [], []
    for number in range(LAYERS):
        path = directory / f"layer{number}.tar"
        with tarfile.open(path, "w") as tar:
            for index in range(FILES):
                info = tarfile.TarInfo(f"d{number}/f{index}")
                info.size = FILE_BYTES
                tar.addfile(info, io.BytesIO(source.randbytes(FILE_BYTES)))
        layers.append(path)
        diff_ids.append("sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/x"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": f"step {number}"} for number in range(LAYERS)],
        }
    ).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    paths = [f"{diff_id[7:]}/layer.tar" for diff_id in diff_ids]
    manifest = [{"Config": name, "RepoTags": ["bench:load"], "Layers": paths}]
    archive = directory / "archive.tar"
    with tarfile.open(archive, "w") as tar:
        for place, layer in zip(paths, layers, strict=True):
            tar.add(layer, place)
        for place, data in ((name, config), ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(place)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    root = directory / "root.tar"
    with tarfile.open(root, "w") as tar:
        for layer in layers:
            with tarfile.open(layer) as part:
                for info in part:
                    tar.addfile(info, part.extractfile(info))
    registries = directory / "registries"
    registries.mkdir()
    return Material(archive, root, layers, registries)


# --- what is measured ----------------------------------------------------------------------------


def _upload(subject: Subject, method: str, path: str, source: Path) -> float:
    """Send a file as the request's body; returns the seconds to the end of the answer."""
    size = source.stat().st_size
    with source.open("rb") as file, subject.connect() as connection:
        begin = time.perf_counter()
        kind = "Content-Type: application/x-tar\r\n"
        connection.send(method, path, headers=kind, length=size)
        connection.sock.sendfile(file)
        status, headers = connection.read_head()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(connection.chunks())
        else:
            body = connection.read_body(status, headers)
        elapsed = time.perf_counter() - begin
    if status >= 400 or b'"error"' in body:
        raise Failed(f"{method} {path}: {status} {body[-300:]!r}")
    return elapsed


def _remove(subject: Subject, *images: str) -> None:
    with subject.connect() as connection:
        for image in images:
            try:
                connection.request("DELETE", f"/images/{image}?force=1")
            except Failed:
                continue


def load(subject: Subject, material: Material) -> float:
    _remove(subject, "bench:load")
    return _upload(subject, "POST", "/images/load?quiet=1", material.archive)


def save(subject: Subject, material: Material) -> float:
    del material
    with subject.connect() as connection:
        begin = time.perf_counter()
        length = connection.body_length("/images/bench:load/get")
        elapsed = time.perf_counter() - begin
    assert length > TOTAL
    return elapsed


def import_(subject: Subject, material: Material) -> float:
    _remove(subject, "bench:import")
    path = "/images/create?fromSrc=-&repo=bench&tag=import"
    return _upload(subject, "POST", path, material.root)


def _container(subject: Subject, material: Material) -> str:
    """Return a container with all the files in its own layer."""
    name = "bench-files"
    with subject.connect() as connection:
        try:
            connection.request("GET", f"/containers/{name}/json")
        except Failed:
            body = {"Image": "busybox", "Cmd": ["true"]}
            connection.request("POST", f"/containers/create?name={name}", body)
            _upload(subject, "PUT", f"/containers/{name}/archive?path=/", material.root)
    return name


def commit(subject: Subject, material: Material) -> float:
    name = _container(subject, material)
    _remove(subject, "bench:commit")
    with subject.connect() as connection:
        begin = time.perf_counter()
        connection.request("POST", f"/commit?container={name}&repo=bench&tag=commit", {})
        return time.perf_counter() - begin


def export(subject: Subject, material: Material) -> float:
    name = _container(subject, material)
    with subject.connect() as connection:
        begin = time.perf_counter()
        assert connection.body_length(f"/containers/{name}/export") > TOTAL
        return time.perf_counter() - begin


def push(server: str, subject: Subject, material: Material) -> float:
    place = material.registries / "empty"
    with subject.connect() as connection:
        if not connection.json(
            "GET", "/images/json?filters=" + quote('{"reference":["bench:load"]}')
        ):
            load(subject, material)
    try:
        with image_registry.served(subject, server, place):
            return image_registry.push(subject, "bench:load")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def pull(server: str, subject: Subject, material: Material) -> float:
    place = material.registries / f"full-{server}"
    # Its layers would be found here.
    _remove(subject, "bench:load")
    with image_registry.served(subject, server, place):
        return image_registry.pull(subject, "bench:load")


def fill(subject: Subject, material: Material) -> None:
    """Put what is pulled into the registries: the image with its layers in gzip."""
    packed = material.registries / "packed.tar"
    image_registry.gzipped(material.archive, packed)
    _remove(subject, "bench:load")
    _upload(subject, "POST", "/images/load?quiet=1", packed)
    for server in image_registry.servers():
        with image_registry.served(subject, server, material.registries / f"full-{server}"):
            image_registry.push(subject, "bench:load")
    packed.unlink()
    load(subject, material)


FIGURES = [
    Figure("load", 1.7, 265 / 184, load),
    Figure("save", 1.7, 191 / 143, save),
    Figure("import", 1.3, 270 / 239, import_),
    Figure("commit", 1.3, 317 / 261, commit),
    Figure("export", 1.3, 1.0, export),
]
for _server in image_registry.servers():
    _name = "" if _server == "debian" else ", our registry"
    FIGURES += [
        Figure(f"push{_name}", 1.7, 143 / 117, partial(push, _server)),
        Figure(f"pull{_name}", 1.7, 207 / 133, partial(pull, _server)),
    ]
LIST_MS = 10.0
MEMORY_MB = 40.0


# --- the floor -----------------------------------------------------------------------------------


def floors(material: Material, directory: Path) -> dict[str, float]:
    """MB a second of the parts that nobody can do without, one after the other, in one thread."""
    data = material.root.read_bytes()
    packed = zlib.compress(data, 1)

    def written() -> None:
        with (directory / "floor").open("wb", buffering=0) as file:
            for start in range(0, len(data), _PIECE):
                file.write(memoryview(data)[start : start + _PIECE])
            os.fsync(file.fileno())

    def rate(call: Callable[[], object]) -> float:
        begin = time.perf_counter()
        call()
        return TOTAL / (time.perf_counter() - begin) / 1e6

    return {
        "write and fsync": max(rate(written) for _ in range(3)),
        "sha256": rate(lambda: hashlib.sha256(data).digest()),
        "gunzip (zlib)": rate(lambda: zlib.decompress(packed)),
    }


# --- the table -----------------------------------------------------------------------------------


def _best(figure: Figure, subjects: list[Subject], material: Material, rounds: int) -> list[float]:
    best = [float("inf")] * len(subjects)
    for _ in range(rounds):
        for index, subject in enumerate(subjects):
            best[index] = min(best[index], figure.call(subject, material))
            os.sync()
    return [TOTAL / seconds / 1e6 for seconds in best]


def _table(subjects: list[Subject], material: Material, words: list[str], rounds: int) -> int:
    failed = 0
    print(f"{'':20} {'baleend':>9} {'peer':>9} {'ratio':>7} {'limit':>6}   MB/s")
    for figure in FIGURES:
        if words and not any(word in figure.name for word in words):
            continue
        try:
            rates = _best(figure, subjects, material, rounds)
        except Exception:
            traceback.print_exc()
            failed += 1
            continue
        line = f"{figure.name:20} {rates[0]:9.0f}"
        if len(rates) > 1:
            peer = rates[1] * figure.better
            ratio = rates[0] / peer
            line += f" {peer:9.0f} {ratio:7.2f} {figure.limit:6.2f}"
            line += "" if ratio >= figure.limit else "   below its limit"
            failed += ratio < figure.limit
        print(line, flush=True)
    return failed


def _listing(subjects: list[Subject], count: int) -> int:
    times = []
    for subject in subjects:
        with subject.connect() as connection:
            for archive in image_scale.small_images(count):
                connection.request("POST", "/images/load?quiet=1", archive)
        times.append(image_scale.list_ms(subject, count))
        _remove(subject, *(f"bench:s{number}" for number in range(count)))
    line = f"list of {count} images   {times[0]:.1f} ms (limit {LIST_MS:.0f})"
    line += "" if len(times) == 1 else f", peer {times[1]:.1f} ms"
    is_late = times[0] > LIST_MS
    print(line + ("   above its limit" if is_late else ""), flush=True)
    return int(is_late)


def _memory(subject: Subject, material: Material, megabytes: int) -> int:
    archive = material.archive.with_name("large.tar")
    layers = max(1, megabytes * 1_000_000 // image_scale.LAYER_BYTES)
    image_scale.large_archive(archive, layers)

    def save() -> None:
        with subject.connect() as connection:
            assert connection.body_length("/images/bench:large/get") > archive.stat().st_size / 2

    failed = 0
    peaks = image_scale.memory(
        subject,
        material.registries / "large",
        lambda: _upload(subject, "POST", "/images/load?quiet=1", archive),
        save,
    )
    for peak in peaks:
        is_above = peak.most > MEMORY_MB
        failed += is_above
        line = f"memory while {megabytes} MB {peak.name:5} {peak.most:+6.1f} MB"
        line += f" (limit +{MEMORY_MB:.0f}), behind it {peak.after:+.1f} MB"
        print(line + ("   above its limit" if is_above else ""), flush=True)
    archive.unlink()
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="figures whose name holds one of these words")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--images", type=int, default=1000, help="how many are listed; 0: none")
    parser.add_argument("--large", type=int, default=500, help="MB of the large image; 0: none")
    options = parser.parse_args()
    words = options.only.split()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bench-images-") as name:
        directory = Path(name)
        material = make_material(directory)
        for floor, value in floors(material, directory).items():
            print(f"floor: {floor:16} {value:8.0f} MB/s", flush=True)
        subjects: list[Subject] = [Baleend(directory / "baleend")]
        if Dockerd.path() is not None and not options.no_peer:
            subjects.append(Dockerd(directory / "dockerd"))
        opened: list[Subject] = []
        try:
            for subject in subjects:
                opened.append(subject)
                subject.open()
                load(subject, material)
            if not words or "pull" in words:
                fill(subjects[0], material)
            failed += _table(subjects, material, words, options.rounds)
            if options.images and (not words or "list" in words):
                failed += _listing(subjects, options.images)
            if options.large and (not words or "memory" in words):
                failed += _memory(subjects[0], material, options.large)
        finally:
            for subject in opened:
                subject.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
