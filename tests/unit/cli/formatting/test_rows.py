from __future__ import annotations

import pytest

from baleen.cli.formatting.rows import Row


def test_fields_are_computed_only_when_asked_for():
    calls = []
    row = Row({"A": lambda: calls.append(1) or "a", "B": "b"})
    assert row.get("B") == "b"
    assert calls == []
    assert row.as_json() == {"A": "a", "B": "b"}
    with pytest.raises(KeyError):
        row.get("C")
