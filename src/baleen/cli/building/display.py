"""The progress of a build as text: numbered steps, as `docker buildx build --progress=plain`.

    #2 [2/3] RUN make
    #2 0.102 cc -o app app.c
    #2 DONE 1.3s

See: docs/build.md, "The messages of Baleen's own client".
"""

from __future__ import annotations

from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonObject

__all__ = ["BuildDisplay", "why_lines"]


class _Step:
    __slots__ = ("inputs", "name", "number", "partial", "started", "state", "verdict")

    def __init__(self, name: str, inputs: list[str]) -> None:
        self.name = name
        self.inputs = inputs
        self.number = 0
        self.started = 0
        self.state = ""
        self.partial = ""
        self.verdict: JsonObject = {}


class BuildDisplay:
    """Turns messages into text.

    Attributes:
        steps: by digest, in the order of the graph.

    Args:
        write: takes text as it is, line ends included.
        why: say of each step why it was not taken from the cache.
    """

    def __init__(self, write: Callable[[str], object], *, why: bool = False) -> None:
        self._write = write
        self._why = why
        self.steps: dict[str, _Step] = {}
        self._count = 0
        self._last = ""

    def show(self, message: JsonObject) -> None:
        """Draw one message; kinds that are not known are left out."""
        if isinstance(vertex := message.get("vertex"), dict):
            self._vertex(vertex)
        elif isinstance(entry := message.get("log"), dict):
            self._log(str(entry.get("vertex")), str(entry.get("data")))
        elif isinstance(entry := message.get("status"), dict):
            self._log(str(entry.get("vertex")), str(entry.get("text")) + "\n")

    def _vertex(self, vertex: JsonObject) -> None:
        digest = str(vertex.get("digest"))
        state = vertex.get("state")
        if state is None:
            inputs = [str(d) for d in vertex.get("inputs") or ()]
            self.steps[digest] = _Step(str(vertex.get("name")), inputs)
            return
        step = self.steps.get(digest)
        if step is None:
            return
        time_ns = int(vertex.get("time") or 0)
        if state == "started":
            step.started = time_ns
            return
        step.state = str(state)
        if isinstance(vertex.get("verdict"), dict):
            step.verdict = vertex["verdict"]
        if not step.name:
            return
        self._head(digest, step)
        self._finish_line(step)
        took = (time_ns - step.started) / 1e9 if step.started else 0.0
        text = {
            "completed": f"DONE {took:.1f}s",
            "cached": "CACHED",
            "cancelled": "CANCELED",
        }.get(step.state, step.state)
        if step.state == "failed":
            first = str(vertex.get("error") or "").partition("\n")[0]
            text = f"ERROR: {neutralise(first)}"
        self._line(step, text)
        if self._why and step.verdict:
            for line in why_lines(step.verdict):
                self._line(step, line)
        self._write("\n")
        self._last = ""

    def _head(self, digest: str, step: _Step) -> None:
        """Print the step's title where another one's lines stood last."""
        if self._last == digest:
            return
        if not step.number:
            self._count += 1
            step.number = self._count
        elif self._last:
            self._write("\n")
        self._last = digest
        self._line(step, neutralise(step.name.partition("\n")[0]))

    def _line(self, step: _Step, text: str) -> None:
        self._write(f"#{step.number} {text}\n")

    def _log(self, digest: str, data: str) -> None:
        step = self.steps.get(digest)
        if step is None or not data:
            return
        *lines, step.partial = (step.partial + data).split("\n")
        if not lines:
            return
        self._head(digest, step)
        for line in lines:
            # What a carriage return would have overwritten is not shown.
            shown = neutralise(line.rstrip("\r").rpartition("\r")[2], lines=True)
            self._line(step, shown)

    def _finish_line(self, step: _Step) -> None:
        if step.partial:
            shown = neutralise(step.partial.rstrip("\r").rpartition("\r")[2], lines=True)
            self._line(step, shown)
            step.partial = ""


def why_lines(verdict: JsonObject) -> list[str]:
    """A verdict of the cache in words."""
    if verdict.get("hit"):
        return [f"why: {verdict.get('reason') or 'found in the cache'}"]
    lines = [f"why: {neutralise(str(verdict.get('reason') or 'not in the cache'))}"]
    if verdict.get("nearest"):
        lines.append(f"why: nearest: {neutralise(str(verdict['nearest']))}")
    for change in verdict.get("changes") or ():
        before, after = (neutralise(str(change.get(key) or "")) for key in ("before", "after"))
        what = neutralise(f"{change.get('kind')} {change.get('subject')}".strip())
        if before == after:
            detail = "changed"
        elif before and after:
            detail = f"{before} -> {after}"
        else:
            word, value = ("added", after) if after else ("removed", before)
            detail = word if value == "present" else f"{word} {value}".rstrip()
        lines.append(f"why:   {what}: {detail}")
    if verdict.get("more"):
        lines.append(f"why:   and {verdict['more']} more")
    return lines
