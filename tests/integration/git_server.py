"""A git repository behind `git daemon` on loopback."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

CLEAN = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


class Repository:
    """A repository with files; `url` reaches it."""

    def __init__(self, place, url):
        self.place = place
        self.url = url
        place.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words):
        done = subprocess.run(
            ["git", *words],
            cwd=self.place,
            env=CLEAN,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.strip()

    def commit(self, **files):
        """Commit files (a name with __ for /), links where the text begins with ->; the id."""
        for name, text in files.items():
            path = self.place / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("->"):
                path.symlink_to(text[2:])
            else:
                path.write_text(text)
                path.chmod(0o755 if text.startswith("#!") else 0o644)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")


@contextmanager
def git_server(place, prefix=()):
    """Give a function: a name to a new, empty repository that is served.

    `prefix` is put before the server's command: another network namespace.
    """
    if shutil.which("git") is None:
        import pytest

        pytest.skip("there is no git here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (place / "served").mkdir()
    server = subprocess.Popen(
        [
            *prefix,
            *("git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"),
            *(f"--port={port}", f"--base-path={place}/served", f"{place}/served"),
        ],
        env=CLEAN,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _wait(server, port, prefix)
        yield lambda name: Repository(place / "served" / name, f"git://127.0.0.1:{port}/{name}")
    finally:
        # The program `git` has started the daemon as its child.
        os.killpg(server.pid, 15)
        server.communicate(timeout=10)


def _wait(server, port, prefix):
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1)"
    end = time.monotonic() + 10
    while subprocess.run(
        [*prefix, sys.executable, "-c", connect], stderr=subprocess.DEVNULL, check=False, timeout=10
    ).returncode:
        assert server.poll() is None, server.stderr.read()
        assert time.monotonic() < end
