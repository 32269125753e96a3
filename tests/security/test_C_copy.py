"""C02, C03, C04: `cp` runs nothing of the image, never blocks, and knows one root only."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from urllib.parse import quote

import pytest
import zstandard
from attack_lab import Layer, canary, image, put, within

pytestmark = pytest.mark.integration

PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
UP = "../" * 12


def poisoned() -> Layer:
    """Programs and libraries that leave a marker when anybody runs or loads them."""
    layer = Layer()
    for directory in ("bin", "usr/bin", "usr/local/bin", "usr/sbin", "sbin"):
        for program in (
            "xz", "unxz", "gzip", "gunzip", "zcat", "unpigz", "pigz", "zstd", "unzstd", "bzip2",
            "bunzip2", "lbzip2", "tar",
        ):  # fmt: skip
            layer.file(f"{directory}/{program}", b"#!/busybox sh\nenv > /marker\n", mode=0o755)
    for name in ("libnss_files.so.2", "libnss_compat.so.2", "gconv/gconv-modules"):
        for directory in ("lib", "usr/lib", f"usr/lib/{os.uname().machine}-linux-gnu"):
            layer.file(f"{directory}/{name}", b"module UTF-8// INTERNAL ../../evil 1\n")
    return layer


@pytest.mark.parametrize("state", ["running", "stopped"])
@pytest.mark.parametrize("packer", PACKERS)
def test_c02_c03_an_upload_is_unpacked_by_our_own_code(engine, packer, state):
    name = image(engine, poisoned())
    engine.docker("run", "-d", "--name", "box", "-u", "nobody", name, "sleep", "1000")
    if state == "stopped":
        engine.docker("stop", "-t", "0", "box")
    data = PACKERS[packer](bytes(Layer().file("in", b"content", uname="games", gname="mail")))
    answer = put(engine, "box", "/tmp", data, "&copyUIDGID=1")
    assert answer.status == 200, answer
    assert engine.api("HEAD", "/containers/box/archive?path=/marker").status == 404
    got = engine.api("GET", "/containers/box/archive?path=/tmp/in").body
    with tarfile.open(fileobj=io.BytesIO(got)) as tar:
        assert tar.extractfile("in").read() == b"content"


@pytest.fixture(params=["running", "stopped"])
def box(engine, request):
    engine.docker(
        "run", "-d", "--name", "box", "-v", "vol:/vol", "busybox", "sh", "-c",
        "mkfifo /fifo /vol/fifo; mkdir -p /d/sub; echo in > /d/f; echo vol > /vol/f; "
        "ln -s /d /link; ln -s /vol /tovol; ln -s /loop /loop; ln -s /fifo /tofifo; "
        "mknod /zero c 1 5; ln -s ../../../../../../etc/shadow /shadow; touch /ready; sleep 1000",
    )  # fmt: skip
    engine.docker("exec", "box", "sh", "-c", "while [ ! -e /ready ]; do sleep 0.01; done")
    if request.param == "stopped":
        engine.docker("stop", "-t", "0", "box")
    return engine


def get(engine, path: str):
    return engine.api("GET", f"/containers/box/archive?path={quote(path, safe='')}")


def names(answer) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        return [name.rstrip("/") for name in tar.getnames()]


def test_c04_odd_paths_out(box):
    for path, expected in (
        ("/d/f", ["f"]), ("d/f", ["f"]), (f"{UP}d/f", ["f"]), ("/d/../d/f", ["f"]),
        ("/d", ["d", "d/f", "d/sub"]), ("/d/", ["d", "d/f", "d/sub"]),
        ("/d/.", [".", "./f", "./sub"]), ("/link", ["link"]), ("/vol/f", ["f"]),
        ("/vol/../d/f", ["f"]), ("/fifo", ["fifo"]), ("/zero", ["zero"]), ("/vol/fifo", ["fifo"]),
        ("/loop", ["loop"]), ("/shadow", ["shadow"]), ("//d//f", ["f"]),
    ):  # fmt: skip
        with within(2.0):
            answer = get(box, path)
        assert answer.status == 200, (path, answer)
        assert sorted(names(answer)) == expected, path
    # Through a link into a volume; only a running container has the volume there.
    answer = get(box, "/tovol/f")
    assert answer.status in (200, 404)


def test_c04_paths_that_are_none(box):
    for path, statuses in (
        ("/nosuch", {404}), ("", {400}), ("a\0b", {400}), ("/" + "x" * 4096, {400, 404}),
        ("/" + "x/" * 3000, {400, 404}), ("/x" * 20, {404}), ("/d/f/", {400, 404}),
        ("/d/f/x", {400, 404}), ("/loop/x", {400, 404}), ("/loop/", {400, 404}),
        ("/shadow/", {400, 404}), ("/proc/self/fd/0", {200, 400, 403, 404}),
        ("/proc/1/root/etc/shadow", {400, 403, 404}), ("/fifo/x", {400, 404}),
        ("\udcff\ud800", {400, 404}),
    ):  # fmt: skip
        with within(2.0):
            shown = path.encode("utf-8", "surrogatepass").decode("latin-1")
            answer = box.api(
                "GET",
                f"/containers/box/archive?path={quote(shown.encode('latin-1'), safe='')}",
            )
        assert answer.status in statuses, (path[:40], answer)
        assert b"root:" not in answer.body


def test_c04_odd_paths_in(box, tmp_path):
    data = bytes(Layer().file("new", b"new"))
    with canary(tmp_path / "canary") as host:
        for path, statuses in (
            ("/d", {200}), (f"{UP}d", {200}), ("/link", {200}), ("/vol", {200}), ("/d/f", {400}),
            ("/fifo", {400}), ("/tofifo", {400}), ("/zero", {400}), ("/nosuch", {404}),
            (str(host), {404}), (f"{UP}{host}", {404}), ("/loop", {400, 404}),
            ("/proc/self/fd", {400, 403, 404}), ("/proc/1/root", {400, 403, 404}),
            ("/shadow", {400, 404}), ("a\0b", {400}), ("/" + "x" * 4096, {400, 404}),
        ):  # fmt: skip
            with within(2.0):
                answer = put(box, "box", path, data)
            assert answer.status in statuses, (path[:40], answer)
    assert get(box, "/d/new").status == 200


def test_c04_an_entry_may_meet_a_fifo_or_device(box):
    """What is in the way is replaced, not opened."""
    for name in ("fifo", "zero", "tofifo"):
        with within(2.0):
            assert put(box, "box", "/", bytes(Layer().file(name, b"now a file"))).status == 200
        answer = get(box, f"/{name}")
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
            assert tar.getmember(name).isreg()
