"""Our registry beside Debian's docker-registry: pushes, pulls and small manifests, in one run.

    python -m bench.registry [LAYERS] [MEGABYTES] [MANIFESTS]

Both servers store to the same file system and are asked by the same client (curl for layers, a few
connections of a small asyncio client for manifests), in turns. A ratio above 1 is in our favour,
and the limit; of small manifests 1,000 a second besides.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

Connection: TypeAlias = "tuple[asyncio.StreamReader, asyncio.StreamWriter]"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONNECTIONS = 16
ROUNDS = 3
MANIFESTS_PUT = "manifests put/s"
MANIFESTS_A_SECOND = 1000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def start(name: str, place: Path, port: int) -> subprocess.Popen[bytes]:
    address = f"127.0.0.1:{port}"
    if name == "ours":
        command = [sys.executable, "-m", "baleen.cli.main", "registry", "serve"]
        command += ["--data", str(place), "--addr", address]
    else:
        config = place.with_suffix(".yml")
        config.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {place}}}}}\nhttp: {{addr: '{address}'}}\n"
        )
        command = ["docker-registry", "serve", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
    raise SystemExit(f"{name} does not listen")


async def request(
    connection: Connection, method: str, path: str, body: bytes = b"", headers: str = ""
) -> tuple[int, dict[bytes, bytes]]:
    reader, writer = connection
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    fields: dict[bytes, bytes] = {}
    for line in answer.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip()
    await reader.readexactly(int(fields.get(b"content-length", 0)))
    return int(answer.split()[1]), fields


def relative(location: bytes) -> str:
    text = location.decode()
    return "/" + text.split("/", 3)[3] if text.startswith("http") else text


def with_query(location: str, query: str) -> str:
    return location + ("&" if "?" in location else "?") + query


async def begin(port: int, name: str) -> str:
    connection = await asyncio.open_connection("127.0.0.1", port)
    _, fields = await request(connection, "POST", f"/v2/{name}/blobs/uploads/")
    connection[1].close()
    return relative(fields[b"location"])


async def curl(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sf", "-o", "/dev/null", *arguments, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"curl {arguments} failed")
    return out


async def push_layer(port: int, name: str, file: Path, digest: str) -> None:
    base = f"http://127.0.0.1:{port}"
    location = base + await begin(port, name)
    out = await curl("-X", "PATCH", "-T", str(file), "-w", "%header{location}", location)
    if out:
        location = base + relative(out.strip())
    await curl("-X", "PUT", with_query(location, f"digest={digest}"))


async def timed(work: Iterable[Coroutine[None, None, object]]) -> float:
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)
    return time.monotonic() - started


async def manifests(port: int, count: int) -> list[float]:
    connection = await asyncio.open_connection("127.0.0.1", port)
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    _, fields = await request(connection, "POST", "/v2/m/blobs/uploads/")
    path = with_query(relative(fields[b"location"]), f"digest={digest}")
    kind = "Content-Type: application/octet-stream\r\n"
    status, _ = await request(connection, "PUT", path, config, kind)
    assert status == 201, status
    connection[1].close()
    run = secrets.token_hex(4)
    entry = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2}

    async def each(numbers: Iterator[int], method: str) -> None:
        own = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            document = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": entry,
                "layers": [],
                "annotations": {"n": f"{run}.{number}"},
            }
            body = json.dumps(document).encode() if method == "PUT" else b""
            head = f"Content-Type: {MANIFEST}\r\nAccept: {MANIFEST}\r\n"
            path = f"/v2/m/manifests/t{number}"
            status, _ = await request(own, method, path, body, head)
            assert status in {200, 201}, status
        own[1].close()

    rates = []
    for method in ("PUT", "GET"):
        numbers = iter(range(count))
        rates.append(count / await timed([each(numbers, method) for _ in range(CONNECTIONS)]))
    return rates


async def measure(
    port: int, files: list[tuple[Path, str]], count: int, round_: int
) -> dict[str, float]:
    name = f"bench/r{round_}"
    total = sum(file.stat().st_size for file, _ in files) / 1e6
    pushed = await timed([push_layer(port, name, file, digest) for file, digest in files])
    base = f"http://127.0.0.1:{port}/v2/{name}/blobs/"
    pulled = await timed([curl(base + digest) for _, digest in files])
    put, get = await manifests(port, count)
    return {
        "push, MB/s": total / pushed,
        "pull, MB/s": total / pulled,
        MANIFESTS_PUT: put,
        "manifests get/s": get,
    }


def main() -> int:
    layers, megabytes, count = (
        int(word) for word in (sys.argv[1:] + ["8", "30", "1000"][len(sys.argv) - 1 :])
    )
    place = Path(tempfile.mkdtemp(prefix="bl-bench-registry-"))
    names = ["ours", "docker-registry"] if shutil.which("docker-registry") else ["ours"]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        ports = {name: free_port() for name in names}
        for name in names:
            processes[name] = start(name, place / name, ports[name])
        for round_ in range(ROUNDS):
            files = []
            for number in range(layers):
                data = os.urandom(megabytes * 1_000_000)
                file = place / f"layer{number}"
                file.write_bytes(data)
                files.append((file, f"sha256:{hashlib.sha256(data).hexdigest()}"))
            for name in names:
                results[name].append(asyncio.run(measure(ports[name], files, count, round_)))
    finally:
        for process in processes.values():
            process.terminate()
            process.wait()
        shutil.rmtree(place)
    failed = 0
    for what in results["ours"][0]:
        best = {name: max(each[what] for each in results[name]) for name in names}
        line = "  ".join(f"{name} {value:8.0f}" for name, value in best.items())
        ratio = best["ours"] / best[names[-1]]
        is_short = ratio < 1 or (what == MANIFESTS_PUT and best["ours"] < MANIFESTS_A_SECOND)
        shown = f"  ratio {ratio:.2f}" if len(names) > 1 else ""
        print(f"{what:16}  {line}{shown}" + ("   below its limit" if is_short else ""))
        failed += is_short
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
