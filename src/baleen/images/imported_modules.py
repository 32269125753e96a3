"""Which modules Python code imports, found by reading it; nothing is imported.

Imports in functions count, since they run some day; those for type checkers and those of a module
that is run as a program do not.

See: Python reference, "The import system"; "The import statement".
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["closure", "imports_of"]


def imports_of(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield absolute names that `tree`, a module in `package`, imports.

    `from a import b` gives `a` and `a.b`, of which the latter may be no module.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_skipped(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def _is_skipped(test: ast.expr) -> bool:
    if isinstance(test, ast.Compare):
        return isinstance(test.left, ast.Name) and test.left.id == "__name__"
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) + 1 - node.level]
    return ".".join([*parts, node.module] if node.module else parts)


def closure(
    roots: Iterable[str], places: Sequence[Path], *, without: Collection[str] = ()
) -> dict[str, Path]:
    """Return all modules that `roots` lead to, with their files, of those in `places`.

    A file is `x.py` or an extension module `x.*.so`. Names that are not there (built into the
    interpreter, of another place, no modules at all) are left out, and so are those of `without`.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if not name or name in seen:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        waiting.append(parent)
        if name in without or name.partition(".")[0] in without:
            continue
        path = _file_of(name, places)
        if path is None:
            continue
        found[name] = path
        if path.suffix == ".py":
            package = name if path.name == "__init__.py" else parent
            waiting += imports_of(ast.parse(path.read_bytes()), package)
    return found


def _file_of(name: str, places: Sequence[Path]) -> Path | None:
    relative = Path(*name.split("."))
    for place in places:
        for path in (place / relative / "__init__.py", (place / relative).with_suffix(".py")):
            if path.is_file():
                return path
        extensions = sorted((place / relative.parent).glob(f"{relative.name}.*.so"))
        if extensions:
            return extensions[0]
    return None
