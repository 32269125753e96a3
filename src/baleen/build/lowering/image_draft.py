"""The image's configuration while a stage is read: what each instruction changes, and the history.

History entries are written in BuildKit's words (`CMD ["sh"]`, `RUN /bin/sh -c x # buildkit`),
because tools read them.

See: OCI image-spec config.md; BuildKit, dockerfile2llb/convert.go, commitToHistory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.build.plan import HistoryStep
from baleen.oci.image import (
    NO_CACHE,
    ExecutionConfig,
    HealthConfig,
    HistoryEntry,
    ImageConfig,
    RootFs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.build.dockerfile.instructions import Command, Healthcheck
    from baleen.build.graph import Edge
    from baleen.oci.platform import Platform

__all__ = ["COMMENT", "DEFAULT_PATH", "DEFAULT_SHELL", "ImageDraft"]

COMMENT = "buildkit.dockerfile.v0"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(slots=True)
class ImageDraft:
    """One stage's image.

    Attributes:
        config: without layers and history.
        base_history: of the image that the first stage of the chain stands on.
        base_created: of that image, or None.
        history: what was added since.
        cmd_set: whether CMD stands in this stage: then ENTRYPOINT leaves it.
    """

    config: ImageConfig
    base_history: tuple[HistoryEntry, ...] = ()
    base_created: str | None = None
    history: list[HistoryStep] = field(default_factory=list)
    cmd_set: bool = False

    @classmethod
    def scratch(cls, platform: Platform) -> ImageDraft:
        """Return the draft of an image without anything."""
        return cls(
            ImageConfig(
                architecture=platform.architecture,
                os=platform.os,
                variant=platform.variant,
                os_version=platform.os_version,
                rootfs=RootFs(type="layers"),
                config=ExecutionConfig(working_dir="/"),
            )
        )

    @classmethod
    def on(cls, base: ImageConfig) -> ImageDraft:
        """Return the draft of an image on the image `base`."""
        return cls(
            msgspec.structs.replace(
                base,
                config=base.execution,
                rootfs=RootFs(type="layers"),
                history=None,
                created=None,
                build_cache=NO_CACHE,
            ),
            base_history=tuple(base.history or ()),
            base_created=base.created,
        )

    def child(self) -> ImageDraft:
        """Return the draft of a stage on this stage; its triggers have been taken over by then."""
        draft = replace(self, history=list(self.history), cmd_set=False)
        draft.change(on_build=None)
        return draft

    @property
    def execution(self) -> ExecutionConfig:
        """The execution parameters so far."""
        return self.config.execution

    @property
    def shell(self) -> tuple[str, ...]:
        """What the shell form is given to."""
        return tuple(self.execution.shell or DEFAULT_SHELL)

    def change(self, **changes: Any) -> None:  # noqa: ANN401  # fields of ExecutionConfig
        """Set execution parameters."""
        execution = msgspec.structs.replace(self.execution, **changes)
        self.config = msgspec.structs.replace(self.config, config=execution)

    def record(
        self, created_by: str, before: Edge | None = None, after: Edge | None = None
    ) -> None:
        """Add to the history; with `after`, a layer."""
        entry = HistoryEntry(created_by=created_by, comment=COMMENT)
        self.history.append(HistoryStep(entry, before, after))

    # -- instructions

    def environment(self) -> dict[str, str]:
        """Return ENV as a mapping, in order."""
        pairs = (entry.partition("=") for entry in self.execution.env or ())
        return {key: value for key, _, value in pairs}

    def ensure_path(self) -> None:
        """Give the image a PATH if it has none."""
        if "PATH" not in self.environment():
            self.change(env=[*(self.execution.env or ()), f"PATH={DEFAULT_PATH}"])

    def env(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take in ENV."""
        environment = self.environment() | dict(pairs)
        self.change(env=[f"{key}={value}" for key, value in environment.items()])
        self.record(_pairs("ENV", pairs))

    def label(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take in LABEL."""
        self.change(labels={**(self.execution.labels or {}), **dict(pairs)})
        self.record(_pairs("LABEL", pairs))

    def maintainer(self, name: str) -> None:
        """Take in MAINTAINER."""
        self.config = msgspec.structs.replace(self.config, author=name)
        self.record(f"MAINTAINER {name}")

    def words(self, command: Command) -> list[str]:
        """Return what is executed for a command in either form."""
        if command.shell:
            return [*self.shell, " ".join(command.words)]
        return list(command.words)

    def cmd(self, command: Command) -> None:
        """Take in CMD."""
        words = self.words(command)
        self.cmd_set = True
        # Deprecated, but what BuildKit writes; Windows alone looks at it.
        self.change(cmd=words, args_escaped=True)
        self.record(f"CMD {_quoted(words)}")

    def entrypoint(self, command: Command) -> None:
        """Take in ENTRYPOINT: a CMD that is not of this stage goes."""
        words = self.words(command)
        self.change(entrypoint=words or None)
        if not self.cmd_set:
            self.change(cmd=None)
        self.record(f"ENTRYPOINT {_quoted(words)}")

    def set_shell(self, words: Sequence[str]) -> None:
        """Take in SHELL."""
        self.change(shell=list(words))
        self.record(f"SHELL [{' '.join(words)}]")

    def healthcheck(self, check: Healthcheck) -> None:
        """Take in HEALTHCHECK."""
        if check.command is None:
            test = ["NONE"]
        elif check.command.shell:
            test = ["CMD-SHELL", " ".join(check.command.words)]
        else:
            test = ["CMD", *check.command.words]
        health = HealthConfig(
            test=test,
            interval=check.interval,
            timeout=check.timeout,
            start_period=check.start_period,
            start_interval=check.start_interval,
            retries=check.retries,
        )
        self.change(healthcheck=health)
        times = (health.interval, health.timeout, health.start_period, health.start_interval)
        shown = " ".join(f'"{_duration(time)}"' for time in times)
        self.record(f"HEALTHCHECK &{{{_quoted(test)} {shown} {_rune(health.retries)}}}")

    def user(self, user: str) -> None:
        """Take in USER."""
        self.change(user=user)
        self.record(f"USER {user}")

    def volume(self, paths: Sequence[str]) -> None:
        """Take in VOLUME."""
        self.change(volumes={**(self.execution.volumes or {}), **{path: {} for path in paths}})
        self.record(f"VOLUME [{' '.join(paths)}]")

    def expose(self, ports: Sequence[str]) -> None:
        """Take in EXPOSE; `ports` are `80/tcp`."""
        self.change(
            exposed_ports={**(self.execution.exposed_ports or {}), **{port: {} for port in ports}}
        )
        self.record(f"EXPOSE map[{' '.join(f'{port}:{{}}' for port in sorted(set(ports)))}]")

    def stop_signal(self, signal: str) -> None:
        """Take in STOPSIGNAL."""
        self.change(stop_signal=signal)
        self.record(f"STOPSIGNAL {signal}")

    def onbuild(self, expression: str) -> None:
        """Take in ONBUILD, which leaves no trace in the history."""
        self.change(on_build=[*(self.execution.on_build or ()), expression])

    def finished(self, labels: Mapping[str, str]) -> ImageConfig:
        """Return the config with the labels of the request over those of the Dockerfile."""
        if labels:
            self.change(labels={**(self.execution.labels or {}), **labels})
        return self.config


def _pairs(word: str, pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join([word, *(f"{key}={value}" for key, value in pairs)])


def _quoted(words: Sequence[str]) -> str:
    """Return Go's %q of a list of strings."""
    return "[" + " ".join(json.dumps(word, ensure_ascii=False) for word in words) + "]"


def _rune(number: int) -> str:
    """Return Go's %q of a small integer: a character."""
    if 32 <= number < 127:
        return f"'{chr(number)}'"
    special = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
    return "'" + special.get(number, f"\\x{number & 0xFF:02x}") + "'"


def _duration(nanoseconds: int) -> str:
    """Return Go's text of a duration: `1h2m3.5s`, `1m0s`, `500ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 1_000_000)):
        if nanoseconds < size * 1000:
            return f"{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    text = f"{_decimal(rest, 10**9)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    digits = len(str(size)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")
