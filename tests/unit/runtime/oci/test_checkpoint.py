import pytest

from baleen.runtime.main import main


@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_it_says_that_it_is_not_there(command, capfd):
    assert main([command, "--image-path", "/x", "c1"]) == 1
    assert f"{command} is not available in this version" in capfd.readouterr().err
