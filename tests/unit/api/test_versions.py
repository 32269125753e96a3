from __future__ import annotations

import pytest

from baleen.api.versions import negotiate, parse_version
from baleen.errors import InvalidArgument


def test_versions_are_numbers_and_not_text():
    assert parse_version("1.9") < parse_version("1.24") < parse_version("1.100")
    assert negotiate("1.24") == (1, 24)
    assert negotiate("1.55") == (1, 55)


def test_versions_out_of_range_are_refused_with_dockers_text():
    with pytest.raises(
        InvalidArgument,
        match=r"^client version 1\.99 is too new\. Maximum supported API version is 1\.55$",
    ):
        negotiate("1.99")
    with pytest.raises(InvalidArgument, match=r"^client version 1\.12 is too old\. Minimum"):
        negotiate("1.12")


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "1.2.3", "1.\u0662", "a.b", "1.4 3", "99999.1"]
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(InvalidArgument):
        negotiate(text)
