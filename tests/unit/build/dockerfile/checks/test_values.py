"""The rules that need values, each with the examples of its page."""

from __future__ import annotations

import time

import pytest

from baleen.api.ignore import Ignore
from baleen.build.dockerfile.checks.values import Values
from baleen.build.dockerfile.parser import parse

ENVIRONMENTS = {
    "python": {"PATH": "/py/bin", "PYTHON_VERSION": "3"},
    "alpine": {"PATH": "/bin"},
    "alpine:3.14": {},
}


def found(text, *, build_args=None, ignore=()):
    values = Values(parse(text), build_args or {}, Ignore(ignore), ENVIRONMENTS.get)
    return [(one.rule, one.text, one.location.line) for one in values.findings()]


def undefined(name, line, hint=""):
    return ("UndefinedVar", f"Usage of undefined variable '${name}'{hint}", line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM alpine AS base\nCOPY $foo .", [undefined("foo", 2)]),
        ("FROM alpine AS base\nARG foo\nCOPY $foo .", []),
        ("FROM alpine AS base\nARG VERSION=$foo", [undefined("foo", 2)]),
        ("FROM python AS base\nARG VERSION=$PYTHON_VERSION", []),
        (
            "FROM alpine\nENV PATH=$PAHT:/app/bin",
            [undefined("PAHT", 2, " (did you mean $PATH?)")],
        ),
        ("FROM unknown\nENV PATH=$PAHT:/app/bin", []),
        ("FROM scratch\nENV PATH=$PATH:/app/bin", []),
        ('FROM alpine\nRUN echo $x\nCMD ["$x"]\nENTRYPOINT ["$x"]', []),
        ("FROM alpine\nEXPOSE $x\nVOLUME $y\nUSER ${z:-1}", [undefined("x", 2), undefined("y", 3)]),
        ("FROM alpine\nRUN --mount=type=cache,target=$x true", [undefined("x", 2)]),
        ("FROM alpine\nCOPY <<E /a\n$x '$y'\nE", [undefined("x", 2), undefined("y", 2)]),
        ("FROM alpine\nCOPY <<'E' /a\n$x\nE", []),
        ("FROM alpine AS a\nENV x=1\nARG other=2\nFROM a\nUSER $x$other", [undefined("other", 5)]),
        ("FROM alpine\nENV x=1 z=$x", [undefined("x", 2)]),
        ("FROM alpine\nARG x=1 z=$x", []),
        ("ARG g=1\nFROM alpine\nUSER $g", [undefined("g", 3)]),
        ("ARG g=1\nFROM alpine\nARG g\nUSER $g", []),
        ("FROM alpine\nUSER $TARGETARCH", [undefined("TARGETARCH", 2)]),
        ("FROM alpine\nARG TARGETARCH\nUSER $TARGETARCH", []),
    ],
)
def test_variables_that_are_not_set_are_found(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FROM node:22${VARIANT} AS js",
            [("UndefinedArgInFrom", "FROM argument 'VARIANT' is not declared", 1)],
        ),
        ('ARG VARIANT="-alpine3.20"\nFROM node:22${VARIANT} AS js', []),
        (
            "FROM --platform=$BULIDPLATFORM alpine",
            [
                (
                    "UndefinedArgInFrom",
                    "FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)",
                    1,
                )
            ],
        ),
        (
            "ARG TAG\nFROM busybox:${TAG}",
            [
                (
                    "InvalidDefaultArgInFrom",
                    (
                        "Default value for ARG busybox:${TAG} results in empty or invalid base "
                        "image name"
                    ),
                    2,
                )
            ],
        ),
        ("ARG TAG=latest\nFROM busybox:${TAG}", []),
        ("ARG VARIANT\nFROM busybox:stable${VARIANT}", []),
        ("ARG TAG\nFROM alpine:${TAG:-3.14}", []),
        ("FROM alpine AS build_amd64\nFROM build_${TARGETARCH}", []),
        (
            "FROM --platform=linux/amd64 alpine AS base",
            [
                (
                    "FromPlatformFlagConstDisallowed",
                    'FROM --platform flag should not use constant value "linux/amd64"',
                    1,
                )
            ],
        ),
        ("FROM --platform=${BUILDPLATFORM} alpine AS base", []),
        ("FROM --platform=linux/amd64 alpine AS build_amd64", []),
        (
            "FROM --platform=$TARGETPLATFORM alpine AS builder",
            [
                (
                    "RedundantTargetPlatform",
                    (
                        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as "
                        "this is the default behavior"
                    ),
                    1,
                )
            ],
        ),
    ],
)
def test_from_is_looked_at(text, expected):
    assert found(text) == expected


