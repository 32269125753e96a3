"""`baleen ps`: the list of containers."""

from __future__ import annotations

import time

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import ago, decimal_size, ellipsis
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FILTER, FORMAT, NO_TRUNC, label_text, print_rows
from baleen.cli.parsing.filters import encode_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "HEADERS", "container_row", "port_summary"]

_DEFAULT = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
HEADERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "State": "STATE",
    "Ports": "PORTS",
    "Names": "NAMES",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
    "HealthStatus": "HEALTH",
}


def port_summary(ports: list[JsonObject]) -> str:
    """`0.0.0.0:8080->80/tcp, 443/tcp`; runs of consecutive ports become ranges."""
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for port in ports:
        key = (str(port.get("IP") or ""), str(port.get("Type") or "tcp"))
        public = int(port.get("PublicPort") or 0)
        groups.setdefault(key, []).append((int(port.get("PrivatePort") or 0), public))
    parts: list[tuple[int, str, str, str]] = []
    for (ip, protocol), pairs in groups.items():
        host = f"[{ip}]" if ":" in ip else ip
        for private, public, count in _runs(sorted(set(pairs))):
            inside = f"{private}-{private + count}" if count else str(private)
            outside = f"{public}-{public + count}" if count else str(public)
            text = f"{host}:{outside}->{inside}" if public else inside
            parts.append((private, protocol, ip, f"{text}/{protocol}"))
    return ", ".join(part[3] for part in sorted(parts))


def _runs(pairs: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(first private, first public, how many more) of consecutive pairs."""
    runs: list[tuple[int, int, int]] = []
    for private, public in pairs:
        if runs:
            first, first_public, count = runs[-1]
            follows = public == (first_public + count + 1 if first_public else 0)
            if private == first + count + 1 and follows:
                runs[-1] = (first, first_public, count + 1)
                continue
        runs.append((private, public, 0))
    return runs


def _names(container: JsonObject, *, trunc: bool) -> str:
    names = [str(name).lstrip("/") for name in container.get("Names") or ()]
    # A name with a slash is another container's link to this one.
    return ",".join(name for name in names if not trunc or "/" not in name)


def container_row(container: JsonObject, *, trunc: bool, now: float) -> Row:
    """A container of the list under the names of its fields."""
    identifier = str(container.get("Id", ""))
    labels: dict[str, str] = container.get("Labels") or {}
    mounts: list[JsonObject] = container.get("Mounts") or []

    def command() -> str:
        text = str(container.get("Command") or "")
        return f'"{ellipsis(text, 20) if trunc else text}"'

    def image() -> str:
        text = str(container.get("Image") or "<no image>")
        digest = str(container.get("ImageID") or "")
        if trunc and text == digest:
            return text.rpartition(":")[2][:12]
        return text.partition("@")[0] if trunc else text

    def mount_names() -> str:
        names = [str(m.get("Name") or m.get("Source") or "") for m in mounts]
        return ",".join(ellipsis(name, 15) if trunc else name for name in names)

    def size() -> str:
        text = decimal_size(int(container.get("SizeRw") or 0), 3)
        root = int(container.get("SizeRootFs") or 0)
        return f"{text} (virtual {decimal_size(root, 3)})" if root > 0 else text

    created = int(container.get("Created") or 0)
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return Row(
        {
            "ID": identifier[:12] if trunc else identifier,
            "Names": lambda: _names(container, trunc=trunc),
            "Image": image,
            "Command": command,
            "CreatedAt": lambda: time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(created)),
            "RunningFor": lambda: ago(created, now),
            "Ports": lambda: port_summary(container.get("Ports") or []),
            "State": container.get("State", ""),
            "Status": container.get("Status", ""),
            "Size": size,
            "Labels": lambda: label_text(labels),
            "Mounts": mount_names,
            "LocalVolumes": lambda: str(sum(m.get("Driver") == "local" for m in mounts)),
            "Networks": lambda: ",".join(sorted(networks)),
            "Platform": lambda: (container.get("ImageManifestDescriptor") or {}).get("platform"),
            "HealthStatus": lambda: str((container.get("Health") or {}).get("Status") or ""),
        },
        methods={"Label": lambda name: labels.get(name, "")},
        kind="*formatter.ContainerContext",
    )


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    limit = 1 if flags.on("latest") else flags.number("last")
    form = flags.text("format") or ("" if flags.on("quiet") else session.setting("psFormat"))
    size = flags.on("size") or "{{.Size" in form
    containers = session.client.get(
        "/containers/json",
        all=flags.on("all") or limit > 0 or None,
        limit=limit if limit > 0 else None,
        size=size or None,
        filters=encode_filters(flags.value("filter")),
    )
    now = time.time()
    trunc = not flags.on("no-trunc")
    return print_rows(
        session,
        (container_row(container, trunc=trunc, now=now) for container in containers or ()),
        form=form,
        default=_DEFAULT + ("\t{{.Size}}" if flags.on("size") else ""),
        headers=HEADERS,
        quiet="ID" if flags.on("quiet") else "",
    )


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("all", "a", "bool", "Show all containers (default shows just running)"),
        FILTER,
        FORMAT,
        Flag(
            "last", "n", "int", "Show n last created containers (includes all states)", default=-1
        ),
        Flag("latest", "l", "bool", "Show the latest created container (includes all states)"),
        NO_TRUNC,
        Flag("quiet", "q", "bool", "Only display container IDs"),
        Flag("size", "s", "bool", "Display total file sizes"),
    ),
    maximum=0,
)
