"""The process table: the forms of ps, read from /proc."""

from __future__ import annotations

import os

import pytest

from baleen.engine.processes import process_table
from baleen.errors import InvalidArgument


def test_the_default_is_ps_ef():
    titles, rows = process_table([os.getpid()], "")
    assert titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    (row,) = rows
    assert row[1] == str(os.getpid())
    assert row[2] == str(os.getppid())
    assert "pytest" in row[7]


def test_columns_can_be_named_and_titled():
    titles, rows = process_table([os.getpid()], "-o pid=ID,ppid,comm")
    assert titles == ["ID", "PPID", "COMMAND"]
    assert rows[0][0] == str(os.getpid())
    assert process_table([os.getpid()], "-eo pid,args")[0] == ["PID", "COMMAND"]


def test_aux_shows_memory():
    titles, rows = process_table([os.getpid()], "aux")
    resident_kib = int(rows[0][titles.index("RSS")])
    assert 1000 < resident_kib < 10_000_000


def test_a_process_that_ended_is_left_out():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert process_table([child], "-ef")[1] == []


@pytest.mark.parametrize("arguments", ["-o nosuch", "--help", "-Z;rm", "-o"])
def test_unknown_arguments_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        process_table([os.getpid()], arguments)
