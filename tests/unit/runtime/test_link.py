import contextlib
import os
import socket

import pytest

from baleen.runtime import link as link_module
from baleen.runtime.failure import LaunchError


@pytest.fixture
def link():
    with contextlib.ExitStack() as undo:
        yield link_module.channel(undo)


def test_messages_that_overtake_the_pid_are_kept_in_order(link):
    ours, theirs = link
    reader, writer = os.pipe()
    socket.send_fds(theirs, [b"R"], [reader])
    for message in (b"N", b"P77", b"{}"):
        theirs.send(message)
    os.close(reader)
    os.close(writer)
    assert ours.receive_pid() == 77
    data, fd = ours.receive()
    assert data == b"R"
    fd.close()
    assert ours.receive() == (b"N", None)
    assert ours.receive() == (b"{}", None)
    theirs.close()
    assert ours.receive() == (b"", None)


def test_last_words_come_before_what_was_left_unread(link):
    ours, theirs = link
    ours.send(b"I")
    theirs.send(b"{}")
    theirs.close()
    assert ours.receive() == (b"{}", None)
    assert ours.receive() == (b"", None)
    ours.send(b"nobody reads this")


def test_descriptors_that_nobody_took_are_closed(link):
    ours, theirs = link
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(theirs, [b"R"], [theirs.fileno()])
    theirs.send(b"P1")
    ours.receive_pid()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    ours.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_helper_that_died_without_a_word_is_an_error(link):
    ours, theirs = link
    theirs.close()
    with pytest.raises(LaunchError, match="died"):
        ours.receive_pid()
