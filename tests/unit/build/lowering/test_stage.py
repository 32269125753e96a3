"""Instructions that make no sense are placed; see the other tests for those that do."""

from __future__ import annotations

import asyncio

import pytest
from lowering_bed import Images, config, lowered, session

from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.parser import parse
from baleen.build.lowering.lower import lower
from baleen.build.options import BuildOptions


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("STOPSIGNAL NOPE", "invalid signal: NOPE"),
        ("STOPSIGNAL ${X:-0}", "invalid signal: 0"),
        ("EXPOSE 99999", "invalid containerPort: 99999"),
        ("VOLUME $X", "VOLUME specified can not be an empty string"),
        ("ENV $X=1", "ENV names can not be blank"),
        ("LABEL $X=1", "LABEL names can not be blank"),
        ("USER $X", "USER requires a value that is not blank"),
        ("ENV A=${B?}", ".*B.*"),
        ("WORKDIR ${B:?no b}", ".*no b.*"),
        ("COPY a ${B:?none}", ".*none.*"),
        ("LABEL a=${b", ".*"),
    ],
)
def test_at_the_instruction(line, message):
    with pytest.raises(
        DockerfileError, match=rf"(?s)^{message}.*\nDockerfile:4:1\n.*>>>"
    ) as caught:
        lowered(f"FROM base\n\n# a comment\n{line}\nRUN x")
    assert caught.value.location.line == 4


def test_the_name_of_the_file_is_told():
    dockerfile = parse("FROM base\nEXPOSE x", name="docker/Other")
    with pytest.raises(DockerfileError, match="docker/Other:2:1"):
        asyncio.run(lower(dockerfile, BuildOptions(), Images({"base": config()}), session()))


def test_stages_that_are_not_needed_are_not_looked_at():
    plan = lowered("FROM base\nEXPOSE 99999\nFROM base\nRUN x")
    assert plan.skipped == ("stage-0",)
