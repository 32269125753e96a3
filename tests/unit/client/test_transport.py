from __future__ import annotations

import os
import socket
import stat
import sys

import pytest

from baleen import errors
from baleen.client.client import EngineClient
from baleen.client.endpoint import Endpoint
from baleen.client.transport import connect


def test_a_path_longer_than_a_socket_address_works(tmp_path):
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = os.open(folder, os.O_PATH)
    listener.bind(f"/proc/self/fd/{descriptor}/s")
    listener.listen()
    os.close(descriptor)
    stream = connect(Endpoint("unix", path=str(folder / "s")))
    stream.close()
    listener.close()


def test_a_forbidden_socket_says_so(tmp_path):
    if os.getuid() == 0:
        pytest.skip("root may connect to any socket")
    path = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0)
    try:
        with pytest.raises(errors.PermissionDenied):
            connect(Endpoint("unix", path=str(path)))
    finally:
        listener.close()


def test_ssh_runs_dial_stdio_on_the_other_side(tmp_path, monkeypatch, fake, fakes):
    """A program named ssh that connects to the fake engine stands in for the network."""
    script = tmp_path / "ssh"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"json.dump(sys.argv[1:], open({str(tmp_path / 'argv')!r}, 'w'))\n"
        "from baleen.cli.main import run\n"
        f"sys.exit(run(['-H', {fake.host!r}, 'system', 'dial-stdio']))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake.on("GET", "/x", fakes.Reply({"over": "ssh"}))
    endpoint = Endpoint("ssh", host="far", user="me", port=23, path="/run/x y.sock")
    with EngineClient(endpoint) as client:
        assert client.get("/x") == {"over": "ssh"}
    import json

    argv = json.loads((tmp_path / "argv").read_text())
    assert argv[-3:-1] == ["--", "far"]
    assert argv[-7:-3] == ["-l", "me", "-p", "23"]
    assert "baleen --host unix://'/run/x y.sock' system dial-stdio" in argv[-1]
