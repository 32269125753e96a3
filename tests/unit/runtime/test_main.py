import pytest

import baleen
from baleen.runtime.main import main


def _fails(capfd, *words):
    code = main([*words])
    return code, capfd.readouterr().err


def test_version_is_ours(capfd):
    assert main(["--version"]) == 0
    assert f"baleen-runtime version {baleen.__version__}\n" in capfd.readouterr().out


def test_help_is_there_for_all_and_for_each(capfd):
    assert main(["--help"]) == 0
    assert "exec" in capfd.readouterr().out
    assert main(["exec", "-h"]) == 0
    assert "--console-socket" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "a command is needed"),
        (("bogus",), "No help topic for 'bogus'"),
        (("--bogus", "list"), "flag provided but not defined: -bogus"),
        (("kill",), '\\"kill\\" requires a minimum of 1 argument(s)'),
        (("state", "a", "b"), '\\"state\\" takes a maximum of 1 argument(s)'),
        (("list", "a"), '\\"list\\" takes no argument(s)'),
        (("--rootless", "true", "list"), "--rootless=true is not supported"),
        (("--log-format", "xml", "list"), "invalid log-format"),
        (("state", "none"), "container does not exist"),
        (("start", "none"), "container does not exist"),
        (("kill", "none", "BOGUS"), "unknown signal"),
        (("delete", "none"), "container does not exist"),
        (("ps", "none"), "container does not exist"),
        (("events", "--interval", "x", "none"), "a duration is needed"),
        (("list", "-f", "xml"), "invalid format option"),
        (("run", "--no-pivot=maybe", "x"), "baleen-runtime run failed: "),
    ],
)
def test_a_failure_is_told_and_its_code_is_1(words, message, capfd, tmp_path):
    code, text = _fails(capfd, "--root", str(tmp_path / "r"), *words)
    assert code == 1
    assert message in text
    assert "level=error" in text
    assert not (tmp_path / "r").exists()


def test_a_failed_exec_is_255(capfd, tmp_path):
    code, text = _fails(capfd, "--root", str(tmp_path), "exec", "none", "true")
    assert code == 255
    assert "exec failed: container does not exist" in text


def test_deleting_nothing_by_force_is_no_failure(tmp_path):
    assert main(["--root", str(tmp_path), "delete", "--force", "none"]) == 0


@pytest.mark.parametrize("name", ["a/b", "", "..", "x\n", "é"])
def test_a_bad_id_is_refused_before_anything_is_read(name, capfd):
    code, text = _fails(capfd, "create", "--bundle", "/nowhere", name)
    assert code == 1
    assert "invalid container ID format" in text


def test_a_missing_or_malformed_config_is_told(tmp_path, capfd):
    code, text = _fails(capfd, "create", "--bundle", str(tmp_path), "x")
    assert (code, "cannot read" in text) == (1, True)
    (tmp_path / "config.json").write_text("[" * 100_000)
    code, text = _fails(capfd, "run", "--bundle", str(tmp_path), "x")
    assert (code, "is not JSON" in text) == (1, True)


def test_no_containers_are_an_empty_table_or_null(tmp_path, capfd):
    assert main(["--root", str(tmp_path / "none"), "list"]) == 0
    assert capfd.readouterr().out.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert main(["--root", str(tmp_path / "none"), "list", "-f", "json"]) == 0
    assert capfd.readouterr().out == "null\n"
