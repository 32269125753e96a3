"""The holder's socket; its namespaces are tested with the engine, in tests/integration/rootless."""

from __future__ import annotations

import os
import stat

from baleen.rootless.inside import listen_at


def test_only_the_user_may_ask_for_ports(tmp_path):
    umask = os.umask(0)
    try:
        listen_at(tmp_path / "s").close()
        # What a holder that was killed has left is replaced.
        with listen_at(tmp_path / "s"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    finally:
        os.umask(umask)
