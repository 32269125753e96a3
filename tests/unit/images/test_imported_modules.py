"""Imports are found by reading."""

import ast

import pytest

from baleen.images.imported_modules import closure, imports_of


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c", {"a.b", "c"}),
        ("from a import b", {"a", "a.b"}),
        ("from . import x", {"p.q", "p.q.x"}),
        ("from ..r import x", {"p.r", "p.r.x"}),
        ("def f():\n import late", {"late"}),
        ("if TYPE_CHECKING:\n import no\nelse:\n import yes", {"yes"}),
        ("if typing.TYPE_CHECKING:\n import no", set()),
        ("if __name__ == '__main__':\n import no", set()),
    ],
)
def test_imports_of_a_module(source, names):
    assert set(imports_of(ast.parse(source), "p.q")) == names


def test_the_closure_follows_files_of_its_places_only(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("")
    (tmp_path / "pack/one.py").write_text("from . import two\nimport sys, fast, tools")
    (tmp_path / "pack/two.py").write_text("import pack.one, elsewhere")
    (tmp_path / "fast.cpython-311-x.so").write_bytes(b"")
    (tmp_path / "tools.py").write_text("")
    found = closure(["pack.one"], [tmp_path], without=["tools"])
    assert set(found) == {"pack", "pack.one", "pack.two", "fast"}
