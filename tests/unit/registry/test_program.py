"""The command `registry` of the image."""

import os

import pytest

from baleen.errors import FailedPrecondition
from baleen.registry.program import check_data, main
from baleen.registry.settings import Settings, Storage


def test_usage_and_version(capsys):
    assert main([]) == 0
    assert "garbage-collect" in capsys.readouterr().out
    assert main(["registry", "--version"]) == 0
    assert "Baleen" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sh"], "unknown command 'sh'"),
        (["serve", "a", "b"], "want one configuration"),
        (["/nowhere/config.yml"], "/nowhere/config.yml"),
        (["garbage-collect", "-m", "x.yml"], "retention rule"),
    ],
)
def test_what_is_refused(words, text, capsys):
    assert main(words) == 1
    assert text in capsys.readouterr().err


def test_collection_where_no_registry_is(tmp_path, capsys):
    config = tmp_path / "config.yml"
    config.write_text(f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'data'}}}}}\n")
    assert main(["garbage-collect", "--dry-run", str(config)]) == 1
    assert "there is no registry's data" in capsys.readouterr().err


def test_data_of_another_user_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(FailedPrecondition, match=r"cannot write to .*chown -R .*--user 0:0"):
        check_data(Settings(storage=Storage(root=str(tmp_path / "deeper"))))
