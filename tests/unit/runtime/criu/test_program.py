import json

from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.criu import program
from baleen.runtime.default_spec import default_spec


def test_it_wants_all_its_arguments(capsys):
    assert program.main(["a"]) == 2
    assert capsys.readouterr().out == ""


def test_what_goes_wrong_is_said_as_json(tmp_path, monkeypatch, capsys):
    config = tmp_path / "config.json"
    arguments = [str(config), "1", "0", "0", "1"]
    assert program.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "FileNotFoundError"
    config.write_text(json.dumps(default_spec()))

    def none() -> str:
        raise Unsupported("no criu")

    monkeypatch.setattr(program, "find_criu", none)
    assert program.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {"kind": "NotImplemented", "message": "no criu"}
