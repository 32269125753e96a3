import json

import pytest

import baleen
from baleen.runtime.main import main
from baleen.runtime.spec import parse_spec


def test_spec_writes_a_document_that_we_accept_and_never_over_another(tmp_path, capsys):
    assert main(["spec", "--bundle", str(tmp_path)]) == 0
    parse_spec(json.loads((tmp_path / "config.json").read_text()))
    assert main(["spec", "--bundle", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_features_is_json(capsys):
    assert main(["features"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "rro" in document["mountOptions"]
    assert "user" not in document["linux"]["namespaces"]


def test_version_is_ours(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert baleen.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", ["create", "kill", "checkpoint"])
def test_what_is_not_there_yet_says_so(command, capsys):
    assert main([command, "x"]) == 1
    assert f"{command} is not available in this version" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a/b", "", "..", "x\n", "é"])
def test_a_bad_id_is_refused_before_anything_is_read(name, capsys):
    assert main(["run", "--bundle", "/nowhere", name]) == 1
    assert "invalid container id" in capsys.readouterr().err


def test_a_missing_or_malformed_config_is_told(tmp_path, capsys):
    assert main(["run", "--bundle", str(tmp_path), "x"]) == 1
    assert "cannot read" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert main(["run", "--bundle", str(tmp_path), "x"]) == 1
    assert "is not JSON" in capsys.readouterr().err
