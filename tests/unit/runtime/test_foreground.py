import os
import signal

from baleen.runtime import foreground


def test_signals_come_through_the_descriptor_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGUSR1)
    with foreground.caught_signals() as fd:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert os.read(fd, 10) == bytes([signal.SIGUSR1])
    assert signal.getsignal(signal.SIGUSR1) == before


def test_copying_ends_with_the_source():
    reader, writer = os.pipe()
    target_reader, target_writer = os.pipe()
    os.write(writer, b"data")
    assert foreground._copy(reader, target_writer)
    assert os.read(target_reader, 10) == b"data"
    os.close(writer)
    assert not foreground._copy(reader, target_writer)
    for fd in (reader, target_reader, target_writer):
        os.close(fd)
