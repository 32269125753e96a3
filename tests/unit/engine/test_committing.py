"""What of a container's configuration an image takes."""

from baleen.api import ContainerConfig
from baleen.engine.committing import _changed, execution_config


def test_empty_fields_are_left_out():
    execution = execution_config(ContainerConfig(env=["A=1"], working_dir="/w"))
    assert (execution.env, execution.working_dir) == (["A=1"], "/w")
    assert (execution.user, execution.labels, execution.cmd) == (None, None, None)


def test_a_new_entrypoint_drops_the_command_of_the_old():
    config = ContainerConfig(cmd=["old"])
    assert _changed(config, ['ENTRYPOINT ["e"]']).cmd is None
    assert _changed(config, ["USER u"]).cmd == ["old"]
