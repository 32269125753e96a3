"""Y05: no regular expression of the tree takes long, whatever it is given."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time

import baleen

LENGTH = 20_000
LIMIT_S = 0.05
PIECES = (
    "a", "a-", "a.", "a_", "a/", "/", "0", "1:", " ", "\t", "a=b,", "::", "..", "-", "_", "%", "\\",
    "{{", "}}", '"', "'", "[", "(", "a:b/", "x@", "1.2.", "\n", "\r\n", "é", "aA1", "a__", "0x",
    "+", "*", "?", "$", "${a", "T0", "5h", "--a ",
)  # fmt: skip


def patterns():
    for info in pkgutil.walk_packages(baleen.__path__, "baleen."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            found = value if isinstance(value, tuple | list) else [value]
            for item in found:
                if isinstance(item, re.Pattern):
                    yield f"{info.name}.{name}", item


def test_each_answers_at_once():
    seen: dict[int, str] = {}
    slow = []
    for name, pattern in patterns():
        if id(pattern) in seen:
            continue
        seen[id(pattern)] = name
        is_text = isinstance(pattern.pattern, str)
        for piece in PIECES:
            for tail in ("", "!", "\0"):
                text = piece * (LENGTH // len(piece)) + tail
                given = text if is_text else text.encode()
                for method in (pattern.fullmatch, pattern.match):
                    started = time.perf_counter()
                    method(given)
                    taken = time.perf_counter() - started
                    if taken > LIMIT_S:
                        slow.append(f"{name}: {piece!r}… {taken:.3f} s")
    assert len(seen) > 30
    assert slow == []
