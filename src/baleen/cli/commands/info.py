"""`baleen info`: the engine's state at large."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import binary_size
from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_PLAIN = (
    ("Containers", "Containers"),
    (" Running", "ContainersRunning"),
    (" Paused", "ContainersPaused"),
    (" Stopped", "ContainersStopped"),
    ("Images", "Images"),
    ("Server Version", "ServerVersion"),
    ("Storage Driver", "Driver"),
)
_MORE = (
    ("Logging Driver", "LoggingDriver"),
    ("Cgroup Driver", "CgroupDriver"),
    ("Cgroup Version", "CgroupVersion"),
)
_SYSTEM = (
    ("Kernel Version", "KernelVersion"),
    ("Operating System", "OperatingSystem"),
    ("OSType", "OSType"),
    ("Architecture", "Architecture"),
    ("CPUs", "NCPU"),
)
_LAST = (
    ("Name", "Name"),
    ("ID", "ID"),
    ("Docker Root Dir", "DockerRootDir"),
    ("Debug Mode", "Debug"),
)


_PROXIES = (
    ("HTTP Proxy", "HttpProxy"),
    ("HTTPS Proxy", "HttpsProxy"),
    ("No Proxy", "NoProxy"),
)


def _registries(config: JsonObject) -> list[str]:
    indexes = (config.get("IndexConfigs") or {}).values()
    insecure = [str(index.get("Name", "")) for index in indexes if not index.get("Secure")]
    insecure += config.get("InsecureRegistryCIDRs") or []
    lines = [" Insecure Registries:", *(f"  {name}" for name in insecure)] if insecure else []
    mirrors = config.get("Mirrors") or []
    return lines + ([" Registry Mirrors:", *(f"  {url}" for url in mirrors)] if mirrors else [])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pick(info: JsonObject, names: tuple[tuple[str, str], ...]) -> list[str]:
    return [f" {title}: {_text(info[key])}" for title, key in names if key in info]


def _server(info: JsonObject) -> list[str]:
    lines = ["Server:", *_pick(info, _PLAIN)]
    lines += [f"  {name}: {value}" for name, value in info.get("DriverStatus") or ()]
    lines += _pick(info, _MORE)
    plugins: JsonObject = info.get("Plugins") or {}
    lines.append(" Plugins:")
    lines += [
        f"  {name}: {' '.join(plugins[name])}"
        for name in ("Volume", "Network", "Log")
        if plugins.get(name)
    ]
    if info.get("CDISpecDirs"):
        lines.append(" CDI spec directories:")
        lines += [f"  {directory}" for directory in info["CDISpecDirs"]]
    if info.get("DiscoveredDevices"):
        lines.append(" Discovered Devices:")
        lines += [f"  {found['Source']}: {found['ID']}" for found in info["DiscoveredDevices"]]
    runtimes = " ".join(sorted(info.get("Runtimes") or ()))
    lines += [f" Runtimes: {runtimes}", f" Default Runtime: {info.get('DefaultRuntime', '')}"]
    if info.get("InitBinary"):
        lines.append(f" Init Binary: {info['InitBinary']}")
    security: list[str] = info.get("SecurityOptions") or []
    if security:
        lines.append(" Security Options:")
        for option in security:
            parts = dict(part.partition("=")[::2] for part in str(option).split(","))
            lines.append(f"  {parts.pop('name', option)}")
            lines += [f"   {key.capitalize()}: {value}" for key, value in parts.items()]
    lines += _pick(info, _SYSTEM)
    if "MemTotal" in info:
        lines.append(f" Total Memory: {binary_size(int(info['MemTotal']))}")
    lines += _pick(info, _LAST)
    lines += [line for line in _pick(info, _PROXIES) if not line.endswith(": ")]
    if info.get("Labels"):
        lines += [" Labels:", *(f"  {label}" for label in info["Labels"])]
    lines.append(f" Experimental: {_text(bool(info.get('ExperimentalBuild')))}")
    lines += _registries(info.get("RegistryConfig") or {})
    lines.append(f" Live Restore Enabled: {_text(bool(info.get('LiveRestoreEnabled')))}")
    return lines


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    from baleen import __version__

    info: JsonObject = session.client.get("/info") or {}
    context = session.host_flags.context or "default"
    form = flags.text("format")
    if form == "json":
        form = "{{json .}}"
    if form:
        from baleen.cli.formatting.template import compile_template

        client = {"Debug": False, "Version": __version__, "Context": context, "Plugins": []}
        session.out(compile_template(form).render({**info, "ClientInfo": client}))
        return 0

    lines = ["Client: Baleen Engine", f" Version:    {__version__}"]
    lines += [f" Context:    {context}", " Debug Mode: false", ""]
    for line in lines + _server(info):
        session.out(neutralise(line) if session.out_is_terminal else line)
    for warning in info.get("Warnings") or ():
        session.warn(str(warning))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(Flag("format", "f", "string", "Format output using a custom template: 'json' or Go's"),),
    maximum=0,
)
