"""How the zygote starts; tests/integration/runtime/test_program.py looks at what it runs from."""

from baleen.daemon import zygote_process
from baleen.runtime import program, zygote, zygote_program


def test_the_interpreter_is_made_safe_first(monkeypatch):
    calls = []
    monkeypatch.setattr(zygote_program.os, "geteuid", lambda: 0)
    monkeypatch.setattr(zygote_program, "go_read_only", lambda: calls.append("read-only"))
    monkeypatch.setattr(zygote, "main", lambda: calls.append("zygote"))
    zygote_program.start()
    assert calls == ["read-only", "zygote"]
    assert program.go_read_only


def test_without_root_it_only_starts(monkeypatch):
    calls = []
    monkeypatch.setattr(zygote_program.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(zygote_program, "go_read_only", lambda: calls.append("read-only"))
    monkeypatch.setattr(zygote, "main", lambda: calls.append("zygote"))
    zygote_program.start()
    assert calls == ["zygote"]


def test_the_daemon_starts_it_this_way():
    assert zygote_program.__name__ == zygote_process._MODULE
