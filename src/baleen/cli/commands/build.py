"""`baleen build`: an image from a Dockerfile."""

from __future__ import annotations

from baleen.cli.building import exchange, settings
from baleen.cli.building.context import find_context
from baleen.cli.building.receiving import Receiver, check_destinations
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.quantities import parse_size, parse_swap_size
from baleen.cli.parsing.resources import parse_ulimit
from baleen.client.build_stream import AGENT, DATA, MESSAGE
from baleen.errors import BaleenError, Internal, InvalidArgument
from baleen.errors import NotImplemented as NotOffered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from baleen.cli.building.agents import Agents
    from baleen.cli.building.context import Source
    from baleen.cli.building.display import BuildDisplay
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.client import Response
    from baleen.client.models import JsonObject, QueryValue

__all__ = ["COMMAND"]

_OWN_ONLY = (
    *("secret", "ssh", "build-context", "output", "cache-to", "no-cache-filter", "allow", "attest"),
    *("provenance", "sbom", "check", "call", "why", "graph", "on-error"),
)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    outputs = settings.parse_outputs(flags.texts("output"))
    if flags.on("push"):
        outputs.append({"type": "registry", "attrs": {}, "dest": ""})
    check_destinations(outputs, stdout_is_terminal=session.out_is_terminal)
    if flags.text("on-error") not in ("", "shell"):
        raise InvalidArgument('invalid value for --on-error: it is "shell"')
    if flags.text("progress") not in ("auto", "plain", "tty", "quiet", "rawjson"):
        raise InvalidArgument(f"invalid progress mode {flags.text('progress')}")
    source = find_context(arguments[0], flags.text("file"))
    if exchange.is_ours(session.client):
        return _own(session, flags, source, outputs)
    return _classic(session, flags, source)


# --- our own engine


def _own(session: Session, flags: Flags, source: Source, outputs: list[JsonObject]) -> int:
    document = settings.prelude(flags, source.text, outputs)
    query = settings.build_query(flags, source.dockerfile, source.remote)
    upload = exchange.own_upload(document, source, settings.local_contexts(flags))
    registries = settings.registry_config(session.config_directory)
    agents = settings.ssh_agents(flags.texts("ssh"))
    response = exchange.request_build(
        session.client, query, upload, registries=registries, ours=True, keep_open=bool(agents)
    )
    answer = _Answer(session, flags, outputs)
    if not agents:
        return answer.read(response)
    from baleen.cli.building.agents import Agents

    with Agents(agents, response.send_more) as answer.agents:
        return answer.read(response)


