"""What a solver tells, as the stream of dockerd's classic builder: steps in the Dockerfile's order.

Steps run when they can; they are told in order. One step at a time is *current*: its output is
passed on as it comes. The output of later ones waits, up to a bound, until it is their turn. When
one fails, it is told next, and nothing after it.

    Step 2/3 : RUN make
     ---> Running in 2f5e4b0f3c1a
    ...
     ---> Removed intermediate container 2f5e4b0f3c1a
     ---> 8c811b4aec35

See: moby `daemon/builder/dockerfile/{builder,dispatchers,internals}.go`.
"""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build import events
from baleen.build.graph import Exec, ImageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.build.graph import Vertex
    from baleen.build.plan import Step
    from baleen.build.trees import Tree

__all__ = ["ClassicProgress", "Message"]

Message = dict[str, object]

_SHOWN_ID = 12
_WAITING_BYTES = 2 << 20  # BuildKit keeps as much of one step's output
_CLIPPED = "\n[output clipped, log limit 2MiB reached]\n"


@dataclass(slots=True)
class _State:
    """What is known of one vertex."""

    started: bool = False
    cached: bool = False
    done: bool = False
    error: BaseException | None = None
    outputs: tuple[Tree, ...] = ()
    waiting: list[str] = field(default_factory=list)
    size: int = 0
    out: codecs.IncrementalDecoder = field(default_factory=lambda: _decoder())
    err: codecs.IncrementalDecoder = field(default_factory=lambda: _decoder())


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


