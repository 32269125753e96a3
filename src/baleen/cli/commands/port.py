"""`baleen port`: where a container's ports are published."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _address(binding: JsonObject) -> str:
    ip = str(binding.get("HostIp") or "")
    return f"[{ip}]:{binding.get('HostPort')}" if ":" in ip else f"{ip}:{binding.get('HostPort')}"


def _sort_key(key: str) -> tuple[int, str]:
    number, _, protocol = key.partition("/")
    return (int(number) if number.isascii() and number.isdigit() else 0, protocol)


def _check_port(text: str) -> None:
    """Refuse what Go's strconv.ParseUint(text, 10, 16) does, in its words."""
    if not (text.isascii() and text.isdigit()):
        reason = "invalid syntax"
    elif int(text) > 65535:
        reason = "value out of range"
    else:
        return
    raise InvalidArgument(
        f'Error: invalid port ({text}): strconv.ParseUint: parsing "{text}": {reason}'
    )


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    container = session.client.get(container_path(arguments[0], "json"))
    ports: JsonObject = (container.get("NetworkSettings") or {}).get("Ports") or {}
    if len(arguments) == 2:
        number, _, protocol = arguments[1].partition("/")
        _check_port(number)
        bindings = ports.get(f"{number}/{protocol or 'tcp'}")
        if not bindings:
            raise NotFound(f"Error: No public port '{arguments[1]}' published for {arguments[0]}")
        for binding in bindings:
            session.out(_address(binding))
        return 0
    for key in sorted(ports, key=_sort_key):
        for binding in ports[key] or ():
            session.out(f"{key} -> {_address(binding)}")
    return 0


COMMAND = Command(_run, "CONTAINER [PRIVATE_PORT[/PROTO]]", minimum=1, maximum=2)
