from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

_PATH = Path(__file__).with_name("fake_engine.py")


def load_fake_engine():
    """The module beside this file; test folders are not packages."""
    name = "baleen_tests_fake_engine"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _PATH)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def fakes():
    return load_fake_engine()


@pytest.fixture
def fake(fakes):
    # Not tmp_path: a unix socket's path has 108 bytes.
    folder = tempfile.mkdtemp(prefix="bl-")
    engine = fakes.FakeEngine(Path(folder) / "engine.sock")
    yield engine
    engine.close()
    shutil.rmtree(folder)


@pytest.fixture
def client(fake):
    from baleen.client.client import EngineClient
    from baleen.client.endpoint import Endpoint

    with EngineClient(Endpoint("unix", path=str(fake.path))) as client:
        yield client
