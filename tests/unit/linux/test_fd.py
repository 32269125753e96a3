import os

import pytest

from baleen.linux import Fd


def test_it_closes_once_and_its_number_is_gone():
    fd = Fd(os.open(os.devnull, os.O_RDONLY))
    number = fd.fileno()
    fd.close()
    assert fd.closed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    other = os.open(os.devnull, os.O_RDONLY)
    fd.close()  # must not close what has the number now
    os.fstat(other)
    os.close(other)


def test_it_closes_at_the_end_of_with_also_when_already_closed():
    with Fd(os.open(os.devnull, os.O_RDONLY)) as fd:
        fd.close()
    assert fd.closed


def test_what_is_stolen_stays_open():
    with Fd(os.open(os.devnull, os.O_RDONLY)) as fd:
        number = fd.steal()
    os.close(number)
    with pytest.raises(ValueError, match="closed"):
        fd.fileno()


def test_it_serves_as_an_integer_and_can_be_duplicated():
    with Fd(os.open(os.devnull, os.O_RDWR)) as fd, fd.dup() as copy:
        assert os.write(fd, b"x") == 1
        assert copy.fileno() != fd.fileno()
        assert not os.get_inheritable(copy.fileno())


def test_a_negative_number_is_no_descriptor():
    with pytest.raises(ValueError, match="-1"):
        Fd(-1)
