import os

import pytest

from baleen.linux import splice as s


@pytest.fixture
def pipes():
    ends = [*os.pipe(), *os.pipe()]
    yield ends
    for fd in ends:
        os.close(fd)


def test_tee_copies_and_splice_moves(pipes):
    first_reader, first_writer, second_reader, second_writer = pipes
    os.write(first_writer, b"hello")
    assert s.tee(first_reader, second_writer, 100) == 5
    assert os.read(second_reader, 100) == b"hello"
    assert s.splice(first_reader, second_writer, 100) == 5
    assert os.read(second_reader, 100) == b"hello"


def test_nothing_to_move_is_told_without_blocking(pipes):
    first_reader, _, _, second_writer = pipes
    with pytest.raises(BlockingIOError):
        s.tee(first_reader, second_writer, 10, s.SPLICE_F_NONBLOCK)
    with pytest.raises(BlockingIOError):
        s.splice(first_reader, second_writer, 10, s.SPLICE_F_NONBLOCK)
