"""What may be imported from."""

import pytest

from baleen.errors import InvalidArgument, Unavailable
from baleen.images.remote import fetched


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://", "http://[x", ""])
def test_other_schemes_are_refused_at_the_call(url):
    with pytest.raises(InvalidArgument, match="URL"):
        fetched(url)


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(Unavailable, match=r"cannot download from 127\.0\.0\.1"):
        list(fetched("127.0.0.1:1/x"))
