"""`baleend`: reads the configuration, starts the zygote, the engine and the server; signals.

Order at the start, each step undone in reverse at the end: directories, lock and pid file;
zygote (before anything heavy is loaded); engine, which finds the containers that outlived the
last daemon; listening sockets; "ready" to systemd. SIGTERM and SIGINT end the daemon and leave
containers running; SIGHUP reads `debug`, `labels`, `runtimes`, `default-runtime` and all
about registries again.

Exit codes: 0 ended as asked, 1 could not start or had to end, 125 bad flags.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from baleen import __version__
from baleen.daemon.config import Config, Invocation, load_config, parse_arguments
from baleen.daemon.host_files import HostFiles
from baleen.daemon.listeners import check_hosts, open_listeners, parse_address
from baleen.daemon.logs import LEVELS, set_up_logging
from baleen.daemon.options import OPTIONS
from baleen.daemon.registry_settings import registry_settings
from baleen.daemon.zygote_process import ZygoteProcess
from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.allocator import share_arenas, trim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.daemon.http_server import HttpServer
    from baleen.distribution.settings import RegistrySettings
    from baleen.engine.remapping import Remapping
    from baleen.engine.runtimes import Runtimes
    from baleen.runtime.id_mapping import IdMappings

    RemappedIds = tuple[IdMappings, int]

__all__ = ["main"]

_log = logging.getLogger(__name__)

_OOM_SCORE_ADJUST = -500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until it is told to end; return the exit code."""
    try:
        invocation = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    except BaleenError as err:
        return _complain(f"{err}\nSee 'baleend --help'.", 125)
    if invocation.action == "help":
        return _print(_help())
    if invocation.action == "version":
        return _print(f"Baleen version {__version__}")
    try:
        config = load_config(invocation)
        if invocation.action == "validate":
            return _validate(config)
        set_up_logging("debug" if config.debug else config.log_level, config.log_format)
        if invocation.action in ("uninstall", "purge"):
            _uninstall(config, purge=invocation.action == "purge")
        else:
            _run(config, invocation)
    except BaleenError as err:
        return _complain(f"baleend: {err}" + (f"\n{err.hint}" if err.hint else ""), 1)
    except Exception:
        _log.critical("the daemon ends because of a bug", exc_info=True)
        return 1
    return 0


