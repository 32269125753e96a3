"""Flags win over variables, and those over the file."""

from __future__ import annotations

import pytest

from baleen.cli.commands.registry_serve import COMMAND
from baleen.cli.flags import parse_flags
from baleen.cli.registry_settings import read_settings


def read(*argv, **variables):
    flags, arguments = parse_flags(COMMAND.flags, argv)
    return read_settings(flags, file=arguments[0] if arguments else "", **variables)


def test_who_wins(tmp_path, monkeypatch):
    file = tmp_path / "config.yml"
    file.write_text("storage: {filesystem: {rootdirectory: /file}}\nhttp: {addr: 'file:1'}\n")
    monkeypatch.setenv("REGISTRY_HTTP_ADDR", "variable:1")
    assert read().http.addr == "variable:1"
    assert read(str(file)).storage.root == "/file"
    settings = read("--config", str(file), "--data", "/flag")
    assert (settings.storage.root, settings.http.addr) == ("/flag", "variable:1")
    assert read(REGISTRY_HTTP_ADDR="flag:1").http.addr == "flag:1"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.yml"):
        read(str(tmp_path / "none.yml"))
