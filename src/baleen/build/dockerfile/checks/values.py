"""The rules that need values: variables, platforms, base images, what is left out of the context.

Each stage is gone through with the variables that are set at each instruction, as the build would
set them. Where a base image's environment is not known, variables are not called undefined.

See: Build checks; Dockerfile reference, ARG.
"""

from __future__ import annotations

import posixpath
import re
from collections import ChainMap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.build.dockerfile.checks.rules import Finding
from baleen.build.dockerfile.errors import quoted, suggestion
from baleen.build.dockerfile.expanded import EXPANDED
from baleen.build.dockerfile.expansion import (
    Expansion,
    ExpansionError,
    Quotes,
    analyse,
    expand,
)
from baleen.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    KeyValue,
    RunMount,
    Shell,
    Workdir,
)
from baleen.errors import BaleenError
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from baleen.api.ignore import Ignore
    from baleen.build.dockerfile.instructions import Dockerfile, From, Instruction, Stage

__all__ = ["PLATFORM_ARGS", "Values"]

PLATFORM_ARGS: dict[str, str] = {
    "BUILDPLATFORM": "linux/amd64",
    "BUILDOS": "linux",
    "BUILDOSVERSION": "",
    "BUILDARCH": "amd64",
    "BUILDVARIANT": "",
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETOSVERSION": "",
    "TARGETARCH": "amd64",
    "TARGETVARIANT": "",
    "TARGETSTAGE": "default",
}
"""The arguments that are set without being declared, before the first FROM; with some values."""

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_PUBLIC = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)
_KEPT = 4096
"""Characters of a value: enough to find what is wrong, too few to fill the memory."""
_MAX_HINTS = 100
_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@", re.IGNORECASE)


@dataclass(slots=True)
class _State:
    """What a stage has set so far; environment None: the base image's is not known."""

    environment: dict[str, str]
    is_known: bool
    declared: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    has_absolute_workdir: bool = False
    has_shell: bool = False

    def variables(self) -> Mapping[str, str]:
        return ChainMap(self.environment, self.declared)


