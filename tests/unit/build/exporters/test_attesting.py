from __future__ import annotations

import msgspec
import pytest

from baleen.build.exporters.attesting import PROVENANCE, attested, parse_attestation
from baleen.build.graph import Edge, Exec, ExecMount, ImageSource, Vertex
from baleen.build.plan import Plan
from baleen.errors import InvalidArgument

SOURCE = Vertex(
    ImageSource(name="docker.io/library/b@sha256:" + "a" * 64, platform="linux/amd64"), name="FROM"
)
RUN = Vertex(
    Exec(args=("make",), mounts=(ExecMount(kind="bind", target="/", input=0, output=0),)),
    inputs=(Edge(SOURCE),),
    name="RUN make",
)


def provenance(built, mode):
    plan = Plan(target=Edge(RUN), config=built.config, platform=built.platform)
    done = attested(
        None,
        built,
        plan,
        {"provenance": mode},
        build_id="id",
        started="s",
        finished="f",
        dockerfile="Dockerfile",
        arguments={"SECRETISH": "value"},
    )
    return msgspec.json.decode(done.statements[PROVENANCE])["predicate"]


def test_provenance_names_materials_and_in_mode_max_the_steps(built, tar):
    result = built(tar("a", b"1"))
    least = provenance(result, "true")
    assert least["materials"] == [
        {"uri": "pkg:docker/b?platform=linux%2Famd64", "digest": {"sha256": "a" * 64}}
    ]
    assert "value" not in str(least)
    most = provenance(result, "mode=max")
    assert most["invocation"]["parameters"]["args"] == {"build-arg:SECRETISH": "value"}
    steps = most["buildConfig"]["llbDefinition"]
    assert steps[1]["op"]["args"] == ["make"]
    assert steps[1]["inputs"] == ["step0:0"]


def test_parameters_are_checked():
    assert parse_attestation("sbom", "") is None
    assert parse_attestation("sbom", "false") is None
    assert parse_attestation("provenance", "mode=max,disabled=true") is None
    assert parse_attestation("provenance", "mode=max") == {"mode": "max"}
    for text in ("mode=most", "yes"):
        with pytest.raises(InvalidArgument):
            parse_attestation("provenance", text)
