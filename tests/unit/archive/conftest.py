"""Archives made by the standard library: an oracle that shares no code with ours."""

import pytest
from tests.stdlib_tars import tar_of


@pytest.fixture
def make_tar():
    return tar_of
