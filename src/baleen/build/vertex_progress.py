"""What a solver tells, as it comes: for clients that draw the graph themselves.

    {"vertex": {"digest", "name", "inputs", "line"}}              once for each, before all else
    {"vertex": {"digest", "started" | "completed" | "cached" | "cancelled" | "error", ...}}
    {"log": {"vertex", "stream", "data"}}    {"status": {"vertex", "text"}}

Times are nanoseconds since 1970. See: docs/build.md, "The messages of Baleen's own client".
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from baleen.build import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.build.graph import Edge
    from baleen.build.solver.why import Verdict

__all__ = ["VertexProgress", "verdict_view"]

Message = dict[str, object]


class VertexProgress:
    """An observer of a solver.

    Args:
        send: takes each message; does not block.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._decoders: dict[tuple[str, int], codecs.IncrementalDecoder] = {}

    def begin(self, targets: Iterable[Edge]) -> None:
        """Tell of all vertices."""
        told: set[str] = set()
        for target in targets:
            for vertex in target.vertex.walk():
                if vertex.digest in told:
                    continue
                told.add(vertex.digest)
                self._send(
                    {
                        "vertex": {
                            "digest": vertex.digest,
                            "name": vertex.name,
                            "inputs": [edge.vertex.digest for edge in vertex.inputs],
                            "line": vertex.place,
                            "kind": type(vertex.op).__name__,
                        }
                    }
                )

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        match event:
            case events.Log(stream=stream, data=data):
                decoder = self._decoders.setdefault(
                    (event.digest, stream), codecs.getincrementaldecoder("utf-8")("replace")
                )
                text = decoder.decode(data)
                self._send({"log": {"vertex": event.digest, "stream": stream, "data": text}})
            case events.Status(text=text):
                self._send({"status": {"vertex": event.digest, "text": text}})
            case events.Started():
                self._change(event, "started")
            case events.Completed(verdict=verdict, shared=shared):
                self._change(event, "completed", verdict, shared=shared)
            case events.Cached(verdict=verdict):
                self._change(event, "cached", verdict)
            case events.Failed(error=error):
                self._change(event, "failed", error=str(error))
            case events.Cancelled():
                self._change(event, "cancelled")

    def _change(
        self, event: events.Event, state: str, verdict: Verdict | None = None, **more: object
    ) -> None:
        view: Message = {"digest": event.digest, "state": state, "time": event.time_ns, **more}
        if verdict is not None:
            view["verdict"] = verdict_view(verdict)
        self._send({"vertex": view})


def verdict_view(verdict: Verdict) -> Message:
    """Return what the cache has said, for a client."""
    return {
        "hit": verdict.hit,
        "source": verdict.source,
        "reason": verdict.reason,
        "nearest": verdict.nearest,
        "changes": [
            {"kind": c.kind, "subject": c.subject, "before": c.before, "after": c.after}
            for c in verdict.changes
        ],
        "more": verdict.more,
    }
