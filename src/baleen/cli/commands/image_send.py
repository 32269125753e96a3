"""`baleen image send`: images to another engine, only what it lacks."""

from __future__ import annotations

import os

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.parsing.platforms import platform_document
from baleen.cli.progress import ProgressDisplay
from baleen.cli.pulling import show_progress
from baleen.cli.sending import Sent, send_image, send_whole
from baleen.cli.terminal import is_terminal, terminal_width
from baleen.client.client import EngineClient
from baleen.client.selection import HostFlags, select_endpoint
from baleen.errors import NotImplemented as NotOffered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.endpoint import Endpoint

__all__ = ["COMMAND"]


def _destination(session: Session, flags: Flags, host: str) -> Endpoint:
    """The engine that HOST names: an address, or else a context."""
    chosen = HostFlags()
    chosen.config = session.host_flags.config
    if "://" in host:
        chosen.host = host
    else:
        chosen.context = host
    chosen.tls = flags.on("tls")
    chosen.tlsverify = flags.on("tlsverify") if flags.changed("tlsverify") else None
    for name in ("tlscacert", "tlscert", "tlskey"):
        setattr(chosen, name, flags.text(name))
    return select_endpoint(chosen, os.environ)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    *images, host = arguments
    platform = platform_document(flags.text("platform"))
    quiet = flags.on("quiet")
    source = session.client
    display = ProgressDisplay(session.out_raw, terminal_width if is_terminal(1) else None)
    show = (lambda _: None) if quiet else display.show
    with EngineClient(_destination(session, flags, host)) as destination:
        for image in images:
            try:
                sent = send_image(source, destination, image, platform, show)
            except NotOffered:
                session.warn(
                    f"Sending all of {image}, as save and load do: one of the two engines is not "
                    "Baleen's, or an older one"
                )
                messages = send_whole(source, destination, image, platform)
                show_progress(session, messages, quiet=quiet)
                continue
            session.out(sent.id if quiet else _summary(image, sent))
    return 0


def _summary(image: str, sent: Sent) -> str:
    size = decimal_size(sent.bytes)
    return f"Sent {image}: {sent.blobs} blobs, {size}; {sent.kept} were there already"


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [IMAGE...] HOST|CONTEXT",
    flags=(
        Flag("platform", "", "string", "Send only this platform of the images"),
        Flag("quiet", "q", "bool", "Print only the images' ids"),
        Flag("tls", "", "bool", "Use TLS towards HOST; implied by --tlsverify"),
        Flag("tlscacert", "", "string", "Trust certs of HOST signed only by this CA"),
        Flag("tlscert", "", "string", "Path to TLS certificate file for HOST"),
        Flag("tlskey", "", "string", "Path to TLS key file for HOST"),
        Flag("tlsverify", "", "bool", "Use TLS and verify HOST"),
    ),
    minimum=2,
)
