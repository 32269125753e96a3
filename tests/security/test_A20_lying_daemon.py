"""A20: a daemon that lies to the `baleen` command writes nothing outside of what was named.

`save` and `export` write one file, whatever is in it; what arrives is never unpacked by them. `cp`
unpacks, but only what was asked for, and only below the place that was named. (`baleen` reads
contexts, and has no `context import`.)
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attack_lab import Layer, canary

pytestmark = pytest.mark.integration


class Liar(socketserver.ThreadingUnixStreamServer):
    """A daemon whose every archive is `archive`, and whose every path is described by `found`."""

    archive = b""
    found: object = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Liar

    def do_GET(self):
        self._begin(len(self.server.archive))
        if self.command == "GET":
            self.wfile.write(self.server.archive)

    do_HEAD = do_GET

    def _begin(self, length):
        self.send_response(200)
        self.send_header("Api-Version", "1.50")
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Content-Length", str(length))
        found = base64.b64encode(json.dumps(self.server.found).encode()).decode()
        self.send_header("X-Docker-Container-Path-Stat", found)
        self.end_headers()

    def address_string(self):
        return "client"

    def log_message(self, *args):
        pass


@pytest.fixture
def liar(tmp_path):
    path = tmp_path / "liar.sock"
    with Liar(str(path), Handler) as server:
        server.host = f"unix://{path}"
        server.archive = bytes(
            Layer().file("../evil").symlink("l", str(tmp_path)).file("l/evil").file("/tmp/evil-a20")
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def baleen(liar, place, *arguments):
    return subprocess.run(
        [str(Path(sys.executable).with_name("baleen")), *arguments],
        env={**os.environ, "DOCKER_HOST": liar.host},
        cwd=place, check=False, timeout=30, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("command", [["save", "image"], ["export", "container"]])
def test_one_file_is_written_and_nothing_beside_it(liar, tmp_path, command):
    place = tmp_path / "here"
    place.mkdir()
    with canary(tmp_path / "canary"):
        done = baleen(liar, place, command[0], "-o", "out.tar", command[1])
    assert not done.returncode, done.stderr
    assert os.listdir(place) == ["out.tar"]
    assert not (tmp_path / "evil").exists()
    assert not os.path.exists("/tmp/evil-a20")


DIRECTORY = {"name": "x", "mode": 1 << 31 | 0o755}
FILE = {"name": "x", "mode": 0o644}


@pytest.mark.parametrize(
    "entries",
    [
        lambda out: Layer().file("../evil"),
        lambda out: Layer().file("x/../../evil"),
        lambda out: Layer().file(".profile"),  # beside what was asked for
        lambda out: Layer().file(f"{out}/evil"),
        lambda out: Layer().symlink("x", str(out)).file("x/evil"),
        lambda out: Layer().directory("x").symlink("x/l", "../../canary").file("x/l/evil"),
        lambda out: Layer().directory("x").symlink("x/l", str(out)).directory("x/l/evil"),
        lambda out: Layer().hardlink("x", f"{out}/kept").file("x", b"evil"),
        lambda out: Layer().hardlink("x", "../canary/kept").file("x", b"evil"),
        lambda out: Layer().symlink("x", f"{out}/kept").hardlink("x/y", "x"),
    ],
)
@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("c:/x", ".", FILE),
        ("c:/x", "new", DIRECTORY),
        ("c:/x/", "../here/there/", {"name": "../../evil", "mode": 1 << 31 | 0o755}),
    ],
)
def test_cp_unpacks_only_what_was_asked_for_below_its_place(
    liar, tmp_path, entries, source, target, found
):
    place = tmp_path / "here"
    (place / "there").mkdir(parents=True)
    with canary(tmp_path / "canary") as outside:
        liar.archive, liar.found = bytes(entries(outside)), found
        done = baleen(liar, place, "cp", source, target)
    assert done.returncode
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["canary", "here", "liar.sock"]
    # Of what was refused in its middle the beginning is there, by its own name and below there.
    assert set(os.listdir(place)) <= {"there", "x" if target == "." else "new"}


def test_cp_follows_a_link_inside_the_container_only(liar, tmp_path):
    """The target of a link is the engine's word: it is asked for, and never opened here."""
    place = tmp_path / "here"
    place.mkdir()
    with canary(tmp_path / "canary") as outside:
        liar.archive = bytes(Layer().file("kept", b"of the container"))
        liar.found = {"name": "x", "mode": 1 << 27 | 0o777, "linkTarget": str(outside / "kept")}
        done = baleen(liar, place, "cp", "-L", "c:/x", ".")
    assert not done.returncode, done.stderr
    assert (place / "x").read_bytes() == b"of the container"
