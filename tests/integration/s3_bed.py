"""An S3 server for tests: moto's, as a process of its own on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager

from bed import wait_until

from baleen.registry.settings import S3


@contextmanager
def s3_server():
    """Give the URL of a fresh server, which is gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
    )

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until("the S3 server listens", listens, timeout_s=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def settings(url, bucket, **more):
    return S3(
        regionendpoint=url,
        bucket=bucket,
        accesskey="test",
        secretkey="test",
        rootdirectory="/registry",
        chunksize=5 << 20,
        **more,
    )


def make_bucket(storage):
    from baleen.registry.storage.s3 import _connect

    storage.client = _connect(storage._settings)
    storage.client.create_bucket(Bucket=storage.bucket)
