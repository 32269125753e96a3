"""Running containers of another data root, which this engine must not touch.

Daemons with and without remapped ids have different data roots and one exec root, bridge and
firewall table. Who starts the second kind while containers of the first run would take their
addresses, ports and bundles away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.engine.supervisor_link import supervisor_listens
from baleen.errors import Conflict

if TYPE_CHECKING:
    from baleen.engine.config import EngineConfig

__all__ = ["refuse_foreign_runs"]


def refuse_foreign_runs(config: EngineConfig) -> None:
    """Make sure that every supervisor below the exec root serves a container of our data root.

    Raises:
        Conflict: one does not.
    """
    ours = config.data_root / "containers"
    for request in (config.exec_root / "containers").glob("*/start.json"):
        try:
            state_dir = Path(str(json.loads(request.read_bytes())["state_dir"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written: nothing was started from it
        if state_dir.parent != ours and supervisor_listens(request.with_name("control.sock")):
            raise Conflict(
                f"container {request.parent.name[:12]} of the data root "
                f"{str(state_dir.parents[1])!r} is running",
                hint="end it with a daemon that has the --userns-remap it was made with, or give "
                "this one an --exec-root, --bridge and --nft-table of its own",
            )
