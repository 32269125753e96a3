"""Pages that a fork shares are ours alone again when we say so."""

from __future__ import annotations

import mmap
import os

import pytest

from baleen.linux import own_pages
from baleen.linux.own_pages import own_ranges, populate

PAGES = 40


@pytest.fixture
def written():
    """Some pages that were written to."""
    with mmap.mmap(-1, PAGES * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for page in range(PAGES):
            memory[page * mmap.PAGESIZE] = 0xA5
        yield memory


def pages_of(ranges) -> int:
    return sum(length for _, length in ranges) // mmap.PAGESIZE


def test_they_are_found_and_shared_after_a_fork(written):
    before = pages_of(own_ranges())
    assert before >= PAGES
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go[0], 1)
        os._exit(0)
    try:
        shared = pages_of(own_ranges())
        assert shared <= before - PAGES
    finally:
        os.write(go[1], b"x")
        os.waitpid(pid, 0)
        for fd in (*ready, *go):
            os.close(fd)


def test_populated_ones_are_ours_though_the_child_lives(written):
    own = own_ranges()
    go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go[0], 1)
        os._exit(0 if written[0] == 0xA5 else 1)
    try:
        populate(own)
        again = own_ranges()
        # All but some that the interpreter has given back since.
        assert pages_of(again) > pages_of(own) * 0.9
        written[0] = 1
    finally:
        os.write(go[1], b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        for fd in go:
            os.close(fd)


def test_what_is_not_mapped_any_more_is_left_out():
    populate([(mmap.PAGESIZE, mmap.PAGESIZE)])


def test_a_kernel_that_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(own_pages, "_PAGEMAP", str(tmp_path / "pagemap"))
    assert own_ranges() == []