def test_a_default_is_judged_without_the_build_s_arguments():
    findings = found("ARG TAG\nFROM busybox:${TAG}", build_args={"TAG": "1"})
    assert [rule for rule, _, _ in findings] == ["InvalidDefaultArgInFrom"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM a\nENTRYPOINT my-program start", [2]),
        ('FROM a\nENTRYPOINT ["my-program"]', []),
        ('FROM a\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT echo x', []),
        ('FROM a AS b\nSHELL ["/bin/bash", "-c"]\nFROM b\nCMD echo x', []),
        ("FROM a\nCMD echo x", [2]),
        ("FROM a\nRUN echo x\nHEALTHCHECK CMD x", []),
    ],
)
def test_json_is_recommended(text, lines):
    findings = found(text)
    assert [line for _, _, line in findings] == lines
    assert all(
        one[1].startswith("JSON arguments recommended for")
        and one[1].endswith("to prevent unintended behavior related to OS signals")
        for one in findings
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM nginx AS web\nWORKDIR usr/share/nginx/html", [2]),
        ("FROM nginx AS web\nWORKDIR /usr\nWORKDIR share", []),
        ("FROM nginx AS web\nWORKDIR /usr\nFROM web\nWORKDIR share", []),
        ("FROM nginx\nENV D=/x\nWORKDIR $D/y", []),
    ],
)
def test_relative_working_directories_are_found(text, lines):
    findings = found(text)
    assert [line for _, _, line in findings] == lines
    if lines:
        assert findings[0][1] == (
            'Relative workdir "usr/share/nginx/html" can have unexpected results if the base '
            "image changes"
        )


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [
        ("AWS_ACCESS_KEY_ID", True),
        ("token", True),
        ("MY_PASSWORD", True),
        ("GIT_AUTH_X", True),
        ("PUBLIC_KEY", False),
        ("MONKEY", False),
        ("TOKENIZER", False),
    ],
)
def test_secrets_in_variables_are_found(key, is_secret):
    findings = found(f"ARG {key}\nFROM scratch\nARG {key}\nENV {key}=1")
    assert findings == [
        (
            "SecretsUsedInArgOrEnv",
            f'Do not use ARG or ENV instructions for sensitive data ({keyword} "{key}")',
            line,
        )
        for line, keyword in ((1, "ARG"), (3, "ARG"), (4, "ENV"))
        if is_secret
    ]


def test_ports_are_looked_at():
    assert found("FROM scratch\nEXPOSE 80/TcP 443/tcp\nEXPOSE 127.0.0.1:80:80 80:80") == [
        (
            "ExposeProtoCasing",
            "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
            2,
        ),
        (
            "ExposeInvalidFormat",
            (
                "EXPOSE instruction should not define an IP address or host-port mapping, found "
                "'127.0.0.1:80:80'"
            ),
            3,
        ),
        (
            "ExposeInvalidFormat",
            (
                "EXPOSE instruction should not define an IP address or host-port mapping, found "
                "'80:80'"
            ),
            3,
        ),
    ]


def test_sources_that_are_left_out_of_the_context_are_found():
    text = (
        "FROM scratch AS s\nCOPY ./tmp/x /x\nCOPY forever/x /x\nCOPY --from=s tmp/x /y\n"
        "ADD https://tmp/x /tmp/\nADD tmp/x/y /z\nCOPY . /a"
    )
    assert found(text, ignore=["tmp/*"]) == [
        (
            "CopyIgnoredFile",
            'Attempting to Copy file "./tmp/x" that is excluded by .dockerignore',
            2,
        ),
        (
            "CopyIgnoredFile",
            'Attempting to Add file "tmp/x/y" that is excluded by .dockerignore',
            6,
        ),
    ]


def test_malformed_words_are_left_to_the_build():
    assert found("FROM scratch\nENV a=${\nUSER 'x\nWORKDIR /${a\nEXPOSE ${") == []


def test_a_hostile_file_takes_a_bounded_time():
    lines = ["FROM scratch", "ENV a=aaaaaaaaaa"]
    lines += ["ENV a=$a$a$a$a"] * 30
    lines += [f"ENV b{number}=x$a$c{number}" for number in range(6000)]
    begin = time.monotonic()
    assert found("\n".join(lines))
    assert time.monotonic() - begin < 5
