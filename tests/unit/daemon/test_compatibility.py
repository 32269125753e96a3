"""Every operation of the newest API is in the table, and the pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from baleen.daemon.application import OPERATIONS

ROOT = Path(__file__).resolve().parents[3]

# Endpoints that dockerd has and the specification lists under another name or not at all.
_UNLISTED = {"Grpc"}


def specified():
    lines = (Path(__file__).parent / "operations-v1.55.txt").read_text(encoding="utf-8")
    return {tuple(line.split()) for line in lines.splitlines() if not line.startswith("#")}


def load_generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools/generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_operation_of_the_specification_is_in_the_table():
    ours = {(op.method, op.pattern.replace("{name}", "{id}")) for op in OPERATIONS}
    theirs = {
        (method, path.replace("{name}", "{id}").replace("{name:.*}", "{id}"))
        for _, method, path in specified()
    }
    assert theirs - ours == set()


@pytest.mark.parametrize("page", ["compatibility.md", "baleend.md", "explain-json.md"])
def test_the_generated_page_is_up_to_date(page):
    generator = load_generator()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == generator.PAGES[page]()
