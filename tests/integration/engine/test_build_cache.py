"""Caches elsewhere: what one build has put there, another takes from it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from debian_registry import DebianRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

TEXT = """\
FROM busybox AS builder
RUN echo made > /made && echo > /waste
FROM busybox
COPY --from=builder /made /made
COPY name /name
RUN cat /name /made > /both
"""
STEPS = 4


@pytest.fixture
def registry(engine) -> Iterator[DebianRegistry]:
    with DebianRegistry(engine) as registry:
        yield registry


@pytest.fixture
def build(engine, tmp_path):
    """Build as `a:1` with more arguments; returns the output and the image's id."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(TEXT)
    (folder / "name").write_text("baleen")
    environment = {**os.environ, **engine.environment(), "BALEEN_HOST": engine.host}

    def call(*arguments):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "baleen.cli.main", "build", "--progress=plain"),
                *("-t", "a:1", *arguments, str(folder)),
            ],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stderr.decode(), engine.out("inspect", "-f", "{{.Id}}", "a:1")

    forget(engine)
    return call


def forget(engine):
    """Leave nothing of builds here."""
    engine.docker("rmi", "-f", "a:1", check=False)
    engine.docker("builder", "prune", "-af")
    engine.docker("image", "prune", "-f")


def test_a_registry_keeps_the_cache_of_all_stages(engine, registry, build):
    name = f"{registry.authority}/team/cache:1"
    first, image = build("--cache-to", f"type=registry,ref={name},mode=max")
    assert first.count("CACHED") == 0
    forget(engine)
    again, same = build("--cache-from", f"type=registry,ref={name}")
    assert again.count("CACHED") == STEPS
    assert same == image
    assert engine.out("run", "--rm", "a:1", "cat", "/both") == "baleenmade"


def test_the_cache_of_the_result_alone_is_smaller(engine, registry, build):
    name = f"{registry.authority}/team/cache:min"
    build("--cache-to", f"type=registry,ref={name}")
    forget(engine)
    again, _ = build("--cache-from", name)
    # The builder runs again, and what it makes is the same file.
    assert again.count("CACHED") == STEPS - 1


def test_a_directory_keeps_the_cache(engine, build, tmp_path):
    place = tmp_path / "cache"
    _, image = build("--cache-to", f"type=local,dest={place},mode=max")
    assert (place / "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    forget(engine)
    again, same = build("--cache-from", f"type=local,src={place}")
    assert again.count("CACHED") == STEPS
    assert same == image
    forget(engine)
    for blob in (place / "blobs/sha256").iterdir():
        blob.write_bytes(b"damaged")
    damaged, _ = build("--cache-from", f"type=local,src={place}")
    assert damaged.count("CACHED") == 0


def test_an_image_carries_its_own_cache(engine, registry, build):
    name = f"{registry.authority}/team/app:1"
    build("--cache-to", "type=inline")
    engine.docker("tag", "a:1", name)
    engine.docker("push", name)
    engine.docker("rmi", name)
    forget(engine)
    again, _ = build("--cache-from", name)
    assert again.count("CACHED") == STEPS - 1
    forget(engine)
    build("--build-arg", "BUILDKIT_INLINE_CACHE=1")
    engine.docker("tag", "a:1", "kept:1")
    forget(engine)
    again, _ = build("--cache-from", "kept:1")
    assert again.count("CACHED") == STEPS - 1
    engine.docker("rmi", "kept:1")


def test_a_cache_that_is_not_there_is_none(engine, build):
    text, _ = build("--cache-from", "127.0.0.1:1/nothing:1", "--cache-from", "type=local,src=/none")
    assert text.count("CACHED") == 0
    # An image without a cache, whatever its history says (B06), has nothing either.
    engine.docker("tag", "a:1", "plain:1")
    forget(engine)
    text, _ = build("--cache-from", "plain:1")
    assert text.count("CACHED") == 0
    engine.docker("rmi", "plain:1")