class Values:
    """Goes through the stages in order."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        build_args: Mapping[str, str],
        ignore: Ignore | None,
        environment_of: Callable[[str], Mapping[str, str] | None],
    ) -> None:
        self._dockerfile = dockerfile
        self._escape = dockerfile.escape
        self._build_args = build_args
        self._ignore = ignore
        self._environment_of = environment_of
        self._global: dict[str, str] = dict(PLATFORM_ARGS)
        self._global_defaults: dict[str, str] = dict(PLATFORM_ARGS)
        self._global_names = set(PLATFORM_ARGS)
        self._stages: dict[str, _State] = {}
        self._hints = 0

    def findings(self) -> Iterator[Finding]:
        """Yield what breaks the rules, in the order of the stages."""
        for one in self._dockerfile.global_args:
            yield from _secrets(one, "ARG")
            for pair in one.pairs:
                self._global_names.add(pair.key)
                self._declare_global(pair)
        for stage in self._dockerfile.stages:
            yield from self._base(stage.base)
            state = self._begin(stage)
            for instruction in stage.instructions:
                yield from self._instruction(instruction, state)
            self._stages[stage.base.alias or f"#{stage.index}"] = state

    # --- FROM ------------------------------------------------------------------------------------

    def _declare_global(self, pair: KeyValue) -> None:
        for values, given in (
            (self._global, self._build_args.get(pair.key)),
            (self._global_defaults, None),
        ):
            if given is not None:
                values[pair.key] = given
            elif pair.value is not None:
                values[pair.key] = self._expanded(pair.value, values)

    def _base(self, base: From) -> Iterator[Finding]:
        for word in (base.image, base.platform):
            found = self._analysed(word, self._global)
            for name in sorted(found.unset - self._global_names):
                hint = self._hint(name, self._global_names)
                text = f"FROM argument '{name}' is not declared{hint}"
                yield Finding("UndefinedArgInFrom", text, base.location)
        default = self._analysed(base.image, self._global_defaults)
        if (default.used or default.unset) and not _is_image_name(default.text):
            text = f"Default value for ARG {base.image} results in empty or invalid base image name"
            yield Finding("InvalidDefaultArgInFrom", text, base.location)
        if base.platform:
            yield from self._platform(base)

    def _platform(self, base: From) -> Iterator[Finding]:
        found = self._analysed(base.platform, self._global)
        if (
            found.used == {"TARGETPLATFORM"}
            and not found.unset
            and found.text == self._global["TARGETPLATFORM"]
        ):
            text = (
                f"Setting platform to predefined {base.platform} in FROM is redundant as this is "
                "the default behavior"
            )
            yield Finding("RedundantTargetPlatform", text, base.location)
        if not found.used and not found.unset:
            parts = [part for part in found.text.split("/")[:2] if part]
            if not any(part in base.alias for part in parts):
                text = f"FROM --platform flag should not use constant value {quoted(found.text)}"
                yield Finding("FromPlatformFlagConstDisallowed", text, base.location)

    def _begin(self, stage: Stage) -> _State:
        image = self._expanded(stage.base.image, self._global)
        parent = self._stages.get(image.lower())
        if parent is not None:
            return _State(
                dict(parent.environment),
                parent.is_known,
                has_absolute_workdir=parent.has_absolute_workdir,
                has_shell=parent.has_shell,
            )
        known = {} if image == "scratch" else self._environment_of(image)
        return _State({"PATH": _DEFAULT_PATH, **(known or {})}, known is not None)

    # --- instructions ----------------------------------------------------------------------------

    def _instruction(self, one: Instruction, state: _State) -> Iterator[Finding]:
        yield from self._undefined(one, state)
        match one:
            case Arg():
                yield from _secrets(one, "ARG")
                for pair in one.pairs:
                    self._declare(pair, state)
            case Env():
                yield from _secrets(one, "ENV")
                before = state.variables()
                state.environment |= {
                    self._expanded(pair.key, before): self._expanded(pair.value or "", before)
                    for pair in one.pairs
                }
            case Shell():
                state.has_shell = True
            case Cmd() | Entrypoint():
                if one.command.shell and not state.has_shell:
                    name = type(one).__name__.upper()
                    text = (
                        f"JSON arguments recommended for {name} to prevent unintended behavior "
                        "related to OS signals"
                    )
                    yield Finding("JSONArgsRecommended", text, one.location)
            case Workdir():
                yield from self._workdir(one, state)
            case Expose():
                yield from self._ports(one, state)
            case Copy() | Add():
                yield from self._ignored(one, state)
            case _:
                pass

    def _declare(self, pair: KeyValue, state: _State) -> None:
        key = self._expanded(pair.key, state.variables())
        state.names.add(key)
        if key in self._build_args:
            state.declared[key] = self._build_args[key]
        elif pair.value is not None:
            state.declared[key] = self._expanded(pair.value, state.variables())
        elif key in self._global:
            state.declared[key] = self._global[key]

    def _undefined(self, one: Instruction, state: _State) -> Iterator[Finding]:
        if not state.is_known:
            return
        variables = state.variables()
        unset: set[str] = set()
        for name in EXPANDED.get(type(one), ()):
            for word in _words(getattr(one, name)):
                unset |= self._analysed(word, variables).unset
            if name == "heredocs":
                for heredoc in getattr(one, name):
                    if heredoc.expand:
                        unset |= _analysed(heredoc.content, variables, "\\", Quotes.PLAIN).unset
        if isinstance(one, Arg):
            unset -= {pair.key for pair in one.pairs}
        for name in sorted(unset - state.names):
            hint = self._hint(name, variables).replace("(did you mean ", "(did you mean $")
            text = f"Usage of undefined variable '${name}'{hint}"
            yield Finding("UndefinedVar", text, one.location)

    def _hint(self, name: str, known: Collection[str]) -> str:
        """Return the name that was meant; not for any number of them, as each takes a search."""
        self._hints += 1
        return suggestion(name, known) if self._hints <= _MAX_HINTS else ""

    def _workdir(self, one: Workdir, state: _State) -> Iterator[Finding]:
        path = self._expanded(one.path, state.variables())
        if path.startswith("/"):
            state.has_absolute_workdir = True
        elif not state.has_absolute_workdir:
            text = (
                f"Relative workdir {quoted(path)} can have unexpected results if the base image "
                "changes"
            )
            yield Finding("WorkdirRelativePath", text, one.location)

    def _ports(self, one: Expose, state: _State) -> Iterator[Finding]:
        for word in one.ports:
            for port in self._analysed(word, state.variables()).words:
                number, _, protocol = port.partition("/")
                if protocol != protocol.lower():
                    text = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                    yield Finding("ExposeProtoCasing", text, one.location)
                if ":" in number:
                    text = (
                        "EXPOSE instruction should not define an IP address or host-port mapping, "
                        f"found '{port}'"
                    )
                    yield Finding("ExposeInvalidFormat", text, one.location)

    def _ignored(self, one: Copy | Add, state: _State) -> Iterator[Finding]:
        if self._ignore is None or (isinstance(one, Copy) and one.from_):
            return
        for word in one.sources:
            source = self._expanded(word, state.variables())
            if not source or _REMOTE.match(source):
                continue
            path = posixpath.normpath("/" + source).lstrip("/")
            if path and self._ignore.matches(path):
                text = (
                    f"Attempting to {type(one).__name__} file {quoted(source)} that is excluded "
                    "by .dockerignore"
                )
                yield Finding("CopyIgnoredFile", text, one.location)

    def _expanded(self, word: str, variables: Mapping[str, str]) -> str:
        try:
            return expand(word, variables, self._escape)[:_KEPT]
        except ExpansionError:
            return word[:_KEPT]

    def _analysed(self, word: str, variables: Mapping[str, str]) -> Expansion:
        return _analysed(word, variables, self._escape, Quotes.REMOVE)


def _analysed(word: str, variables: Mapping[str, str], escape: str, quotes: Quotes) -> Expansion:
    """Return what comes of the word; nothing of one that the build will call malformed."""
    try:
        return analyse(word, variables, escape, quotes=quotes)
    except ExpansionError:
        return Expansion("", (), frozenset(), frozenset())


def _words(value: object) -> Iterator[str]:
    """Yield the words of a field of an instruction."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, KeyValue):
        yield value.key
        yield value.value or ""
    elif isinstance(value, RunMount):
        yield value.type
        for _, text in value.options:
            yield text
    elif isinstance(value, tuple):
        for one in value:
            yield from _words(one)


def _secrets(one: Arg | Env, keyword: str) -> Iterator[Finding]:
    for pair in one.pairs:
        if _SECRET.search(pair.key) and not _PUBLIC.search(pair.key):
            text = (
                "Do not use ARG or ENV instructions for sensitive data "
                f"({keyword} {quoted(pair.key)})"
            )
            yield Finding("SecretsUsedInArgOrEnv", text, one.location)


def _is_image_name(text: str) -> bool:
    try:
        parse_reference(text)
    except BaleenError:
        return False
    return True
