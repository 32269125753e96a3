"""Checkpoints of running containers.

See: moby api/types/checkpoint; no version of the API's description has them.
"""

from __future__ import annotations

from baleen.api.wire import Wire, pascal

__all__ = ["Checkpoint", "CheckpointCreateBody"]


class CheckpointCreateBody(Wire, frozen=True, rename=pascal(checkpoint_id="CheckpointID")):
    """Body of /containers/{id}/checkpoints; `exit` ends the container by that."""

    checkpoint_id: str = ""
    checkpoint_dir: str = ""
    exit: bool = False


class Checkpoint(Wire, frozen=True):
    """One checkpoint of a list."""

    name: str = ""
