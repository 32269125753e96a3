"""Every instruction in every form, and Docker's errors."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.commands import KEYWORDS
from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Heredoc,
    KeyValue,
    Label,
    Maintainer,
    Onbuild,
    Run,
    RunMount,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from baleen.build.dockerfile.parser import parse

SECOND = 10**9


def shell(text):
    return Command((text,), shell=True)


def words(*texts):
    return Command(texts, shell=False)


def only(line):
    (instruction,) = parse(f"FROM scratch\n{line}").stages[0].instructions
    return instruction


def fields(instruction):
    common = ("location", "text", "comments")
    return {
        name: getattr(instruction, name)
        for name in instruction.__dataclass_fields__
        if name not in common
    }


@pytest.mark.parametrize(
    ("line", "kind", "expected"),
    [
        ("ARG A", Arg, {"pairs": (KeyValue("A", None),)}),
        (
            "ARG A= B=c D",
            Arg,
            {"pairs": (KeyValue("A", ""), KeyValue("B", "c"), KeyValue("D", None))},
        ),
        ("ARG A='b c'", Arg, {"pairs": (KeyValue("A", "'b c'"),)}),
        ('ENV a=b c="d e"', Env, {"pairs": (KeyValue("a", "b"), KeyValue("c", '"d e"'))}),
        ("env a b  c", Env, {"pairs": (KeyValue("a", "b  c"),), "legacy": True}),
        ("LABEL a=b", Label, {"pairs": (KeyValue("a", "b"),)}),
        ('LABEL "com.x y"=z', Label, {"pairs": (KeyValue('"com.x y"', "z"),)}),
        ("MAINTAINER A B <c@d>", Maintainer, {"name": "A B <c@d>"}),
        ("RUN make all", Run, {"command": shell("make all")}),
        ('RUN ["make", "all"]', Run, {"command": words("make", "all")}),
        ("RUN ['make']", Run, {"command": shell("['make']")}),
        ("RUN", Run, {"command": shell("")}),
        (
            "RUN --network=none --security=insecure x",
            Run,
            {"command": shell("x"), "network": "none", "security": "insecure"},
        ),
        (
            "RUN --mount=type=cache,target=/c --mount=type=ssh x",
            Run,
            {
                "command": shell("x"),
                "mounts": (RunMount("cache", (("target", "/c"),)), RunMount("ssh", ())),
            },
        ),
        ("RUN <<E\na\nE", Run, {"command": shell("<<E"), "heredocs": (Heredoc("E", "a\n", True),)}),
        ("CMD", Cmd, {"command": shell("")}),
        ("CMD []", Cmd, {"command": words()}),
        ('CMD ["a b", "c"]', Cmd, {"command": words("a b", "c")}),
        ("CMD echo $HOME", Cmd, {"command": shell("echo $HOME")}),
        ("CMD --x", Cmd, None),
        ("ENTRYPOINT", Entrypoint, {"command": words()}),
        ("ENTRYPOINT []", Entrypoint, {"command": words()}),
        ("ENTRYPOINT exec top -b", Entrypoint, {"command": shell("exec top -b")}),
        ('SHELL ["/bin/bash", "-c"]', Shell, {"words": ("/bin/bash", "-c")}),
        ("HEALTHCHECK NONE", Healthcheck, {"command": None}),
        ("HEALTHCHECK none", Healthcheck, {"command": None}),
        ("HEALTHCHECK CMD curl -f x", Healthcheck, {"command": shell("curl -f x")}),
        (
            (
                "HEALTHCHECK --interval=1m30s --timeout=3s --start-period=5m "
                '--start-interval=500ms --retries=3 cmd ["a"]'
            ),
            Healthcheck,
            {
                "command": words("a"),
                "interval": 90 * SECOND,
                "timeout": 3 * SECOND,
                "start_period": 300 * SECOND,
                "start_interval": SECOND // 2,
                "retries": 3,
            },
        ),
        ("HEALTHCHECK --interval=0 --retries=0 CMD a", Healthcheck, {"command": shell("a")}),
        ("COPY a /b", Copy, {"sources": ("a",), "destination": "/b"}),
        ('COPY ["a b", "c", "/d e/"]', Copy, {"sources": ("a b", "c"), "destination": "/d e/"}),
        ("COPY 'a b' /c", Copy, {"sources": ("'a", "b'"), "destination": "/c"}),
        (
            "COPY --from=x --chown=1:2 --chmod=u+x --link --parents --exclude=*.c --exclude=d a /b",
            Copy,
            {
                "sources": ("a",),
                "destination": "/b",
                "from_": "x",
                "chown": "1:2",
                "chmod": "u+x",
                "link": True,
                "parents": True,
                "exclude": ("*.c", "d"),
            },
        ),
        ("COPY --link=false a /b", Copy, {"sources": ("a",), "destination": "/b"}),
        (
            "COPY a <<B c <<-'D' /e/\n$x\nB\n\ty\nD",
            Copy,
            {
                "sources": ("a", "c"),
                "destination": "/e/",
                "heredocs": (Heredoc("B", "$x\n", True), Heredoc("D", "y\n", False)),
            },
        ),
        (
            "COPY << B /e/\n$x\nB",
            Copy,
            {"sources": (), "destination": "/e/", "heredocs": (Heredoc("B", "$x\n", True),)},
        ),
        (
            (
                "ADD --chown=1 --chmod=0644 --link --exclude=x --checksum=sha256:ab "
                "--keep-git-dir=true --unpack=false https://x/y /z"
            ),
            Add,
            {
                "sources": ("https://x/y",),
                "destination": "/z",
                "chown": "1",
                "chmod": "0644",
                "link": True,
                "exclude": ("x",),
                "checksum": "sha256:ab",
                "keep_git_dir": True,
                "unpack": False,
            },
        ),
        ("ADD a /b", Add, {"sources": ("a",), "destination": "/b"}),
        ("WORKDIR /a b", Workdir, {"path": "/a b"}),
        ("USER a:b", User, {"user": "a:b"}),
        ("VOLUME /a /b", Volume, {"paths": ("/a", "/b")}),
        ('VOLUME ["/a b", " /c "]', Volume, {"paths": ("/a b", "/c")}),
        (
            "EXPOSE 80 443/tcp 1000-1010/udp $P",
            Expose,
            {"ports": ("$P", "1000-1010/udp", "443/tcp", "80")},
        ),
        ("STOPSIGNAL SIGKILL", StopSignal, {"signal": "SIGKILL"}),
        ("ONBUILD RUN  x", Onbuild, {"expression": "RUN  x"}),
        ("ONBUILD NOTHING x", Onbuild, {"expression": "NOTHING x"}),
        ("ONBUILD ENV", Onbuild, {"expression": "ENV"}),
        ("onbuild copy <<A /b\n1\nA", Onbuild, {"expression": "copy <<A /b\n1\nA"}),
    ],
)
def test_an_instruction_is_read(line, kind, expected):
    if expected is None:
        with pytest.raises(DockerfileError, match="unknown flag: x"):
            only(line)
        return
    found = only(line)
    assert type(found) is kind
    defaults = {name: field.default for name, field in found.__dataclass_fields__.items()}
    assert fields(found) == {name: defaults[name] for name in fields(found)} | expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FRM a", "unknown instruction: FRM (did you mean FROM?)"),
        ("copyy a b", "unknown instruction: copyy (did you mean copy?)"),
        ("FOOBAR", "unknown instruction: FOOBAR"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a of b", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1b",
            (
                'invalid name for build stage: "1b", name can\'t start with a number or '
                "contain symbols"
            ),
        ),
        (
            "FROM a AS b/c",
            (
                'invalid name for build stage: "b/c", name can\'t start with a number '
                "or contain symbols"
            ),
        ),
        ("FROM --platfrom=x a", "unknown flag: platfrom (did you mean platform?)"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =a", "ARG names can not be blank"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV =a", "ENV names can not be blank"),
        ("LABEL a", "LABEL must have two arguments"),
        ("LABEL a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("RUN [1]", "when using JSON array syntax, arrays must be comprised of strings only"),
        ("RUN --network=hst x", 'invalid network mode "hst" (did you mean host?)'),
        ("RUN --security=x y", 'security "x" is not valid'),
        ("RUN --mount=type=x y", 'unsupported mount type "x"'),
        ("RUN --mont=type=x y", "unknown flag: mont (did you mean mount?)"),
        ("SHELL", "SHELL requires at least one argument"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("SHELL bash -c", "SHELL requires the arguments to be in JSON form"),
        (r'SHELL ["c:\windows\cmd.exe"]', None),
        (
            "COPY a",
            (
                "COPY requires at least two arguments, but only one was provided. "
                "Destination could not be determined"
            ),
        ),
        (
            "ADD",
            (
                "ADD requires at least two arguments, but only one was provided. "
                "Destination could not be determined"
            ),
        ),
        ("COPY --chwn=1 a b", "unknown flag: chwn (did you mean chown?)"),
        ("COPY --chown=1 --chown=2 a b", "duplicate flag specified: chown"),
        ("COPY --from a b", "missing a value on flag: from"),
        ("COPY --link=x a b", "expecting boolean value for flag link, not: x"),
        ("ADD --from=x a b", "unknown flag: from"),
        ("COPY a <<B\nx\nB", "COPY cannot accept a heredoc as a destination"),
        ("COPY <<B /x\ny", "unterminated heredoc"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK foo x", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=x CMD a", 'time: invalid duration "x"'),
        ("HEALTHCHECK --interval=1us CMD a", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --start-period=-1s CMD a", 'Interval "start-period" cannot be less than 1ms'),
        ("HEALTHCHECK --retries=x CMD a", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        (
            "HEALTHCHECK --retries=9999999999 CMD a",
            'strconv.ParseInt: parsing "9999999999": value out of range',
        ),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD maintainer x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        (
            "ONBUILD CMD [1]",
            "when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("ONBUILD ENV a", "ENV must have two arguments"),
    ],
)
def test_a_malformed_instruction_is_an_error_in_docker_s_words(line, message):
    with pytest.raises(DockerfileError) as raised:
        parse(f"FROM scratch\n{line}")
    if message is None:
        assert "without an escaped back-slash" in raised.value.summary
        return
    assert raised.value.summary == f"dockerfile parse error on line 2: {message}"
    assert raised.value.location.line == 2
    assert "   2 | >>> " in raised.value.message


def test_all_instructions_of_the_reference_are_known():
    reference = (
        "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN "
        "SHELL STOPSIGNAL USER VOLUME WORKDIR"
    )
    assert " ".join(sorted(KEYWORDS)) == reference