def _print(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0


def _complain(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def _help() -> str:
    lines = [
        "Usage: baleend [OPTIONS]",
        "",
        "Actions instead of running:",
        "      --help                                 print this",
        "      --version                              print the version",
        "      --validate                             check the configuration and end",
        "      --uninstall                            remove bridges, firewall table and cgroups;",
        "                                             with --rootless end all, containers too",
        "      --purge                                with --rootless: end all, and remove data",
        "",
        "Options:",
    ]
    for option in sorted(OPTIONS, key=lambda option: option.flag):
        short = f"-{option.short}, " if option.short else "    "
        kind = "" if option.kind == "flag" else option.kind.removesuffix("s")
        text = option.help or f"accepted: {option.accepted}"
        lines.append(f"  {short}--{option.flag} {kind}".ljust(44) + f" {text}")
    return "\n".join(lines)


def _run(config: Config, invocation: Invocation) -> None:
    check_hosts(config)
    if config.rootless:
        from baleen.daemon.rootless import enter_namespaces

        config = enter_namespaces(config)
    _prepare_process()
    with ExitStack() as stack:
        config, ids = _remap(config, stack)
        zygote = ZygoteProcess()
        zygote.start()
        stack.callback(zygote.stop)
        for key in config.ignored:
            _log.info("option has no effect", extra={"option": key})
        asyncio.run(_serve(config, invocation, zygote, ids))


def _remap(config: Config, stack: ExitStack) -> tuple[Config, RemappedIds | None]:
    """Take the roots, those of `--userns-remap`, and a user namespace, until `stack` is left."""
    if not config.userns_remap:
        stack.enter_context(HostFiles(config.data_root, config.exec_root, config.pidfile))
        return config, None
    from baleen.daemon.userns_remap import mappings_of, remapped_root
    from baleen.runtime.id_mapping import new_user_namespace

    mappings, above = mappings_of(config.userns_remap), config.data_root
    config = replace(config, data_root=remapped_root(above, mappings))
    stack.enter_context(HostFiles(config.data_root, config.exec_root, config.pidfile, above=above))
    # Forks, which this process may do only now.
    return config, (mappings, stack.enter_context(new_user_namespace(mappings)).fileno())


def _validate(config: Config) -> int:
    if config.rootless:
        from baleen.daemon.rootless import validate_rootless

        if not validate_rootless(config):
            return 1
    return _print("configuration OK")


def _uninstall(config: Config, *, purge: bool) -> None:
    """Remove what daemons with this configuration have put into the kernel."""
    if config.rootless:
        from baleen.daemon.rootless import uninstall_rootless

        uninstall_rootless(config, purge=purge)
        return
    if purge:
        raise InvalidArgument("--purge is for --rootless")
    from baleen.daemon.settings import engine_config
    from baleen.engine.engine import Engine

    async def work(config: Config, ids: RemappedIds | None) -> None:
        settings = engine_config(config, list(config.labels), _remapping(ids))
        engine = Engine(settings, ZygoteProcess())
        try:
            await engine.uninstall()
        finally:
            await engine.close()

    with ExitStack() as stack:
        asyncio.run(work(*_remap(config, stack)))


def _remapping(ids: RemappedIds | None) -> Remapping | None:
    if ids is None:
        return None
    from baleen.engine.remapping import Remapping

    return Remapping(*ids)


def _prepare_process() -> None:
    """Set what this process has one of: umask, limits, allocator, working directory."""
    os.umask(0o077)  # what others may read is given its mode explicitly
    os.chdir("/")
    _survive_shortage()
    share_arenas()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _survive_shortage() -> None:
    """Be killed late when memory is short, as containers depend on this process and its zygote.

    Containers get their own value, 0 unless they ask for another one.
    """
    path = Path("/proc/self/oom_score_adj")
    # What a service manager has set stays; lowering needs CAP_SYS_RESOURCE.
    with suppress(OSError):
        if int(path.read_text(encoding="ascii")) == 0:
            path.write_text(f"{_OOM_SCORE_ADJUST}\n", encoding="ascii")


async def _serve(
    config: Config, invocation: Invocation, zygote: ZygoteProcess, ids: RemappedIds | None
) -> None:
    # Loaded here, after the zygote was started: its start and these imports overlap.
    from baleen.daemon.application import Application, headers
    from baleen.daemon.guard import OriginGuard
    from baleen.daemon.http_server import HttpServer
    from baleen.daemon.settings import engine_config
    from baleen.engine.engine import Engine
    from baleen.engine.runtimes import Runtimes

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_loop_error)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    zygote.watch(loop)
    labels = list(config.labels)
    runtimes = Runtimes(config.runtimes, config.default_runtime)
    engine = Engine(engine_config(config, labels, _remapping(ids), runtimes), zygote)
    try:
        await engine.start()
        listeners, paths = open_listeners(config)
        try:
            loop.add_signal_handler(
                signal.SIGHUP, _reload, invocation, labels, runtimes, engine.reload_registries
            )
            async with asyncio.TaskGroup() as group:
                guard = OriginGuard(_tcp_names(config))
                lines = headers(experimental=config.experimental)
                application = Application(engine, guard)
                server = HttpServer(application, group, headers=lines, after_transfers=trim)
                await _listen(server, listeners, config)
                gc.collect()
                trim()
                gc.freeze()
                _notify("READY=1")
                _log.info("API listening", extra={"hosts": ",".join(config.hosts)})
                await stop.wait()
                _notify("STOPPING=1")
                _log.info("ending; containers run on")
                await server.close(config.shutdown_timeout)
        finally:
            _remove(paths)
    finally:
        await engine.close()


def _remove(paths: Sequence[str]) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    _log.error(
        "error in a callback",
        extra={"context": context.get("message", "")},
        exc_info=error if isinstance(error, Exception) else None,
    )


async def _listen(server: HttpServer, listeners: Sequence[socket.socket], config: Config) -> None:
    wrap = None
    if config.tls or config.tlsverify:
        from baleen.daemon import tls

        wrap = tls.wrapper(tls.server_context(config))
    for listener in listeners:
        is_tcp = listener.family != socket.AF_UNIX
        await server.listen(listener, is_tcp=is_tcp, wrap=wrap if is_tcp else None)


def _tcp_names(config: Config) -> list[str]:
    """Return the host names under which the TCP addresses are meant to be reached."""
    addresses = [parse_address(text, tls=False) for text in config.hosts]
    return [address.host for address in addresses if address.scheme == "tcp"]


def _reload(
    invocation: Invocation,
    labels: list[str],
    runtimes: Runtimes,
    reload_registries: Callable[[RegistrySettings], None],
) -> None:
    """SIGHUP: read the configuration again and take over what may change while running."""
    try:
        config = load_config(invocation)
    except BaleenError as err:
        _log.error("configuration not reloaded", extra={"error": str(err)})
        return
    level = "debug" if config.debug else config.log_level
    logging.getLogger().setLevel(LEVELS[level])
    labels[:] = config.labels
    runtimes.replace(config.runtimes, config.default_runtime)
    reload_registries(registry_settings(config, os.environ))
    _log.info("configuration reloaded", extra={"level": level, "labels": ",".join(labels)})


def _notify(state: str) -> None:
    """Tell systemd, if it asked to be told. See: sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError as err:
            _log.warning("cannot notify the service manager", extra={"error": str(err)})


if __name__ == "__main__":
    sys.exit(main())
