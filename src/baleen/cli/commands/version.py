"""`baleen version`: what is running, here and at the engine."""

from __future__ import annotations

import sys

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.errors import BaleenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "one_line"]


def _version() -> str:
    from baleen import __version__

    return __version__


def one_line() -> str:
    """What `baleen --version` prints."""
    return f"Baleen version {_version()}"


def _client(session: Session) -> JsonObject:
    import os

    machine = os.uname().machine
    system = os.uname().sysname.lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return {
        "Version": _version(),
        "ApiVersion": "1.55",
        "DefaultAPIVersion": "1.55",
        "PythonVersion": ".".join(map(str, sys.version_info[:3])),
        "Os": system,
        "Arch": arch,
        "Context": session.host_flags.context or "default",
    }


def _lines(document: JsonObject) -> list[str]:
    client: JsonObject = document["Client"]
    lines = ["Client: Baleen Engine"]
    lines += _pairs(
        1,
        [
            ("Version", client["Version"]),
            ("API version", client["ApiVersion"]),
            ("Python version", client["PythonVersion"]),
            ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
            ("Context", client["Context"]),
        ],
    )
    server: JsonObject | None = document.get("Server")
    if server is None:
        return lines
    platform = (server.get("Platform") or {}).get("Name", "")
    lines += ["", f"Server: {platform}".rstrip()]
    components: list[JsonObject] = server.get("Components") or [
        {"Name": "Engine", "Version": server.get("Version", ""), "Details": server}
    ]
    for component in components:
        lines.append(f" {component.get('Name', '')}:")
        lines += _pairs(2, _component(component))
    return lines


def _component(component: JsonObject) -> list[tuple[str, str]]:
    details: JsonObject = component.get("Details") or {}
    version = str(component.get("Version", ""))
    if component.get("Name") != "Engine":
        return [("Version", version), *((k, str(v)) for k, v in sorted(details.items()))]
    minimum = details.get("MinAPIVersion") or "1.24"
    rows = [
        ("Version", version),
        ("API version", f"{details.get('ApiVersion', '')} (minimum version {minimum})"),
        ("Git commit", str(details.get("GitCommit", ""))),
        ("Built", str(details.get("BuildTime", ""))),
        ("OS/Arch", f"{details.get('Os', '')}/{details.get('Arch', '')}"),
        ("Kernel version", str(details.get("KernelVersion", ""))),
    ]
    return [(key, value) for key, value in rows if value.strip("/")]


def _pairs(indent: int, pairs: list[tuple[str, str]]) -> list[str]:
    return [f"{' ' * indent}{name + ':':<{18 - indent}} {value}" for name, value in pairs]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    document: JsonObject = {"Client": _client(session)}
    failure: BaleenError | None = None
    if not flags.on("client"):
        try:
            document["Server"] = session.client.get("/version")
        except BaleenError as err:
            failure = err
    form = flags.text("format")
    if form == "json":
        form = "{{json .}}"
    if form:
        from baleen.cli.formatting.template import compile_template

        document.setdefault("Server", None)
        session.out(compile_template(form).render(document))
    else:
        for line in _lines(document):
            session.out(line)
    if failure is not None:
        session.warn(str(failure))
        return 1
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("client", "", "bool", "Show only the client, without asking the engine"),
        Flag("format", "f", "string", "Format output using a custom template: 'json' or Go's"),
    ),
    maximum=0,
)
