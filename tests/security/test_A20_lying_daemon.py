"""A20: a daemon that lies to the `baleen` command writes nothing outside of what was named.

`save` and `export` write one file, whatever is in it; what arrives is never unpacked by them.
"""

from __future__ import annotations

import http.server
import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attack_lab import Layer, canary

pytestmark = pytest.mark.integration


@pytest.fixture
def liar(tmp_path):
    """A daemon whose every archive climbs; gives its address."""
    evil = bytes(
        Layer().file("../evil").symlink("l", str(tmp_path)).file("l/evil").file("/tmp/evil-a20")
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Api-Version", "1.50")
            self.send_header("Content-Type", "application/x-tar")
            self.send_header("Content-Length", str(len(evil)))
            self.end_headers()
            self.wfile.write(evil)

        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Api-Version", "1.50")
            self.end_headers()

        def address_string(self):
            return "client"

        def log_message(self, *args):
            pass

    path = tmp_path / "liar.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [["save", "image"], ["export", "container"]])
def test_one_file_is_written_and_nothing_beside_it(liar, tmp_path, command):
    place = tmp_path / "here"
    place.mkdir()
    with canary(tmp_path / "canary"):
        subprocess.run(
            [
                str(Path(sys.executable).with_name("baleen")),
                command[0], "-o", "out.tar", command[1],
            ],
            env={**os.environ, "DOCKER_HOST": liar},
            cwd=place, check=True, timeout=30, capture_output=True,
        )  # fmt: skip
    assert os.listdir(place) == ["out.tar"]
    assert not (tmp_path / "evil").exists()
    assert not os.path.exists("/tmp/evil-a20")
