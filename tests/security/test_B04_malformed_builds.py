"""B04: no Dockerfile, .dockerignore or query, however broken, harms the daemon.

Ten thousand mutants of real texts, of which as many as the time allows go through a daemon, each as
a build of its own with an answer of its own. The language by itself is another test's.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from building_bed import build as send
from building_bed import context, dockerfile

MUTANTS = 10_000
DAEMON_S = 8.0
AT_LEAST = 500
_SEED = 93321

DOCKERFILES = (
    "# escape=`\nARG A=b\nFROM scratch AS x\nENV a=b c=$a\nLABEL l=${a:-x}\n",
    'FROM scratch\nCOPY --chown=1:2 --chmod=u=rwX a b /d/\nCMD ["a", "b"]\n',
    "FROM scratch\nCOPY <<EOF /a\n$x\nEOF\nWORKDIR /a/b\nUSER a:b\nEXPOSE 1-3/udp 4\n",
    'FROM scratch\nHEALTHCHECK --interval=1m --retries=3 CMD x\nVOLUME /a ["/b"]\nSTOPSIGNAL 9\n',
    'FROM scratch AS a\nONBUILD RUN x\nSHELL ["a", "b"]\nFROM a\nCOPY --from=a / /\n',
    "FROM scratch\nADD --checksum=sha256:00 --exclude=*.c a* /\nARG x=${y#a*}${z//b/c}${w%%?}\n",
    "FROM scratch\nRUN --mount=type=cache,target=/c,id=x --network=none true\nMAINTAINER m\n",
)
IGNORES = ("*.md\n!README.md\n**/a/*.c\n", "/a/b\n#c\n  d  \n!**\n", "[a-z]*\\\\x\n?[^b]/**/c\n")
QUERIES = (
    'buildargs={"a":"b","c":null}&labels={"x":"y"}',
    'target=x&dockerfile=Dockerfile&cachefrom=["a","b"]&networkmode=none',
    "memory=1&memswap=-1&cpushares=2&cpuperiod=3&cpuquota=4&cpusetcpus=0-1&shmsize=5",
    'extrahosts=a:1.2.3.4&outputs=[{"Type":"local","Attrs":{}}]&platform=linux/amd64&t=a:b',
    'ulimits=[{"Name":"nofile","Hard":1,"Soft":1}]&squash=1&nocache=1&pull=0&rm=1&q=1',
)
PIECES = (
    b"\0", b"\xff\xfe", b"\\", b"\\\n", b"`", b"$", b"${", b"${a:-", b"}", b'"', b"'", b"<<",
    b"[", b"]", b"{", b"}}", b"**", b"..", b"/", b"../../../etc/passwd", b"--from=", b"--x=", b"=",
    b"\r\n", b"\t", b" ", b"\n", b"#", b"!", b"FROM ", b"ONBUILD ", b"9" * 40, b"-1", b"%",
    b"\xe2\x80\xae\0\xc3\x9f", b"${a:-" * 200, b"\xed\xa0\x80", b"A" * 5000, b"sha256:",
)  # fmt: skip


def mutated(source: random.Random, seed: bytes) -> bytes:
    """Return the text with one to six places broken."""
    data = bytearray(seed)
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(data) + 1)
        end = min(len(data), start + source.choice((0, 0, 1, 3, 20)))
        kind = source.randrange(4)
        if kind == 0:
            data[start:end] = source.choice(PIECES)
        elif kind == 1:
            data[start:end] = source.randbytes(source.randint(0, 4))
        elif kind == 2:
            data[start:start] = data[source.randrange(len(data) + 1) :][:80]
        else:
            del data[start:end]
    return bytes(data)


def mutants():
    """Yield (Dockerfile, .dockerignore, query), of each triple one at least is broken."""
    source = random.Random(_SEED)
    for _ in range(MUTANTS):
        file = source.choice(DOCKERFILES).encode()
        ignore = source.choice(IGNORES).encode()
        query = source.choice(QUERIES).encode()
        kind = source.randrange(5)
        if kind < 3:
            file = mutated(source, file)
        elif kind == 3:
            ignore = mutated(source, ignore)
        else:
            query = mutated(source, query)
        yield file, ignore, query


@pytest.mark.integration
def test_every_mutant_has_an_answer_and_the_daemon_goes_on(engine):
    pid, end = engine.pid, time.monotonic() + DAEMON_S
    answers: dict[int, int] = {}

    def one(mutant: tuple[bytes, bytes, bytes]) -> tuple[int, str]:
        file, ignore, query = mutant
        if time.monotonic() > end:
            return 0, ""
        body = context({"Dockerfile": file, ".dockerignore": ignore, "a": "a", "b": "b"})
        fields = quote(query, safe="=&").replace("%0A", "")
        answer = engine.api(
            "POST",
            f"/build?version=1&{fields}",
            body,
            headers={"Content-Type": "application/x-tar"},
        )
        text = answer.body.decode()
        if answer.status != 200:
            return answer.status, json.loads(text)["message"]
        lines = [json.loads(line) for line in text.splitlines()]
        return 200, next((line["error"] for line in lines if "error" in line), "")

    with ThreadPoolExecutor(4) as pool:
        for mutant, (status, message) in zip(mutants(), pool.map(one, mutants()), strict=True):
            answers[status] = answers.get(status, 0) + 1
            # 501: BuildKit's protocol; 503: a base's registry, which no test can reach.
            assert status < 500 or status in (501, 503), (mutant, message)
            for word in ("Traceback", "ExceptionGroup", "internal"):
                assert word not in message, (mutant, message)
    print(answers)
    assert engine.pid == pid
    assert engine.process.poll() is None
    assert sum(answers.values()) - answers.get(0, 0) >= AT_LEAST, answers
    assert answers[200], answers
    assert answers[400], answers
    done = send(engine, dockerfile("FROM scratch", "COPY a /", a="x"), t="b04-after:1")
    assert done.error == ""


@pytest.mark.integration
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 1024,
        b"FROM scratch\n",
        b"\x1f\x8b\x08garbage",
        b"\x28\xb5\x2f\xfd garbage",
        dockerfile("FROM scratch")[:700],
        context({"Dockerfile": "FROM scratch\nCOPY a /\n", "../../a": "x", "/etc/b": "y"}),
        context({"x/" * 3000 + "a": "deep", "Dockerfile": "FROM scratch\nCOPY . /\n"}),
    ],
    ids=["empty", "zeros", "text", "no-gzip", "no-zstd", "broken-off", "names", "deep"],
)
def test_a_context_that_is_none_is_answered(engine, body):
    try:
        answer = send(engine, body)
    except http.client.HTTPException as err:
        pytest.fail(f"the answer broke off: {err!r}")
    assert answer.status < 500
    assert "Traceback" not in answer.error
    assert engine.process.poll() is None
