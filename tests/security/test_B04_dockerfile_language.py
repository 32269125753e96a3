"""B04: mutated Dockerfiles and `.dockerignore` files give an error each, never a crash or a hang.

See: CVE-2024-23650. The builder's language by itself; the daemon beside it is another test's.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from baleen.api.ignore import Ignore, parse_ignore
from baleen.build.dockerfile.checks.checking import check, render
from baleen.build.dockerfile.checks.options import CheckOptions
from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.parser import parse, parse_trigger
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

MUTATIONS = 2500
DEADLINE_S = 2.0

DOCKERFILES = [
    """\
# syntax=docker/dockerfile:1
# check=skip=JSONArgsRecommended;error=true
ARG VERSION=1 BASE
FROM --platform=$BUILDPLATFORM ${BASE:-debian}:${VERSION%.*} AS Build
ARG VERSION
ENV A=1 B="two ${A:+x}" C='$D' PATH=$PATH:/opt/${VERSION//./_}
RUN --mount=type=cache,target=/c,sharing=locked --mount=type=secret,id=s,env=S \\
    # a comment
    make -j"$(nproc)" \\

    install
COPY --from=Build --chown=1:${GID:-2} --exclude=**/*.o --parents ["a b", "/c/"]
COPY <<EOF <<-"X" /etc/
one $A \\$B
EOF
\ttwo $A
\tX
ADD --checksum=sha256:00 --keep-git-dir=true https://example.com/x.git#v1 /x
RUN <<EOF 3<<F
#!/bin/sh
EOF
F
""",
    """\
# escape=`
FROM scratch as s
LABEL "a b"="c `
d" e=f
MAINTAINER nobody
SHELL ["powershell", "-command"]
HEALTHCHECK --interval=1m30s --retries=3 CMD ["a", "b"]
ONBUILD COPY --link . /x
EXPOSE 80/TCP $P 1000-1010/udp
VOLUME ["/a", "/b"]
STOPSIGNAL ${SIGNAL:?no signal}
USER 1000:1000
WORKDIR C:\\x
ENTRYPOINT exec top -b
CMD []
""",
]
IGNORES = [
    "# c\n*\n!src/**/[a-c]*.py\n/docs/*.md\n!docs/README.md\n**/*.pyc\n\\!a\n",
    "a**b\n!x/\n",
]
PIECES = [
    "$", "{", "}", "${", "\\", "`", "'", '"', "<<", "<<-'E'", "\n", "\r\n", "\0", "\ufeff",
    "[", "]", "[^", "=", "--", "--from=", ",", "*", "**", "?", "/", "..", " ", "\t",
    "\x85", "\u00e9", "\ud800", "#", "# escape=`\n", "%", "##", ":-", "FROM ",
    "ONBUILD ", "AS ", "!", "9" * 50, "\U0010ffff",
]  # fmt: skip


def mutated(originals: list[str], seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        text = chance.choice(originals)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(text) + 1)
            kind = chance.randrange(4)
            if kind == 0:
                text = text[:place] + text[place + chance.randint(1, 20) :]
            elif kind == 1:
                piece = text[place : place + chance.randint(1, 60)]
                text = text[:place] + piece * chance.choice([2, 2, 2, 50]) + text[place:]
            else:
                piece = chance.choice(PIECES) * chance.choice([1, 1, 9])
                text = text[:place] + piece + text[place:]
        yield text


@pytest.mark.parametrize("seed", [1, 2])
def test_a_mutated_dockerfile_is_read_and_checked_or_an_error(seed):
    read = refused = 0
    for text in mutated(DOCKERFILES, seed):
        begin = time.monotonic()
        try:
            dockerfile = parse(text)
        except DockerfileError as err:
            refused += 1
            err.message.encode()
        else:
            read += 1
            options = CheckOptions(experimental=frozenset({"all"}))
            findings = check(dockerfile, environment_of=lambda _: {}, options=options)
            render(findings, dockerfile).encode()
        assert time.monotonic() - begin < DEADLINE_S, text
    assert read > MUTATIONS // 50
    assert refused > MUTATIONS // 50


def test_a_mutated_trigger_of_a_base_image_is_read_or_an_error():
    triggers = ["COPY --link . /x", "RUN <<A\nx\nA", "ENV a=b c='d'"]
    read = refused = 0
    for text in mutated(triggers, 3):
        try:
            parse_trigger(text)
        except DockerfileError as err:
            refused += 1
            err.message.encode()
        else:
            read += 1
    assert read > MUTATIONS // 50
    assert refused > MUTATIONS // 50


def test_mutated_ignore_files_are_rules_or_an_error():
    read = refused = 0
    for text in mutated(IGNORES, 4):
        begin = time.monotonic()
        try:
            ignore = Ignore(parse_ignore(text))
        except InvalidArgument:
            refused += 1
        else:
            read += 1
            state: tuple[bool, ...] = ()
            for path in ("src", "src/a", "src/a/" + "b" * 200 + ".py"):
                excluded, state = ignore.step(path, state)
                assert excluded is ignore.matches(path)
        assert time.monotonic() - begin < DEADLINE_S, text
    assert read > MUTATIONS // 50
    assert refused > MUTATIONS // 50
