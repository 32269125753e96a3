from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest


def _load_fake_engine():
    name = "baleen_tests_fake_engine"
    if name not in sys.modules:
        path = Path(__file__).parent.parent / "client" / "fake_engine.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def fakes():
    return _load_fake_engine()


@pytest.fixture
def fake(fakes):
    # Not tmp_path: a unix socket's path has 108 bytes.
    folder = tempfile.mkdtemp(prefix="bl-")
    engine = fakes.FakeEngine(Path(folder) / "engine.sock")
    yield engine
    engine.close()
    shutil.rmtree(folder)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def baleen(fake, monkeypatch, capfd, tmp_path):
    """Run the command in this process against the fake engine; standard input is `stdin`."""
    from baleen.cli.main import run

    monkeypatch.setenv("BALEEN_HOST", fake.host)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-config"))
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)

    def call(*argv, stdin=b""):
        read, write = os.pipe()
        os.write(write, stdin)
        os.close(write)
        before = os.dup(0)
        os.dup2(read, 0)
        try:
            # pytest's own sys.stdin refuses to be read.
            with open(0, closefd=False) as stream, monkeypatch.context() as patch:
                patch.setattr(sys, "stdin", stream)
                code = run(argv)
        finally:
            os.dup2(before, 0)
            os.close(before)
            os.close(read)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def refusal(fakes):
    """An engine's answer that there is no such object."""
    return lambda message: fakes.Reply({"message": message}, 404)
