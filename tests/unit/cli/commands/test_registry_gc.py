"""`baleen registry gc`."""

from __future__ import annotations


def test_an_empty_registry(baleen, tmp_path):
    for flags, verb in [((), "Removed"), (("--dry-run",), "Would remove")]:
        outcome = baleen("registry", "gc", "--data", str(tmp_path), *flags)
        assert outcome.code == 0, outcome.err
        assert outcome.out.startswith(f"{verb} 0 blobs (0B), 0 unused references")


def test_a_directory_that_is_not_there(baleen, tmp_path):
    outcome = baleen("registry", "gc", "--data", str(tmp_path / "none"))
    assert outcome.code == 1
    assert "there is no registry's data" in outcome.err
