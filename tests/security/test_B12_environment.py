"""B12: what the daemon has in its environment is in no step, log, layer or file."""

from __future__ import annotations

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration

MARK = "p455w0rd"


def test_the_daemons_environment_stays_its_own(build_bed, monkeypatch):  # noqa: F811
    for name in ("HTTP_PROXY", "https_proxy", "AWS_SECRET_ACCESS_KEY", "REGISTRY_AUTH"):
        monkeypatch.setenv(name, f"http://user:{MARK}@192.0.2.1:3128")
    found = build_bed.run(
        """
        async def main(engine, world):
            session = world.session(auth={"r": {"username": "u", "password": "p455w0rd"}})
            (tree,) = await world.step("env > /env; cat /env", session=session)
            error = await world.fails("env; false", session=session)
            return [world.last.out.decode(), error, world.names(tree)]
    """,
        fresh=True,
    )
    assert MARK not in str(found)
    assert MARK not in build_bed.errors
    assert build_bed.holding(MARK.encode()) == []
