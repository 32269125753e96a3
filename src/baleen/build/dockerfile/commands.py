"""One function for each instruction: from a statement to what it says, in every form.

All raise InvalidArgument; the caller knows the place.

See: Dockerfile reference; BuildKit, `frontend/dockerfile/instructions` (for the errors' wording).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from baleen.api.timestamps import parse_duration
from baleen.build.dockerfile.devices import parse_device
from baleen.build.dockerfile.errors import quoted, suggestion
from baleen.build.dockerfile.heredocs import joined, open_heredoc
from baleen.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    KeyValue,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from baleen.build.dockerfile.mounts import parse_mount
from baleen.build.dockerfile.words import (
    SPACES,
    Flags,
    key_values,
    quoted_words,
    split_keyword,
    string_array,
    words,
)
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.dockerfile.statements import Source, Statement

__all__ = ["KEYWORDS", "check_trigger"]

_STAGE_NAME = re.compile("[a-z][a-z0-9-_.]*")
_NETWORKS = ("default", "none", "host")
_SECURITIES = ("sandbox", "insecure")
_WITH_ARRAYS = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_MILLISECOND = 1_000_000
_RETRIES = re.compile("[+-]?[0-9]{1,10}")
_WINDOWS_PATH = re.compile(r'"[a-z]:\\')


def _from(statement: Statement, _: Source, common: dict[str, Any]) -> From:
    arguments = words(statement.rest)
    alias = ""
    if len(arguments) == 3 and arguments[1].lower() == "as":
        alias = arguments[2].lower()
        if not _STAGE_NAME.fullmatch(alias):
            raise InvalidArgument(
                f"invalid name for build stage: {quoted(arguments[2])}, "
                "name can't start with a number or contain symbols"
            )
    elif len(arguments) != 1:
        raise InvalidArgument("FROM requires either one or three arguments")
    flags = Flags(statement.flags, {"platform": "text"})
    return From(image=arguments[0], platform=flags.text("platform"), alias=alias, **common)


def _arg(statement: Statement, source: Source, common: dict[str, Any]) -> Arg:
    Flags(statement.flags, {})
    pairs: list[KeyValue] = []
    for word in quoted_words(statement.rest, source.escape):
        key, equals, value = word.partition("=")
        if not key:
            raise InvalidArgument("ARG names can not be blank")
        pairs.append(KeyValue(key, value if equals else None))
    if not pairs:
        raise InvalidArgument("ARG requires at least one argument")
    return Arg(pairs=tuple(pairs), **common)


def _env(statement: Statement, source: Source, common: dict[str, Any]) -> Env:
    pairs, legacy = _pairs(statement, source)
    return Env(pairs=pairs, legacy=legacy, **common)


def _label(statement: Statement, source: Source, common: dict[str, Any]) -> Label:
    pairs, legacy = _pairs(statement, source)
    return Label(pairs=pairs, legacy=legacy, **common)


def _pairs(statement: Statement, source: Source) -> tuple[tuple[KeyValue, ...], bool]:
    keyword = statement.keyword.upper()
    Flags(statement.flags, {})
    pairs, legacy = key_values(statement.rest, source.escape, keyword)
    if not pairs:
        raise InvalidArgument(f"{keyword} requires at least one argument")
    if not all(pair.key for pair in pairs):
        raise InvalidArgument(f"{keyword} names can not be blank")
    return pairs, legacy


def _maintainer(statement: Statement, _: Source, common: dict[str, Any]) -> Maintainer:
    return Maintainer(name=_only_argument(statement), **common)


def _workdir(statement: Statement, _: Source, common: dict[str, Any]) -> Workdir:
    return Workdir(path=_only_argument(statement), **common)


def _user(statement: Statement, _: Source, common: dict[str, Any]) -> User:
    return User(user=_only_argument(statement), **common)


def _stop_signal(statement: Statement, _: Source, common: dict[str, Any]) -> StopSignal:
    return StopSignal(signal=_only_argument(statement), **common)


def _only_argument(statement: Statement) -> str:
    Flags(statement.flags, {})
    if not statement.rest:
        raise InvalidArgument(f"{statement.keyword.upper()} requires exactly one argument")
    return statement.rest


def _expose(statement: Statement, _: Source, common: dict[str, Any]) -> Expose:
    Flags(statement.flags, {})
    ports = words(statement.rest)
    if not ports:
        raise InvalidArgument("EXPOSE requires at least one argument")
    return Expose(ports=tuple(sorted(ports)), **common)


def _volume(statement: Statement, _: Source, common: dict[str, Any]) -> Volume:
    Flags(statement.flags, {})
    paths = [path.strip(SPACES) for path in _array_or_words(statement.rest)]
    if not paths:
        raise InvalidArgument("VOLUME requires at least one argument")
    if not all(paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return Volume(paths=tuple(paths), **common)


def _array_or_words(rest: str) -> tuple[str, ...]:
    array = string_array(rest)
    return words(rest) if array is None else array


def _command(rest: str) -> Command:
    array = string_array(rest)
    is_shell_form = array is None
    return Command((rest,) if array is None else array, shell=is_shell_form)


def _cmd(statement: Statement, _: Source, common: dict[str, Any]) -> Cmd:
    Flags(statement.flags, {})
    return Cmd(command=_command(statement.rest), **common)


def _entrypoint(statement: Statement, _: Source, common: dict[str, Any]) -> Entrypoint:
    Flags(statement.flags, {})
    # Without a word it takes the base's entrypoint away, as `ENTRYPOINT []` does.
    return Entrypoint(command=_command(statement.rest or "[]"), **common)


def _run(statement: Statement, _: Source, common: dict[str, Any]) -> Run:
    kinds = {"device": "texts", "mount": "texts", "network": "text", "security": "text"}
    flags = Flags(statement.flags, kinds)
    network = flags.text("network")
    if network and network not in _NETWORKS:
        raise InvalidArgument(
            f"invalid network mode {quoted(network)}{suggestion(network, _NETWORKS)}"
        )
    security = flags.text("security")
    if security and security not in _SECURITIES:
        raise InvalidArgument(
            f"security {quoted(security)} is not valid{suggestion(security, _SECURITIES)}"
        )
    return Run(
        command=_command(statement.rest),
        mounts=tuple(parse_mount(text) for text in flags.texts("mount")),
        network=network,
        security=security,
        devices=tuple(parse_device(text) for text in flags.texts("device")),
        heredocs=statement.heredocs,
        **common,
    )


def _shell(statement: Statement, _: Source, common: dict[str, Any]) -> Shell:
    Flags(statement.flags, {})
    array = string_array(statement.rest)
    if array is None and statement.rest:
        hint = ""
        written = statement.rest.lower()
        if _WINDOWS_PATH.search(written) and "\\\\" not in written and "]" in written:
            hint = (
                f". It looks like '{written}' includes a file path without an escaped back-slash. "
                "JSON requires back-slashes to be escaped such as "
                r'["c:\\path\\to\\file.exe", "/parameter"]'
            )
        raise InvalidArgument(f"SHELL requires the arguments to be in JSON form{hint}")
    if not array:
        raise InvalidArgument("SHELL requires at least one argument")
    return Shell(words=array, **common)


def _healthcheck(statement: Statement, _: Source, common: dict[str, Any]) -> Healthcheck:
    if not statement.rest:
        raise InvalidArgument("HEALTHCHECK requires at least one argument")
    kind = words(statement.rest)[0]
    rest = statement.rest[len(kind) :].strip(SPACES)
    if kind.upper() == "NONE":
        if rest:
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(command=None, **common)
    flags = Flags(
        statement.flags,
        {
            "interval": "text",
            "timeout": "text",
            "start-period": "text",
            "start-interval": "text",
            "retries": "text",
        },
    )
    if kind.upper() != "CMD":
        raise InvalidArgument(f"Unknown type {quoted(kind.upper())} in HEALTHCHECK (try CMD)")
    command = _command(rest)
    if not rest or not command.words:
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    return Healthcheck(
        command=command,
        interval=_interval("interval", flags),
        timeout=_interval("timeout", flags),
        start_period=_interval("start-period", flags),
        start_interval=_interval("start-interval", flags),
        retries=_retries(flags.text("retries")),
        **common,
    )


def _interval(name: str, flags: Flags) -> int:
    text = flags.text(name)
    if not text:
        return 0
    nanoseconds = parse_duration(text)
    if nanoseconds and nanoseconds < _MILLISECOND:
        raise InvalidArgument(f"Interval {quoted(name)} cannot be less than 1ms")
    return nanoseconds


def _retries(text: str) -> int:
    if not text:
        return 0
    if not _RETRIES.fullmatch(text):
        raise InvalidArgument(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if int(text) >= 2**31:
        raise InvalidArgument(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    if int(text) < 0:
        raise InvalidArgument(f"--retries cannot be negative ({int(text)})")
    return int(text)


def _copy(statement: Statement, _: Source, common: dict[str, Any]) -> Copy:
    sources, heredocs, destination = _sources_and_destination(statement)
    flags = Flags(
        statement.flags,
        {
            "from": "text",
            "chown": "text",
            "chmod": "text",
            "link": "bool",
            "parents": "bool",
            "exclude": "texts",
        },
    )
    return Copy(
        sources=sources,
        destination=destination,
        heredocs=heredocs,
        from_=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.truth("link")),
        parents=bool(flags.truth("parents")),
        exclude=flags.texts("exclude"),
        **common,
    )


def _add(statement: Statement, _: Source, common: dict[str, Any]) -> Add:
    sources, heredocs, destination = _sources_and_destination(statement)
    flags = Flags(
        statement.flags,
        {
            "chown": "text",
            "chmod": "text",
            "link": "bool",
            "exclude": "texts",
            "checksum": "text",
            "keep-git-dir": "bool",
            "unpack": "bool",
        },
    )
    return Add(
        sources=sources,
        destination=destination,
        heredocs=heredocs,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.truth("link")),
        exclude=flags.texts("exclude"),
        checksum=flags.text("checksum"),
        keep_git_dir=bool(flags.truth("keep-git-dir")),
        unpack=flags.truth("unpack"),
        **common,
    )


def _sources_and_destination(
    statement: Statement,
) -> tuple[tuple[str, ...], tuple[Heredoc, ...], str]:
    keyword = statement.keyword.upper()
    arguments = _array_or_words(statement.rest)
    contents = {one.name: one for one in statement.heredocs}
    if contents:
        arguments = joined(arguments)
    if len(arguments) < 2:
        raise InvalidArgument(
            f"{keyword} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )
    *given, destination = arguments
    if contents and open_heredoc(destination) is not None:
        raise InvalidArgument(f"{keyword} cannot accept a heredoc as a destination")
    sources: list[str] = []
    heredocs: list[Heredoc] = []
    for word in given:
        opening = open_heredoc(word) if contents and "<<" in word else None
        if opening is not None and opening.name in contents:
            heredocs.append(contents[opening.name])
        else:
            sources.append(word)
    return tuple(sources), tuple(heredocs), destination


def _onbuild(statement: Statement, source: Source, common: dict[str, Any]) -> Onbuild:
    """Return the trigger as a text; Docker calls most of what is wrong in it where it triggers."""
    Flags(statement.flags, {})
    if not statement.rest:
        raise InvalidArgument("ONBUILD requires at least one argument")
    keyword, _flags, rest = split_keyword(statement.rest, source.escape)
    check_trigger(keyword)
    if keyword.upper() in ("ENV", "LABEL"):
        key_values(rest, source.escape, keyword.upper())
    elif keyword.upper() in _WITH_ARRAYS:
        string_array(rest)
    bodies = "".join(f"\n{one.content}{one.name}" for one in statement.heredocs)
    return Onbuild(expression=statement.rest + bodies, **common)


def check_trigger(keyword: str) -> None:
    """Raise InvalidArgument if an instruction of that name cannot be an ONBUILD trigger."""
    word = keyword.upper()
    if word == "ONBUILD":
        raise InvalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in ("MAINTAINER", "FROM"):
        raise InvalidArgument(f"{word} isn't allowed as an ONBUILD trigger")


KEYWORDS: dict[str, Callable[[Statement, Source, dict[str, Any]], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
"""What reads each instruction, by its name."""
