import os
import re
import signal

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.oci.creation import ended_by_signals, now, preserved_descriptors


def test_signals_that_end_us_run_undo_steps_first():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_time_is_rfc_3339_with_nanoseconds():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", now())


def test_preserved_descriptors_have_to_be_open():
    assert preserved_descriptors(0) == ()
    with pytest.raises(InvalidArgument, match="is not a number of descriptors"):
        preserved_descriptors(-1)
    with pytest.raises(InvalidArgument, match=r"descriptor \d+ is not open"):
        preserved_descriptors(1 << 16)
