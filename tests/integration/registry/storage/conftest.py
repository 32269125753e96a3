"""An S3 server for the tests of a module: other tests count on having no other children."""

from __future__ import annotations

import pytest
from s3_bed import s3_server


@pytest.fixture(scope="module")
def s3_url():
    with s3_server() as url:
        yield url
