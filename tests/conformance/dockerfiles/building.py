"""How a case is built: over the classic `/build` endpoint, or by a docker command line.

The image is then inspected, and exported from a container that is never started.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from corpus import Build, Case
from judging import Outcome, Tree, problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES_PORT = 8000
TIMEOUT_S = 60


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class HttpBuilder:
    """The daemon behind a socket, as the classic protocol reaches it."""

    name = "classic"

    def __init__(self, path: str) -> None:
        self.socket = path

    # --- the API ---------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(self.socket)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {"Content-Type": kind} if data else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, data = self.request(method, path, body)
        assert status < 400, (method, path, status, data)
        return json.loads(data or b"null")

    # --- one build -------------------------------------------------------------------------------

    def build(self, build: Build, tag: str) -> Outcome:
        """Send the request; the outcome has the output and the error, not yet the image."""
        query = {"t": tag, "version": "1", **_query(build)}
        status, data = self.request(
            "POST", f"/build?{urlencode(query)}", build.context(), "application/x-tar"
        )
        if status >= 400:
            return Outcome(error=json.loads(data)["message"])
        outcome = Outcome()
        for line in data.splitlines():
            message = json.loads(line)
            # Where the classic stream paints the error output red may be in the middle of a line.
            outcome.output += re.sub(r"\x1b\[\d+m", "", message.get("stream") or "")
            if "error" in message:
                outcome.error = message["errorDetail"]["message"]
        _read_steps(outcome)
        return outcome

    def look(self, outcome: Outcome, tag: str, base: str, *, tree: bool = True) -> None:
        """Fill in the image and its files, from the layers that `docker save` gives."""
        outcome.image = self.json("GET", f"/images/{tag}/json")
        if base != "scratch":
            with contextlib.suppress(AssertionError):
                found = self.json("GET", f"/images/{quote(base)}/json")
                outcome.base_layers = len(found["RootFS"]["Layers"])
        if not outcome.image["RootFS"].get("Layers"):
            outcome.tree = Tree()
            return
        if not tree:
            return
        status, data = self.request("GET", f"/images/{tag}/get")
        assert status == 200, data
        with tarfile.open(fileobj=BytesIO(data)) as tar:

            def member(name: str) -> bytes:
                file = tar.extractfile(name)
                assert file is not None
                return file.read()

            (manifest,) = json.loads(member("manifest.json"))
            outcome.tree = Tree.of(*(_plain(member(name)) for name in manifest["Layers"] or ()))

    def exported(self, tag: str) -> Tree:
        """Return the file system of a container that is never started."""
        body = {"Image": tag, "Cmd": ["/never"], "Entrypoint": [], "NetworkDisabled": True}
        container = self.json("POST", "/containers/create", body)["Id"]
        try:
            status, data = self.request("GET", f"/containers/{container}/export")
            assert status == 200, data
            return Tree.of(data)
        finally:
            self.request("DELETE", f"/containers/{container}?v=1&force=1")

    def printed(self, tag: str, arguments: tuple[str, ...]) -> str:
        """Run a container to its end; returns what it printed, and a bad exit code."""
        body = {"Image": tag, "HostConfig": {"NetworkMode": "none"}}
        if arguments:
            body["Cmd"] = list(arguments)
        container = self.json("POST", "/containers/create", body)["Id"]
        try:
            self.json("POST", f"/containers/{container}/start")
            code = self.json("POST", f"/containers/{container}/wait")["StatusCode"]
            _, data = self.request("GET", f"/containers/{container}/logs?stdout=1&stderr=1")
        finally:
            self.request("DELETE", f"/containers/{container}?v=1&force=1")
        text = b""
        while data:
            size = int.from_bytes(data[4:8], "big")
            text, data = text + data[8 : 8 + size], data[8 + size :]
        return text.decode() + (f"[exit code {code}]" if code else "")

    def remove(self, tag: str) -> None:
        self.request("DELETE", f"/images/{tag}?force=1")


class CliBuilder(HttpBuilder):
    """A docker command that builds from a directory; `buildkit` by its BuildKit protocol."""

    def __init__(self, path: str, program: str, *, buildkit: bool = False) -> None:
        super().__init__(path)
        self._program, self._buildkit = program, buildkit
        self.name = "buildkit" if buildkit else "classic"

    def build(self, build: Build, tag: str) -> Outcome:
        with (
            tempfile.TemporaryDirectory(prefix="case-") as name,
            tempfile.TemporaryDirectory(prefix="config-") as config,
        ):
            with tarfile.open(fileobj=BytesIO(build.context())) as tar:
                tar.extractall(name, filter="fully_trusted")
            command = [self._program, "build", "-t", tag, *_flags(build, name), name]
            if self._buildkit:
                command[2:2] = ["--progress", "plain"]
            done = subprocess.run(
                command,
                env={
                    "PATH": os.environ["PATH"],
                    "DOCKER_HOST": f"unix://{self.socket}",
                    "DOCKER_BUILDKIT": str(int(self._buildkit)),
                    "DOCKER_CONFIG": config,
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_S,
            )
        outcome = Outcome(output=done.stdout + done.stderr)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            outcome.error = said[-1] if said else "no message"
        _read_steps(outcome)
        return outcome


def _plain(layer: bytes) -> bytes:
    return gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer


def _query(build: Build) -> dict[str, str]:
    names = {"target": "target", "dockerfile": "dockerfile", "network": "networkmode"}
    query = {to: build.option(name) for name, to in names.items() if build.option(name)}
    for name, to in (("build-arg", "buildargs"), ("label", "labels")):
        if pairs := build.pairs(name):
            query[to] = json.dumps(pairs)
    if any(key == "no-cache" for key, _ in build.options):
        query["nocache"] = "1"
    if any(key == "squash" for key, _ in build.options):
        query["squash"] = "1"
    return query


def _flags(build: Build, directory: str) -> list[str]:
    flags: list[str] = []
    for key, value in build.options:
        if key == "dockerfile":
            flags += ["-f", os.path.join(directory, value)]
        elif key in ("no-cache", "squash"):
            flags.append(f"--{key}")
        else:
            flags += [f"--{key}", value]
    return flags


def _read_steps(outcome: Outcome) -> None:
    step = 0
    for line in outcome.output.splitlines():
        if match := re.match(r"Step (\d+)/\d+ : ", line):
            step = int(match[1])
            outcome.ran.add(step)
        elif line.strip() == "---> Using cache":
            outcome.cached.add(step)
            outcome.ran.discard(step)


# --- a case --------------------------------------------------------------------------------------


def run(
    case: Case, builder: HttpBuilder, cli: HttpBuilder | None = None, *, export: bool = False
) -> list[str]:
    """Build all of a case; returns what is not as expected.

    `cli` builds what a client filters. With `export` a container's files are compared as well: an
    image that is unpacked is the same as one that was left in place by its build.
    """
    made: list[str] = []
    found: list[str] = []
    try:
        for name, text in case.images.items():
            outcome = builder.build(Build(text, case.builds[0].entries), name)
            made.append(name)
            if outcome.error:
                return [f"image {name}: {outcome.error}"]
        for number, build in enumerate(case.builds, 1):
            build = _with_url(build, case.name)
            tag = f"case-{case.name}:{number}".lower()
            # A classic client knows nothing of `<Dockerfile>.dockerignore`, the daemon does.
            ignores = ".dockerignore" in build.entries and not build.option("dockerfile")
            outcome = (cli if cli and ignores else builder).build(build, tag)
            made.append(tag)
            if not outcome.error and not build.fails:
                paths = any(str(fact[0]).startswith("/") for fact in build.expect)
                builder.look(outcome, tag, _base(build), tree=paths or export)
                for arguments in (fact[2:] for fact in build.expect if fact[0] == "runs"):
                    outcome.runs[tuple(map(str, arguments))] = builder.printed(tag, arguments)
            prefix = f"build {number}: " if len(case.builds) > 1 else ""
            if export and outcome.tree is not None:
                found += _differences(outcome.tree, builder.exported(tag))
            found += [prefix + line for line in problems(build.expect, outcome)]
    finally:
        for tag in reversed(made):
            builder.remove(tag)
    return found


_OF_CONTAINERS = ("/dev", "/proc", "/sys", "/etc", "/.dockerenv")
"""Where a container has files of its own."""


def _differences(image: Tree, container: Tree) -> list[str]:
    def facts(tree: Tree) -> dict[str, tuple[object, ...]]:
        return {
            path: (*tree.members[tree.first(path)].facts[:5], tree.content(path))
            for path in tree.members
            if not path.startswith(_OF_CONTAINERS)
        }

    one, two = facts(image), facts(container)
    return [
        f"{path} is {one.get(path)} in the image, {two.get(path)} in a container"[:500]
        for path in sorted(one.keys() | two.keys())
        if one.get(path) != two.get(path)
    ]


def _with_url(build: Build, case: str) -> Build:
    url = f"http://127.0.0.1:{FILES_PORT}/{case}".encode()
    return replace(build, dockerfile=build.dockerfile.replace(b"@HTTP@", url))


def _base(build: Build) -> str:
    bases = re.findall(rb"(?im)^\s*FROM\s+(?:--\S+\s+)*(\S+)", build.dockerfile)
    return bases[-1].decode() if bases else "scratch"


# --- files for ADD -------------------------------------------------------------------------------


@contextlib.contextmanager
def files_served(cases: list[Case], netns: str, directory: Path) -> Iterator[None]:
    """Serve the `served` parts inside a network namespace, on its loopback."""
    directory.mkdir()
    for case in cases:
        for build in case.builds:
            for name, data in build.served.items():
                (directory / case.name).mkdir(exist_ok=True)
                (directory / case.name / name).write_bytes(data)
                os.utime(directory / case.name / name, (1_500_000_000, 1_500_000_000))
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", str(FILES_PORT)]
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{netns}", *command],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()  # "Serving HTTP on ..."
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
