"""`baleen stats`: what containers use, once or as a live table."""

from __future__ import annotations

import contextlib
import select

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import binary_size, decimal_size, short_id
from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.table import render_rows
from baleen.cli.listing import FORMAT, NO_TRUNC
from baleen.cli.terminal import write_out
from baleen.errors import BaleenError, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.client import EngineClient, Response
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "cpu_percent", "memory_usage", "stats_row"]

_DEFAULT = (
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}"
    "\t{{.PIDs}}"
)
_HEADERS = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
_REFRESH_MS = 500
_LIST_EVERY = 4


def cpu_percent(sample: JsonObject) -> float:
    """Share of one processor between the two readings of a sample, in percent."""
    now: JsonObject = sample.get("cpu_stats") or {}
    before: JsonObject = sample.get("precpu_stats") or {}
    used = int((now.get("cpu_usage") or {}).get("total_usage") or 0)
    used -= int((before.get("cpu_usage") or {}).get("total_usage") or 0)
    passed = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    processors = int(now.get("online_cpus") or 0) or len(
        (now.get("cpu_usage") or {}).get("percpu_usage") or ()
    )
    return used / passed * processors * 100.0 if used > 0 and passed > 0 else 0.0


def memory_usage(memory: JsonObject) -> int:
    """Bytes in use without the page cache that the kernel can drop, on cgroup v1 and v2."""
    usage = int(memory.get("usage") or 0)
    details: JsonObject = memory.get("stats") or {}
    for key in ("total_inactive_file", "inactive_file"):
        cache = int(details.get(key) or 0)
        if key in details and cache < usage:
            return usage - cache
    return usage


def stats_row(container: str, sample: JsonObject, *, trunc: bool = True) -> Row:
    """One line of the table."""
    memory: JsonObject = sample.get("memory_stats") or {}
    used, limit = memory_usage(memory), int(memory.get("limit") or 0)
    networks: list[JsonObject] = list((sample.get("networks") or {}).values())
    received = sum(int(n.get("rx_bytes") or 0) for n in networks)
    sent = sum(int(n.get("tx_bytes") or 0) for n in networks)
    blocks: list[JsonObject] = (sample.get("blkio_stats") or {}).get(
        "io_service_bytes_recursive"
    ) or []
    read = sum(int(b.get("value") or 0) for b in blocks if str(b.get("op")).lower() == "read")
    written = sum(int(b.get("value") or 0) for b in blocks if str(b.get("op")).lower() == "write")
    identifier = str(sample.get("id") or container)
    alive = bool(sample)
    return Row(
        {
            "Container": container,
            "ID": short_id(identifier) if trunc else identifier,
            "Name": str(sample.get("name") or "--").lstrip("/"),
            "CPUPerc": f"{cpu_percent(sample):.2f}%" if alive else "--",
            "MemUsage": f"{binary_size(used)} / {binary_size(limit)}" if alive else "-- / --",
            "MemPerc": f"{used / limit * 100 if limit else 0:.2f}%" if alive else "--",
            "NetIO": f"{decimal_size(received, 3)} / {decimal_size(sent, 3)}" if alive else "--",
            "BlockIO": f"{decimal_size(read, 3)} / {decimal_size(written, 3)}" if alive else "--",
            "PIDs": str((sample.get("pids_stats") or {}).get("current") or 0) if alive else "--",
        },
        kind="*container.statsContext",
    )


class _Source:
    """The stream of samples of one container, on its own connection."""

    def __init__(self, client: EngineClient, reference: str, *, stream: bool) -> None:
        self.reference = reference
        self.client = client
        self.sample: JsonObject = {}
        self.done = False
        try:
            self.response: Response = client.request(
                "GET", container_path(reference, "stats"), {"stream": stream}
            )
        except BaseException:
            client.close()
            raise
        self._objects: Iterator[JsonObject] = self.response.objects()

    def advance(self) -> None:
        """Take the next sample; the end of the stream is remembered."""
        try:
            self.sample = next(self._objects)
        except (StopIteration, BaleenError):
            self.done = True

    def close(self) -> None:
        self.response.close()
        self.client.close()


def _names(session: Session, flags: Flags, arguments: list[str]) -> list[str]:
    if arguments:
        return arguments
    listed = session.client.get("/containers/json", all=flags.on("all") or None)
    return [str(container["Id"]) for container in listed or ()]


def _render(session: Session, flags: Flags, sources: list[_Source]) -> str:
    trunc = not flags.on("no-trunc")
    lines = render_rows(
        [stats_row(source.reference, source.sample, trunc=trunc) for source in sources],
        form=flags.text("format") or session.setting("statsFormat"),
        default=_DEFAULT,
        headers=_HEADERS,
        safe=session.out_is_terminal,
    )
    return "".join(line + "\n" for line in lines)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    once = flags.on("no-stream")
    with contextlib.ExitStack() as stack:
        sources: list[_Source] = []

        def add(reference: str) -> None:
            source = _Source(session.open_client(), reference, stream=not once)
            stack.callback(source.close)
            sources.append(source)

        for name in _names(session, flags, arguments):
            # All are asked before the first is read: an engine takes a second for each sample.
            add(name)
        if once:
            for source in sources:
                source.advance()
            write_out(_render(session, flags, sources))
            return 0
        return _live(session, flags, arguments, sources, add)


def _live(
    session: Session, flags: Flags, arguments: list[str], sources: list[_Source], add: object
) -> int:
    assert callable(add)
    rounds = 0
    while True:
        _collect(sources)
        sources[:] = [source for source in sources if not source.done]
        if arguments and not sources:
            return 0
        rounds += 1
        if not arguments and rounds % _LIST_EVERY == 0:
            known = {source.reference for source in sources}
            for name in _names(session, flags, arguments):
                if name not in known:
                    with contextlib.suppress(NotFound):
                        add(name)
        text = _render(session, flags, sources)
        # Home, then erase each line's rest and what is below: no flicker.
        write_out(
            "\x1b[H" + text.replace("\n", "\x1b[K\n") + "\x1b[J"
            if session.out_is_terminal
            else text
        )


def _collect(sources: list[_Source]) -> None:
    """Take the samples that arrive within one refresh."""
    poller = select.poll()
    waiting: dict[int, _Source] = {}
    received = [source for source in sources if source.response.buffered()]
    for source in sources:
        descriptor = source.response.fileno()
        if descriptor < 0:
            source.done = True
        elif source not in received:
            waiting[descriptor] = source
            poller.register(descriptor, select.POLLIN)
    for source in received:
        source.advance()
    for descriptor, _ in poller.poll(0 if received else _REFRESH_MS):
        waiting[descriptor].advance()


COMMAND = Command(
    _run,
    "[OPTIONS] [CONTAINER...]",
    flags=(
        Flag("all", "a", "bool", "Show all containers (default shows just running)"),
        FORMAT,
        Flag("no-stream", "", "bool", "Disable streaming stats and only pull the first result"),
        NO_TRUNC,
    ),
)
