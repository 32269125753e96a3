"""What tests of the registry share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

# pytest's importlib mode puts no directory on the path; dataclasses look their module up.
_SPEC = importlib.util.spec_from_file_location(
    "asgi_call", Path(__file__).parents[2] / "integration/asgi_call.py"
)
_asgi = importlib.util.module_from_spec(_SPEC)
sys.modules["asgi_call"] = _asgi
_SPEC.loader.exec_module(_asgi)


@pytest.fixture
def call():
    """Send one request to an ASGI application."""
    return _asgi.call_application


@pytest.fixture
def lifespan():
    """Run an application's life round a block."""
    return _asgi.living
