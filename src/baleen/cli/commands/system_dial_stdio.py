"""`baleen system dial-stdio`: standard input and output as a connection to the engine.

The remote end of `ssh://` endpoints. Each direction is closed by itself.
"""

from __future__ import annotations

import os

from baleen.cli.command import Command
from baleen.cli.streaming import Pump
from baleen.client.client import HijackedStream
from baleen.client.selection import select_endpoint
from baleen.client.transport import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, _arguments: list[str]) -> int:
    stream = connect(select_endpoint(session.host_flags, os.environ))
    try:
        Pump(HijackedStream(stream, b"", ""), raw=True, stdin=0).run()
    finally:
        stream.close()
    return 0


COMMAND = Command(_run, "", maximum=0)
