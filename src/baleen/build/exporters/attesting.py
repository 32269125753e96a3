"""What is attested about a result: how it was built (provenance), and what is in it (SBOM).

Statements are in-toto's, with the predicates that BuildKit's have, so that policy engines and
`docker buildx imagetools inspect` read them. Times are those of SOURCE_DATE_EPOCH where given.

See: slsa.dev/provenance/v0.2; BuildKit, docs/attestations/slsa-provenance.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.build.exporters.packages import spdx_document
from baleen.build.graph import Exec, GitSource, HttpSource, ImageSource
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from baleen.build.exporters.built import Built
    from baleen.build.plan import Plan
    from baleen.build.tree_store import TreeStore

__all__ = ["attested", "parse_attestation"]

PROVENANCE: Final = "https://slsa.dev/provenance/v0.2"
SBOM: Final = "https://spdx.dev/Document"
_STATEMENT = "https://in-toto.io/Statement/v0.1"
_BUILD_TYPE = "https://mobyproject.org/buildkit@v1"


def parse_attestation(kind: str, text: str) -> dict[str, str] | None:
    """Return the parameters of `--provenance` or `--sbom`; None where it is switched off.

    Raises:
        InvalidArgument: malformed.
    """
    if text in ("", "false", "disabled=true"):
        return None
    values: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            if name != "true":
                raise InvalidArgument(f'invalid value "{text}" for {kind}')
            continue
        values[name] = value
    if values.pop("disabled", "") == "true":
        return None
    mode = values.get("mode", "min")
    if kind == "provenance" and mode not in ("min", "max"):
        raise InvalidArgument(f'invalid mode "{mode}" of the provenance: it is min or max')
    return values


def attested(
    trees: TreeStore,
    built: Built,
    plan: Plan,
    wanted: Mapping[str, str],
    *,
    build_id: str,
    started: str,
    finished: str,
    dockerfile: str,
    arguments: Mapping[str, str | None],
) -> Built:
    """Return the result with the statements that are wanted.

    Args:
        trees: for a look at the files.
        built: the result.
        plan: what it was built by.
        wanted: parameters by `provenance` and `sbom`.
        build_id: of the build, random.
        started: RFC 3339.
        finished: likewise.
        dockerfile: its path.
        arguments: build arguments; told only in mode `max`.
    """
    statements = dict(built.statements)
    parameters = parse_attestation("provenance", wanted.get("provenance", ""))
    if parameters is not None:
        predicate = _provenance(
            plan,
            parameters,
            build_id=build_id,
            started=started,
            finished=finished,
            dockerfile=dockerfile,
            arguments=arguments,
        )
        statements[PROVENANCE] = _statement(PROVENANCE, predicate)
    if parse_attestation("sbom", wanted.get("sbom", "")) is not None:
        statements[SBOM] = _statement(SBOM, spdx_document(trees, built.tree, finished))
    return replace(built, statements=statements) if statements else built


def _statement(kind: str, predicate: Mapping[str, Any]) -> bytes:
    document = {"_type": _STATEMENT, "predicateType": kind, "subject": [], "predicate": predicate}
    return msgspec.json.encode(document)


def _provenance(
    plan: Plan,
    parameters: Mapping[str, str],
    *,
    build_id: str,
    started: str,
    finished: str,
    dockerfile: str,
    arguments: Mapping[str, str | None],
) -> dict[str, Any]:
    is_max = parameters.get("mode", "min") == "max"
    vertices = [] if plan.target is None else list(plan.target.vertex.walk())
    request: dict[str, Any] = {"frontend": "dockerfile.v0", "locals": [{"name": "context"}]}
    if is_max:
        request["args"] = {f"build-arg:{k}": v for k, v in arguments.items() if v is not None}
    predicate: dict[str, Any] = {
        "builder": {"id": parameters.get("builder-id", "")},
        "buildType": _BUILD_TYPE,
        "materials": list(_materials(plan)),
        "invocation": {
            "configSource": {"entryPoint": dockerfile},
            "parameters": request,
            "environment": {"platform": str(plan.platform)},
        },
        "metadata": {
            "buildInvocationID": build_id,
            "buildStartedOn": started,
            "buildFinishedOn": finished,
            "completeness": {"parameters": is_max, "environment": True, "materials": False},
            "reproducible": parameters.get("reproducible", "") == "true",
        },
    }
    if is_max:
        numbers = {vertex.digest: number for number, vertex in enumerate(vertices)}
        predicate["buildConfig"] = {
            "llbDefinition": [
                {
                    "id": f"step{numbers[vertex.digest]}",
                    "op": {"name": vertex.name, "kind": type(vertex.op).__name__, **_told(vertex)},
                    "inputs": [
                        f"step{numbers[edge.vertex.digest]}:{edge.output}" for edge in vertex.inputs
                    ],
                }
                for vertex in vertices
            ]
        }
    return predicate


def _told(vertex: Any) -> dict[str, Any]:  # noqa: ANN401  # a Vertex
    op = vertex.op
    return {"args": list(op.args), "cwd": op.cwd} if isinstance(op, Exec) else {}


def _materials(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield what came from elsewhere."""
    seen = set()
    for vertex in [] if plan.target is None else plan.target.vertex.walk():
        match vertex.op:
            case ImageSource(name=name, platform=platform):
                reference, _, digest = name.partition("@")
                bare = reference.removeprefix("docker.io/").removeprefix("library/")
                uri = f"pkg:docker/{bare}?platform={platform.replace('/', '%2F')}"
                digest = digest or reference
            case HttpSource(url=url, checksum=checksum):
                uri, digest = url, checksum
            case GitSource(url=url, ref=ref, checksum=checksum):
                uri, digest = f"{url}#{ref}" if ref else url, f"sha1:{checksum}" * bool(checksum)
            case _:
                continue
        if uri in seen:
            continue
        seen.add(uri)
        algorithm, _, encoded = digest.partition(":")
        yield {"uri": uri, "digest": {algorithm: encoded}} if encoded else {"uri": uri}
