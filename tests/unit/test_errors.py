"""The exception tree: its picture is true, and what an error says."""

from __future__ import annotations

import inspect
import re

from baleen import errors


def test_the_picture_at_the_top_is_the_tree():
    drawn, path = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        path[depth:] = [match[2]]
        drawn[match[2]] = path[depth - 1] if depth else "Exception"
    real = {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert drawn == real


def test_everything_is_exported():
    kinds = {name for name, kind in inspect.getmembers(errors, inspect.isclass)}
    assert kinds == set(errors.__all__)


def test_a_hint_follows_the_message():
    error = errors.NotFound("no such thing: x", hint="make one", details={"name": "x"})
    assert str(error) == "no such thing: x: make one"
    assert (error.message, error.details) == ("no such thing: x", {"name": "x"})
    assert str(errors.Conflict("taken")) == "taken"


def test_a_failed_start_has_its_exit_code():
    error = errors.StartFailed('exec: "x": not found', exit_code=127)
    assert error.exit_code == 127
    assert isinstance(error, errors.Internal)