class _Answer:
    """What an engine of ours says about a build, on its way to the terminal."""

    def __init__(self, session: Session, flags: Flags, outputs: list[JsonObject]) -> None:
        from baleen.cli.building.display import BuildDisplay

        self._session = session
        self._flags = flags
        self._receiver = Receiver(outputs)
        self._quiet = flags.on("quiet") or flags.text("progress") == "quiet"
        self._raw = flags.text("progress") == "rawjson"
        why = flags.on("why")
        self._display: BuildDisplay = BuildDisplay(session.warn_raw, why=why)
        self.agents: Agents | None = None
        self._result: JsonObject = {}
        self._failed: JsonObject = {}
        self._code = 0

    def read(self, response: Response) -> int:
        try:
            for kind, payload in exchange.answer_frames(iter(response)):
                if kind == DATA and isinstance(payload, bytes):
                    self._receiver.data(payload)
                elif kind == AGENT and isinstance(payload, bytes) and self.agents is not None:
                    self.agents.data(payload)
                elif kind == MESSAGE and isinstance(payload, dict):
                    self._message(payload)
        except BaleenError:
            self._draw()
            if self._failed and self._flags.text("on-error"):
                self._shell()
            if self._code:  # the command's own; said already
                return self._code
            raise
        finally:
            self._receiver.close()
        self._finish()
        return self._code

    def _message(self, message: JsonObject) -> None:
        detail = message.get("errorDetail")
        if isinstance(detail, dict):
            self._raise(detail)
        if isinstance(message.get("agent"), dict) and self.agents is not None:
            self.agents.opened(message["agent"])
            return
        if isinstance(message.get("result"), dict):
            self._result = message["result"]
        if isinstance(message.get("failed"), dict):
            self._failed = message["failed"]
        if self._raw:
            import json

            self._session.warn(json.dumps(message, ensure_ascii=False))
        else:
            self._show(message)

    def _raise(self, detail: JsonObject) -> NoReturn:
        code = detail.get("code")
        text = f"ERROR: failed to build: {detail.get('message')}"
        if isinstance(code, int) and code:
            self._session.warn(text)
            self._code = code & 0xFF or 1
        raise Internal(text)

    def _show(self, message: JsonObject) -> None:
        if message.get("call") is not None:
            self._code = _show_call(self._session, message["call"])
        elif "stream" in message:
            text = str(message["stream"])
            self._session.out_raw(text)
            if self._flags.on("quiet"):  # then the id is all that is said of a success
                self._result = {"image": text.strip()}
        elif "result" in message or self._quiet:
            return
        elif "status" in message and not isinstance(message["status"], dict):
            self._pull(message)
        else:
            self._display.show(message)

    def _pull(self, message: JsonObject) -> None:
        if message.get("progressDetail") and message.get("progress"):
            return
        identifier = message.get("id")
        text = f"{identifier}: {message['status']}" if identifier else str(message["status"])
        self._session.warn(text)

    def _finish(self) -> None:
        image = str(self._result.get("image") or "")
        flags, session = self._flags, self._session
        for warning in self._result.get("warnings") or ():
            session.warn(str(warning))
        if flags.text("iidfile") and image:
            _write(flags.text("iidfile"), image)
        if flags.text("metadata-file"):
            import json

            document = {"containerimage.digest": image, "image.name": ",".join(flags.texts("tag"))}
            _write(flags.text("metadata-file"), json.dumps(document, indent=2) + "\n")
        self._draw()
        if image and not self._quiet:
            names = " ".join(str(name) for name in self._result.get("names") or ())
            session.warn(f"built {image}" + (f" as {names}" if names else ""))

    def _draw(self) -> None:
        path = self._flags.text("graph")
        if not path:
            return
        from baleen.cli.building.graph import Node, draw

        nodes = {}
        for digest, step in self._display.steps.items():
            reason = str(step.verdict.get("reason") or "")
            detail = step.state or "not reached"
            if step.state == "completed" and reason:
                detail = f"ran: {reason}"
            nodes[digest] = Node(step.name or "(without a name)", step.state, detail, step.inputs)
        _write(path, draw(nodes))

    def _shell(self) -> None:
        """Open a shell in what the failed step has left, and remove that afterwards."""
        from baleen.cli.building.shell import open_shell

        open_shell(self._session, str(self._failed.get("image")))


def _show_call(session: Session, answer: JsonObject) -> int:
    """Print the answer of --check or --call; 1 where a check found something."""
    session.out_raw(str(answer.get("text") or ""))
    return 1 if answer.get("failed") else 0


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


# --- another engine


def _classic(session: Session, flags: Flags, source: Source) -> int:
    for name in _OWN_ONLY:
        if flags.changed(name):
            raise NotOffered(f"--{name} needs Baleen's own engine, and this is another one")
    from baleen.cli.pulling import show_progress

    upload = None if source.remote else exchange.classic_upload(source)
    first = next(upload, b"") if upload is not None else b""
    query: dict[str, QueryValue] = settings.build_query(flags, source.dockerfile, source.remote)
    query["platform"] = ",".join(flags.texts("platform")) or None
    names = flags.texts("cache-from")
    if names:
        import json

        query["cachefrom"] = json.dumps(names)
    registries = settings.registry_config(session.config_directory)

    def joined() -> Iterator[bytes]:
        yield first
        yield from upload or ()

    response = exchange.request_build(
        session.client,
        query,
        joined() if upload is not None else None,
        registries=registries,
        ours=False,
    )
    image = ""

    def watched() -> Iterator[JsonObject]:
        nonlocal image
        for message in response.objects():
            aux = message.get("aux")
            if isinstance(aux, dict):
                image = str(aux.get("ID") or image)
            yield message

    show_progress(session, watched())
    if flags.text("iidfile"):
        _write(flags.text("iidfile"), image)
    return 0


def _platforms(text: str) -> str:
    if not all(text.split(",")):
        raise InvalidArgument(f"invalid platform: {text!r}")
    return text


