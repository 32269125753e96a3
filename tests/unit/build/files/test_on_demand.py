"""A directory that is opened when it is looked at, and closed with its last user."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from baleen.build.files.on_demand import OnDemandTree
from baleen.linux.fd import Fd


@pytest.fixture
def place(tmp_path):
    for number in range(30):
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}/f").write_text(str(number))
    return tmp_path


def opener(place, opened):
    def open_it():
        opened.append(1)
        return Fd(os.open(place, os.O_PATH | os.O_DIRECTORY))

    return open_it


def test_it_is_opened_at_the_first_look_and_closed_after_the_last_use(place):
    opened = []
    tree = OnDemandTree(opener(place, opened))
    before = len(os.listdir("/proc/self/fd"))
    with tree.in_use():
        assert opened == []
        with tree.in_use():
            node = tree.find(b"d3/f")
        assert b"".join(tree.chunks(node)) == b"3"
        assert opened == [1]
    assert len(os.listdir("/proc/self/fd")) == before
    # What was known is known; what is read is opened again.
    with tree.in_use():
        assert b"".join(tree.chunks(node)) == b"3"
    assert opened == [1, 1]


def test_many_threads_read_at_once(place):
    tree = OnDemandTree(opener(place, []))
    with tree.in_use(), ThreadPoolExecutor(8) as pool:
        texts = pool.map(
            lambda n: b"".join(tree.chunks(tree.find(b"d%d/f" % (n % 30)))), range(300)
        )
        assert list(texts) == [b"%d" % (n % 30) for n in range(300)]
