"""Whether criu can do its work on this host, and why not: it depends on the kernel's age."""

from __future__ import annotations

import functools
import shutil
import subprocess

import pytest


@functools.cache
def why_not() -> str:
    """The reason, empty if it can."""
    path = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    program = shutil.which("criu", path=path)
    if program is None:
        return "criu is not installed"
    done = subprocess.run(
        [program, "check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": path},
    )
    if done.returncode == 0:
        return ""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return f"criu cannot work on this kernel: {lines[0] if lines else done.returncode}"


@pytest.fixture
def criu() -> None:
    """Skips the test where criu cannot work; `make test-vm` has a kernel of its age."""
    if why_not():
        pytest.skip(why_not())
