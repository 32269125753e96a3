import json
import os
import time
from pathlib import Path

import pytest

from baleen.errors import AlreadyExists, DataLoss, InvalidArgument, NotFound
from baleen.linux.record import replace
from baleen.runtime.oci.state import Record, Store, check_id, started_at, write_whole

RECORD = Record(id="c1", bundle="/b", rootfs="/b/r", created="now", annotations={"a": "b"})


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "run/x"))


def test_a_claimed_name_is_taken_until_it_is_removed(store):
    entry = store.claim(RECORD, b"{}", b"\6")
    assert entry.read() == RECORD
    assert (entry.config(), entry.filter()) == (b"{}", b"\6")
    assert os.stat(store.root).st_mode & 0o777 == 0o700
    with pytest.raises(AlreadyExists, match="container with given ID already exists"):
        store.claim(RECORD, b"", None)
    assert [entry.id for entry in store.entries()] == ["c1"]
    entry.remove()
    entry.remove()
    assert os.listdir(store.root) == []
    assert store.claim(RECORD, b"{}", None).filter() is None


def test_what_a_killed_claim_left_is_no_container_and_is_in_nobodys_way(store):
    os.makedirs(f"{store.root}/~{os.getpid()}")
    write_whole(f"{store.root}/~{os.getpid()}/config.json", b"old")
    assert store.entries() == []
    entry = store.claim(RECORD, b"new", None)
    assert entry.config() == b"new"
    assert os.listdir(store.root) == ["c1"]
    os.makedirs(f"{store.root}/~{2**22 + 1}")
    os.makedirs(f"{store.root}/~{os.getppid()}")
    entry.remove()
    assert os.listdir(store.root) == [f"~{os.getppid()}"]


def test_an_unknown_or_unreadable_container_is_told(store):
    with pytest.raises(NotFound, match="container does not exist"):
        store.open("c1").read()
    with pytest.raises(NotFound, match="container does not exist"), store.open("c1").locked():
        pass
    entry = store.claim(RECORD, b"{}", None)
    write_whole(entry.path("state.json"), b"{")
    with pytest.raises(DataLoss, match="is not JSON"):
        entry.read()


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f"
    write_whole(str(path), b"1")
    write_whole(str(path), b"22")
    assert path.read_bytes() == b"22"
    (tmp_path / "d").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(str(tmp_path / "d"), b"3")
    assert sorted(os.listdir(tmp_path)) == ["d", "f"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x\n", "é", "~1", "a b", "x" * 256])
def test_bad_names_are_refused(name):
    with pytest.raises(InvalidArgument, match="invalid container ID format"):
        check_id(name)


def test_good_names_are_not():
    assert check_id("A.b_c+d-9") == "A.b_c+d-9"


def test_a_process_counts_only_with_its_start_time(store):
    entry = store.claim(RECORD, b"{}", None)
    ours, start = os.getpid(), started_at(os.getpid())
    assert start > 0
    running = replace(RECORD, pid=ours, start=start)
    assert entry.status(running, None) == "running"
    assert entry.status(replace(running, start=start - 1), None) == "stopped"
    assert entry.status(RECORD, None) == "stopped"
    assert started_at(2**22 + 1) == 0


def test_a_dead_creator_leaves_a_stopped_container(store):
    entry = store.claim(RECORD, b"{}", None)
    ours, start = os.getpid(), started_at(os.getpid())
    creating = replace(RECORD, pid=ours, start=start, creator=ours, creator_start=start)
    assert entry.status(creating, None) == "creating"
    assert entry.status(replace(creating, creator_start=1), None) == "stopped"


def test_a_zombie_is_dead():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert started_at(pid) == 0
    os.waitpid(pid, 0)


def test_frozen_is_paused(store):
    class Frozen:
        def is_frozen(self):
            return True

    entry = store.claim(RECORD, b"{}", None)
    running = replace(RECORD, pid=os.getpid(), start=started_at(os.getpid()))
    assert entry.status(running, Frozen()) == "paused"


def waits_for_a_lock(pid):
    """Whether the process is among those that wait (proc(5), /proc/locks)."""
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(row[1] == "->" and row[5] == str(pid) for row in rows)


def test_the_lock_is_of_the_container_that_has_the_name_now(store):
    entry = store.claim(RECORD, b'"first"', None)
    go_reader, go_writer = os.pipe()
    # Forked before the lock is there: a copy of its descriptor would hold it too.
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.read(go_reader, 1)
            with store.open("c1").locked():
                if json.loads(store.open("c1").config()) == "second":
                    code = 7
        finally:
            os._exit(code)
    with entry.locked():
        os.write(go_writer, b"1")
        end = time.monotonic() + 20
        while not waits_for_a_lock(pid):
            assert time.monotonic() < end
            os.sched_yield()
        entry.remove()
        store.claim(RECORD, b'"second"', None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    for fd in (go_reader, go_writer):
        os.close(fd)
