"""The `baleen` command as a program of its own, against the real engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest


@pytest.fixture
def baleen(engine):
    environment = {**os.environ, **engine.environment(), "BALEEN_HOST": engine.host}

    def call(*arguments, stdin=b"", code=0):
        done = subprocess.run(
            [sys.executable, "-m", "baleen.cli.main", *arguments],
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    return call


@pytest.fixture
def start(engine):
    """Start `baleen` with pipes; ended and closed at the end."""
    with contextlib.ExitStack() as stack:

        def call(*arguments):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "baleen.cli.main", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **engine.environment(), "BALEEN_HOST": engine.host},
                )
            )
            stack.callback(process.kill)
            return process

        yield call


@pytest.fixture
def terminal(engine):
    """Start `baleen` on a pseudo terminal; closed at the end."""
    from bed import Terminal

    opened = []

    def start(*arguments, rows=24, columns=80):
        environment = {**os.environ, **engine.environment(), "BALEEN_HOST": engine.host}
        command = [sys.executable, "-m", "baleen.cli.main", *arguments]
        opened.append(Terminal(command, environment, rows, columns))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
