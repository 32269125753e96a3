"""Commands that are known but not there yet (`build`).

For `build` the engine is asked first: its own message says more than ours.
"""

from __future__ import annotations

import contextlib

from baleen import errors
from baleen.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, _arguments: list[str]) -> int:
    verb = session.command_name.rpartition(" ")[2]
    if verb == "build":
        # Without a context no engine builds anything: it answers 501, or that the context is bad.
        with contextlib.suppress(errors.InvalidArgument, errors.Internal):
            session.client.request("POST", "/build").close()
    raise errors.NotImplemented(f"baleen {verb} is not implemented yet")


COMMAND = Command(_run, "[OPTIONS] [ARG...]", raw=True)
