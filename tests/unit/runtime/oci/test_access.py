import os

import pytest

from baleen.errors import FailedPrecondition
from baleen.linux.record import replace
from baleen.runtime.oci.access import group_of, open_init
from baleen.runtime.oci.state import Record, started_at

RECORD = Record(id="c1", bundle="/b", rootfs="/b/r", created="now")


def test_only_the_very_process_is_opened():
    ours = replace(RECORD, pid=os.getpid(), start=started_at(os.getpid()))
    open_init(ours).close()
    for other in (replace(ours, start=ours.start + 1), replace(ours, pid=2**22 - 1), RECORD):
        with pytest.raises(FailedPrecondition, match="container not running"):
            open_init(other)


def test_a_container_that_was_never_finished_has_no_cgroup():
    assert group_of(RECORD) is None
