"""A PostgreSQL of Debian's, started for a test: unprivileged, on a unix socket of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from bed import wait_until

NOBODY = 65534


def _programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs Debian's postgresql")
    return found[-1].parent


def _as_nobody(*command):
    # It refuses to run as root.
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [*(become if os.geteuid() == 0 else []), *map(str, command)]


@contextmanager
def postgres():
    """Give the URL of a fresh server, which is gone afterwards."""
    programs = _programs()
    place = Path(tempfile.mkdtemp(prefix="bl-pg-"))
    process = None
    try:
        if os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
        data = place / "data"
        command = _as_nobody(
            *(programs / "initdb", "-D", data, "-U", "registry", "-E", "UTF8", "--no-sync"),
            *("--auth=trust", "--locale=C.UTF-8"),
        )
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=place)
        options = {"listen_addresses": "", "unix_socket_directories": place, "fsync": "off"}
        command = _as_nobody(
            *(programs / "postgres", "-D", data),
            *(word for key, value in options.items() for word in ("-c", f"{key}={value}")),
        )
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=place)
        ready = _as_nobody(programs / "pg_isready", "-h", place, "-U", "registry", "-q")
        wait_until(
            "PostgreSQL answers",
            lambda: subprocess.run(ready, check=False, timeout=10, cwd=place).returncode == 0,
            timeout_s=30,
        )
        yield f"postgresql://registry@/postgres?host={place}"
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # fast: without waiting for clients
            process.wait(20)
        shutil.rmtree(place)
