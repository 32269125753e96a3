from __future__ import annotations

import json

from baleen import api


def test_a_running_exec_has_a_null_exit_code_and_lower_case_process_fields():
    exec_ = api.ExecInspect(
        id="e",
        container_id="c",
        process_config=api.ProcessConfig(entrypoint="sh", privileged=False),
    )
    shown = json.loads(api.encode(exec_))
    assert (shown["ID"], shown["ContainerID"], shown["ExitCode"]) == ("e", "c", None)
    assert shown["ProcessConfig"] == {
        "tty": False, "entrypoint": "sh", "arguments": [], "privileged": False,
    }  # fmt: skip


def test_an_exec_body_is_read_with_nulls():
    read = api.decode(
        api.ExecCreateBody,
        b'{"User":"","Env":null,"Cmd":["ls"],"AttachStdout":true,"ConsoleSize":null,"Detach":false}',
    )
    assert (read.cmd, read.env, read.console_size, read.attach_stdout) == (["ls"], [], [], True)