class ClassicProgress:
    """An observer of a solver. All calls on the event loop.

    Args:
        send: takes each message; does not block.
        build_id: makes the shown ids of containers unlike those of other builds.
        remove: say that containers were removed.
    """

    def __init__(
        self, send: Callable[[Message], None], *, build_id: str, remove: bool = True
    ) -> None:
        self._send = send
        self._build_id = build_id
        self._remove = remove
        self._states: dict[str, _State] = {}
        self._steps: tuple[Step, ...] = ()
        self._place = 0  # of the current step
        self._announced = False  # the current step's first line is out
        self._running = False  # its container is named
        self._told: set[str] = set()  # vertices whose output is out
        self._chain = ""  # what the shown ids of the current stage are made of
        self._all_cached = True  # of the current stage so far

    def begin(self, steps: Sequence[Step]) -> None:
        """Tell these steps from now on."""
        self._steps = tuple(steps)
        self._advance()

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        state = self._states.setdefault(event.digest, _State())
        match event:
            case events.Started():
                state.started = True
            case events.Status(text=text):
                self._text(event.digest, state, text.rstrip("\n") + "\n")
            case events.Log(stream=stream, data=data):
                decoder = state.err if stream == 2 else state.out
                self._text(event.digest, state, decoder.decode(data), is_error=stream == 2)
            case events.Cached():
                state.cached = state.done = True
                state.outputs = event.outputs
            case events.Completed():
                state.done = True
                state.outputs = event.outputs
            case events.Failed(error=error):
                state.error = error
            case events.Cancelled():
                pass
        self._advance()

    def finish(self, image_id: str) -> None:
        """Tell the end of the last step, whose image has its id now; "" where there is none."""
        self._advance()
        if self._place < len(self._steps):  # the last one waited for this
            step = self._steps[self._place]
            self._end_step(step, image_id.removeprefix("sha256:") or self._shown_id(step))
            self._place += 1

    def fail(self) -> None:
        """Tell of the step that has failed what was not told yet."""
        failed = next((d for d, state in self._states.items() if state.error is not None), None)
        for step in self._steps[self._place :]:
            if step.vertex is not None and step.vertex.digest == failed:
                is_current = self._announced and step is self._steps[self._place]
                if not is_current:
                    self._announce(step)
                if not (is_current and self._running):
                    self._name_container(step.vertex)
                self._flush(self._states[failed])
                return

    # --- the order of steps

    def _advance(self) -> None:
        while self._place < len(self._steps):
            step = self._steps[self._place]
            if not self._announced:
                self._announce(step)
            if step.vertex is not None and not self._follow(step.vertex):
                return
            if self._place == len(self._steps) - 1:
                return  # its id is the image's: `finish` tells it
            self._end_step(step, self._shown_id(step))
            self._place += 1
            self._announced = self._running = False

    def _announce(self, step: Step) -> None:
        self._announced = True
        if step.text[:5].upper() == "FROM ":
            self._all_cached = True
        number = self._steps.index(step) + 1
        self._stream(f"Step {number}/{len(self._steps)} : {step.text}")
        self._stream("\n")

    def _follow(self, vertex: Vertex) -> bool:
        """Tell what there is of the current step; say whether it is done."""
        state = self._states.get(vertex.digest)
        if state is None or not state.started:
            return state is not None and state.done
        if vertex.digest in self._told:
            return True  # an equal step before has told it
        if not state.cached and not self._running and (state.waiting or state.done):
            self._name_container(vertex)
        self._flush(state)
        return state.done

    def _end_step(self, step: Step, shown: str) -> None:
        state = self._states.get(step.vertex.digest) if step.vertex is not None else None
        is_from = step.text[:5].upper() == "FROM "
        if state is None:
            cached = self._all_cached and not is_from and self._place > 0
        else:
            cached = state.cached and not is_from
            if not is_from:
                self._all_cached = self._all_cached and state.cached
        if cached:
            self._stream(" ---> Using cache\n")
        elif step.vertex is not None and self._running and self._remove:
            self._stream(f" ---> Removed intermediate container {self._container(step.vertex)}\n")
        if step.vertex is not None:
            self._told.add(step.vertex.digest)
        self._stream(f" ---> {shown[:_SHOWN_ID]}\n")

    def _shown_id(self, step: Step) -> str:
        """Return an id for what is there after the step: the same for the same, in every build."""
        state = self._states.get(step.vertex.digest) if step.vertex is not None else None
        layers = state.outputs[0].diff_ids if state is not None and state.outputs else ()
        if step.text[:5].upper() == "FROM ":
            self._chain = ""
            op = step.vertex.op if step.vertex is not None else None
            if isinstance(op, ImageSource) and op.name[-65:-64] == ":":
                self._chain = op.name[-64:]  # the image's own
                return self._chain
        text = f"{self._chain}\n{step.text}\n{layers}"
        self._chain = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return self._chain

    # --- one step

    def _name_container(self, vertex: Vertex) -> None:
        if isinstance(vertex.op, Exec):
            self._running = True
            self._stream(f" ---> Running in {self._container(vertex)}\n")

    def _container(self, vertex: Vertex) -> str:
        name = f"{self._build_id}{vertex.digest}".encode()
        return hashlib.sha256(name).hexdigest()[:_SHOWN_ID]

    def _text(self, digest: str, state: _State, text: str, *, is_error: bool = False) -> None:
        if not text:
            return
        if is_error:
            text = f"\x1b[91m{text}\x1b[0m"  # as dockerd marks what comes from stderr
        if self._is_current(digest):
            if not self._running and not state.cached:
                self._name_container(self._current_vertex())
            self._flush(state)
            self._stream(text)
        elif state.size < _WAITING_BYTES:
            state.size += len(text)
            state.waiting.append(text if state.size < _WAITING_BYTES else _CLIPPED)

    def _is_current(self, digest: str) -> bool:
        if not self._announced or self._place >= len(self._steps):
            return False
        vertex = self._steps[self._place].vertex
        return vertex is not None and vertex.digest == digest

    def _current_vertex(self) -> Vertex:
        vertex = self._steps[self._place].vertex
        assert vertex is not None
        return vertex

    def _flush(self, state: _State) -> None:
        waiting, state.waiting = state.waiting, []
        for text in waiting:
            self._stream(text)

    def _stream(self, text: str) -> None:
        self._send({"stream": text})
