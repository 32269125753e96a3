import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.oci.processes import rows_of

TABLE = """\
UID        PID  PPID CMD
root         1     0 init 12
root        12     1 sleep 1
root       112     1 sleep 2
"""


def test_only_the_containers_rows_are_left():
    assert rows_of(TABLE, {12}) == "UID        PID  PPID CMD\nroot        12     1 sleep 1\n"
    assert rows_of(TABLE, set()).count("\n") == 1


def test_a_table_without_numbers_is_refused():
    with pytest.raises(InvalidArgument, match="couldn't find PID field"):
        rows_of("CMD\ninit\n", {1})