COMMAND = Command(
    _run,
    "[OPTIONS] PATH | URL | -",
    flags=(
        Flag("add-host", "", "list", "Add a custom host-to-IP mapping (host:ip)"),
        Flag("allow", "", "list", "Allow extra privileged entitlement (network.host, ...)"),
        Flag("attest", "", "list", "Attestation parameters (type=sbom|provenance, ...)"),
        Flag("build-arg", "", "list", "Set build-time variables"),
        Flag("build-context", "", "list", "Additional build contexts (name=path)"),
        Flag("cache-from", "", "list", "Images to consider as cache sources"),
        Flag("cache-to", "", "list", "Cache export destinations (type=registry,ref=NAME)"),
        Flag("call", "", "string", "What to tell instead of building (check, outline, targets)"),
        Flag("cgroup-parent", "", "string", "Set the parent cgroup for the RUN instructions"),
        Flag("check", "", "bool", "Check the Dockerfile instead of building"),
        Flag("compress", "", "bool", "Accepted for Docker's sake: the context goes as it is"),
        Flag("cpu-period", "", "int", "Limit the CPU CFS (Completely Fair Scheduler) period"),
        Flag("cpu-quota", "", "int", "Limit the CPU CFS (Completely Fair Scheduler) quota"),
        Flag("cpu-shares", "c", "int", "CPU shares (relative weight)"),
        Flag("cpuset-cpus", "", "string", "CPUs in which to allow execution (0-3, 0,1)"),
        Flag("cpuset-mems", "", "string", "MEMs in which to allow execution (0-3, 0,1)"),
        Flag("file", "f", "string", 'Name of the Dockerfile (default: "PATH/Dockerfile")'),
        Flag("force-rm", "", "bool", "Always remove intermediate containers"),
        Flag("graph", "", "string", "Draw the steps of the build as an SVG file"),
        Flag("iidfile", "", "string", "Write the image ID to the file"),
        Flag("isolation", "", "string", "Container isolation technology"),
        Flag("label", "", "list", "Set metadata for an image"),
        Flag("load", "", "bool", "Accepted for Docker's sake: the image always is loaded"),
        Flag("memory", "m", "bytes", "Memory limit", parse=parse_size),
        Flag(
            "memory-swap",
            "",
            "bytes",
            "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
            parse=parse_swap_size,
        ),
        Flag("metadata-file", "", "string", "Write build result metadata to a file"),
        Flag("network", "", "string", "Set the networking mode for the RUN instructions"),
        Flag("no-cache", "", "bool", "Do not use cache when building the image"),
        Flag("no-cache-filter", "", "strings", "Do not cache specified stages"),
        Flag("on-error", "", "string", 'What to do when a step fails: "shell" opens one in it'),
        Flag("output", "o", "list", "Output destination (type=local,dest=path)"),
        Flag("platform", "", "strings", "Set target platforms for the build"),
        Flag(
            "progress",
            "",
            "string",
            'Type of progress output ("auto", "plain", "quiet", "rawjson")',
            default="auto",
        ),
        Flag("provenance", "", "string", 'Shorthand for "--attest=type=provenance"'),
        Flag("pull", "", "bool", "Always attempt to pull a newer version of the image"),
        Flag("push", "", "bool", 'Shorthand for "--output=type=registry"'),
        Flag("quiet", "q", "bool", "Suppress the build output and print image ID on success"),
        Flag("rm", "", "bool", "Remove intermediate containers after success", default=True),
        Flag("sbom", "", "string", 'Shorthand for "--attest=type=sbom"'),
        Flag("secret", "", "list", "Secret to expose to the build (id=ID,src=FILE or env=NAME)"),
        Flag("shm-size", "", "bytes", "Size of /dev/shm", parse=parse_size),
        Flag("squash", "", "bool", "Squash newly built layers into a single new layer"),
        Flag("ssh", "", "list", "SSH agent socket to expose to the build (default|ID[=SOCKET])"),
        Flag("tag", "t", "list", "Name and optionally a tag in the name:tag format"),
        Flag("target", "", "string", "Set the target build stage to build"),
        Flag("ulimit", "", "ulimit", "Ulimit options", parse=parse_ulimit),
        Flag("why", "", "bool", "Tell of each step why it was not taken from the cache"),
    ),
    minimum=1,
    maximum=1,
)
