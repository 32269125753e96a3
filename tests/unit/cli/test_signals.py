from __future__ import annotations

import os
import select
import signal

import pytest

from baleen.cli.signals import FORWARDED, SignalWatch, signal_name


def readable(watch):
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    return bool(poller.poll(2000))


def test_signals_become_events_and_handlers_come_back():
    before = {n: signal.getsignal(n) for n in FORWARDED}
    with SignalWatch(FORWARDED) as watch:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert readable(watch)
        assert sorted(watch.take()) == [signal.SIGUSR1, signal.SIGTERM]
        assert watch.take() == []
    assert {n: signal.getsignal(n) for n in FORWARDED} == before


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalWatch([signal.SIGHUP]):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def interrupt_three_times():
    with SignalWatch([signal.SIGINT]):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_impatient_user_gets_out():
    with pytest.raises(KeyboardInterrupt):
        interrupt_three_times()


def test_names_are_the_apis():
    assert [signal_name(n) for n in (2, 15, 10)] == ["INT", "TERM", "USR1"]
