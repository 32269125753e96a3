from __future__ import annotations

import pytest

from baleen.distribution.answers import Unreachable
from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.retrying import Backoff
from baleen.distribution.settings import RegistrySettings
from baleen.errors import NotFound, Unavailable


class Waits(Cancellation):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, seconds):
        self.seconds.append(seconds)
        super().wait(0)


def test_each_wait_is_twice_the_one_before_and_the_last_failure_is_raised():
    cancel, told = Waits(), []
    backoff = Backoff(RegistrySettings(retry_delay_s=0.5, max_download_attempts=5))
    for _ in range(4):
        backoff.failed(Unreachable("cut"), cancel, told.append)
    with pytest.raises(Unreachable, match="cut"):
        backoff.failed(Unreachable("cut"), cancel)
    assert cancel.seconds == told == [0.5, 1, 2, 4]


def test_a_gain_begins_anew():
    cancel = Waits()
    backoff = Backoff(RegistrySettings(retry_delay_s=1, max_download_attempts=2))
    for _ in range(5):
        backoff.failed(Unreachable("cut"), cancel)
        backoff.gained()
    assert cancel.seconds == [1] * 5


def test_retry_after_is_honoured_unless_it_is_too_long():
    cancel = Waits()
    busy = Unavailable("busy", details={"status": "429", "retry-after": "7"})
    Backoff(RegistrySettings()).failed(busy, cancel)
    assert cancel.seconds == [7]
    long = Unavailable("busy", details={"status": "429", "retry-after": "21600"})
    with pytest.raises(Unavailable):
        Backoff(RegistrySettings()).failed(long, cancel)


@pytest.mark.parametrize(
    "err",
    [NotFound("x", details={"status": "404"}), Unreachable("tls", untrusted=True), Cancelled()],
)
def test_what_is_final_is_raised_at_once(err):
    cancel = Waits()
    with pytest.raises(type(err)):
        Backoff(RegistrySettings()).failed(err, cancel)
    assert cancel.seconds == []
