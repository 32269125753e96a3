"""What a step may have only when it was granted."""

from __future__ import annotations

import pytest

from baleen.build.entitlements import ENTITLEMENTS, INSECURE, NETWORK_HOST, check_entitled
from baleen.build.graph import Exec, ExecMount
from baleen.errors import PermissionDenied


def step(**asked):
    return Exec(args=("x",), mounts=(ExecMount(kind="bind", target="/"),), **asked)


@pytest.mark.parametrize(
    ("op", "needed"),
    [(step(network="host"), NETWORK_HOST), (step(security="insecure"), INSECURE)],
)
def test_what_is_asked_for_must_be_granted(op, needed):
    check_entitled(op, {needed})
    for granted in ((), set(ENTITLEMENTS) - {needed}):
        with pytest.raises(PermissionDenied, match=f"^{needed} is not allowed: .*--allow {needed}"):
            check_entitled(op, granted)


@pytest.mark.parametrize("network", ["", "none"])
def test_the_sandbox_needs_nothing(network):
    check_entitled(step(network=network), ())
