import json

import pytest

from baleen.runtime.exit_record import ExitRecord, forget_exit, write_exit

RECORD = ExitRecord(3, oom_killed=True, finished_at="2024-01-01T00:00:00Z", pid=7)


@pytest.mark.parametrize("sync", [True, False])
def test_the_record_is_written_whole_and_alone(tmp_path, sync):
    write_exit(str(tmp_path), RECORD, sync=sync)
    write_exit(str(tmp_path), RECORD, sync=sync)
    assert [p.name for p in tmp_path.iterdir()] == ["exit.json"]
    assert json.loads((tmp_path / "exit.json").read_text()) == {
        "exit_code": 3,
        "oom_killed": True,
        "finished_at": "2024-01-01T00:00:00Z",
        "pid": 7,
        "error": "",
    }


def test_a_removed_container_gets_no_record(tmp_path):
    write_exit(str(tmp_path / "gone"), RECORD, sync=True)
    assert not (tmp_path / "gone").exists()


def test_forgetting_is_idempotent(tmp_path):
    write_exit(str(tmp_path), RECORD, sync=False)
    forget_exit(str(tmp_path))
    forget_exit(str(tmp_path))
    assert not list(tmp_path.iterdir())
