"""An S3 server for the tests of this directory."""

from __future__ import annotations

import pytest
from s3_bed import s3_server


@pytest.fixture(scope="session")
def s3_url():
    with s3_server() as url:
        yield url
