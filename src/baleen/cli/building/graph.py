"""The graph of a build as an SVG picture: who needs what, what was cached, what took its time.

Drawn by levels: a step stands below all that it needs. Names come from Dockerfiles, so they are
escaped.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Node", "draw"]

_WIDTH, _HEIGHT = 260, 44
_GAP_X, _GAP_Y = 24, 46
_COLOURS = {
    "cached": "#cfe8cf",
    "completed": "#cfdff5",
    "failed": "#f5cfcf",
    "cancelled": "#e6e6e6",
}
_TEXT = 38
_ARROW = (
    '<defs><marker id="arrow" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
    '<path d="M0,0 L7,3 L0,6 z" fill="#777"/></marker></defs>'
)


class Node:
    """One step of the picture."""

    __slots__ = ("detail", "inputs", "name", "state")

    def __init__(self, name: str, state: str, detail: str, inputs: Sequence[str]) -> None:
        self.name = name
        self.state = state
        self.detail = detail
        self.inputs = inputs


def draw(nodes: Mapping[str, Node]) -> str:
    """The picture of the nodes, by their keys; inputs that are not among them are left out."""
    levels = _levels(nodes)
    rows: dict[int, list[str]] = {}
    for key, level in levels.items():
        rows.setdefault(level, []).append(key)
    widest = max((len(row) for row in rows.values()), default=1)
    width = widest * (_WIDTH + _GAP_X) + _GAP_X
    height = len(rows) * (_HEIGHT + _GAP_Y) + _GAP_Y
    places: dict[str, tuple[float, float]] = {}
    for level, row in sorted(rows.items()):
        taken = len(row) * (_WIDTH + _GAP_X) - _GAP_X
        left = (width - taken) / 2
        for number, key in enumerate(row):
            top = _GAP_Y / 2 + level * (_HEIGHT + _GAP_Y)
            places[key] = (left + number * (_WIDTH + _GAP_X), top)
    size = f'width="{width}" height="{height}"'
    style = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
        _ARROW,
        f'<rect {size} fill="white"/>',
    ]
    parts += [
        _edge(places[above], places[key])
        for key, node in nodes.items()
        for above in node.inputs
        if above in places
    ]
    parts += [_box(node, places[key]) for key, node in nodes.items()]
    return "\n".join([*parts, "</svg>\n"])


def _levels(nodes: Mapping[str, Node]) -> dict[str, int]:
    """How deep each stands; nodes come with their inputs before them."""
    levels: dict[str, int] = {}
    for key, node in nodes.items():
        levels[key] = max((levels[i] + 1 for i in node.inputs if i in levels), default=0)
    return levels


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + _WIDTH / 2, start[1] + _HEIGHT
    x2, y2 = end[0] + _WIDTH / 2, end[1]
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{middle:.0f} {x2:.0f},{middle:.0f} '
        f'{x2:.0f},{y2:.0f}" fill="none" stroke="#777" marker-end="url(#arrow)"/>'
    )


def _box(node: Node, place: tuple[float, float]) -> str:
    x, y = place
    colour = _COLOURS.get(node.state, "#f4f4f4")
    name = node.name if len(node.name) <= _TEXT else node.name[: _TEXT - 1] + "…"
    return (
        f'<g><title>{_safe(node.name)}</title><rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6" fill="{colour}" stroke="#555"/>'
        f'<text x="{x + 10:.0f}" y="{y + 18:.0f}">{_safe(name)}</text>'
        f'<text x="{x + 10:.0f}" y="{y + 35:.0f}" fill="#555">{_safe(node.detail)}</text></g>'
    )


def _safe(text: str) -> str:
    return escape("".join(c if c.isprintable() else " " for c in text))
