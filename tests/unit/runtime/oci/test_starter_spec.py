import json

from baleen.runtime.main import main
from baleen.runtime.spec import parse_spec


def test_it_is_a_document_that_we_accept_and_never_goes_over_another(tmp_path, capfd):
    assert main(["spec", "--bundle", str(tmp_path)]) == 0
    parse_spec(json.loads((tmp_path / "config.json").read_text()))
    assert main(["spec", "--bundle", str(tmp_path)]) == 1
    assert "exists already" in capfd.readouterr().err


def test_what_cannot_be_written_or_made_is_told(tmp_path, capfd):
    assert main(["spec", "-b", str(tmp_path / "none")]) == 1
    assert "cannot write" in capfd.readouterr().err
    assert main(["spec", "-b", str(tmp_path), "--rootless"]) == 1
    assert "rootless containers are not available" in capfd.readouterr().err
    assert not (tmp_path / "config.json").exists()
