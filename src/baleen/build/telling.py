"""What is told of a Dockerfile instead of building it: checks, an outline, targets.

See: `docker buildx build --call`; BuildKit, frontend/subrequests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.build.dockerfile.instructions import Dockerfile, Stage
    from baleen.build.options import BuildOptions

__all__ = ["refuse_findings", "tell"]

Message = dict[str, object]
_CHECK_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"


def tell(
    call: str, dockerfile: Dockerfile, options: BuildOptions, ignore: tuple[str, ...]
) -> Message:
    """Return the answer to `call`: its text, and whether something was found that should not be.

    `ignore` are the patterns of the context's `.dockerignore`.
    """
    if call == "check":
        return {"call": _checks(dockerfile, options, ignore)}
    if call == "targets":
        return {"call": {"text": _targets(dockerfile)}}
    return {"call": {"text": _outline(dockerfile, options)}}


def refuse_findings(dockerfile: Dockerfile, options: BuildOptions, ignore: tuple[str, ...]) -> None:
    """Fail a build whose Dockerfile or build arguments ask for it (`# check=error=true`).

    Raises InvalidArgument with the rules that are broken.
    """
    given = {key: value for key, value in options.build_args.items() if value is not None}
    if not dockerfile.check and _CHECK_ARGUMENT not in given:
        return
    from baleen.api.ignore import Ignore
    from baleen.build.dockerfile.checks.checking import check, raise_if_errors
    from baleen.build.dockerfile.checks.options import options_for

    wanted = options_for(dockerfile.check, given)
    if wanted.error:
        rules = Ignore(ignore) if ignore else None
        raise_if_errors(check(dockerfile, build_args=given, ignore=rules, options=wanted), wanted)


def _checks(dockerfile: Dockerfile, options: BuildOptions, ignore: tuple[str, ...]) -> Message:
    from baleen.api.ignore import Ignore
    from baleen.build.dockerfile.checks.checking import check, render

    given = {key: value for key, value in options.build_args.items() if value is not None}
    findings = check(dockerfile, build_args=given, ignore=Ignore(ignore) if ignore else None)
    count = len(findings)
    verdict = (
        "no warnings found."
        if not count
        else ("1 warning has been found!" if count == 1 else f"{count} warnings have been found!")
    )
    text = f"Check complete, {verdict}\n{render(findings, dockerfile)}"
    return {"text": text, "failed": bool(findings)}


def _targets(dockerfile: Dockerfile) -> str:
    lines = ["TARGET DESCRIPTION"]
    last = len(dockerfile.stages) - 1
    for stage in dockerfile.stages:
        name = stage.base.alias or str(stage.index)
        mark = " (default)" if stage.index == last else ""
        lines.append(f"{name}{mark} FROM {stage.base.image}")
    return "\n".join(lines) + "\n"


def _wanted(dockerfile: Dockerfile, target: str) -> Stage:
    for stage in dockerfile.stages:
        if target and target.lower() in (stage.base.alias.lower(), str(stage.index)):
            return stage
    return dockerfile.stages[-1]


def _outline(dockerfile: Dockerfile, options: BuildOptions) -> str:
    from baleen.build.dockerfile.instructions import Arg, Run

    stage = _wanted(dockerfile, options.target)
    lines = [f"TARGET: {stage.base.alias or stage.index}", "", "BUILD ARG VALUE"]
    given = options.build_args
    instructions = [i for i in stage.instructions if isinstance(i, Arg)]
    for arg in (*dockerfile.global_args, *instructions):
        for pair in arg.pairs:
            value = given.get(pair.key, pair.value)
            lines.append(f"{pair.key} {value or ''}".rstrip())
    secrets = [
        dict(mount.options)
        for i in stage.instructions
        if isinstance(i, Run)
        for mount in i.mounts
        if mount.type == "secret"
    ]
    if secrets:
        lines += ["", "SECRET REQUIRED"]
        for options_ in secrets:
            required = options_.get("required", "false")
            lines.append(f"{options_.get('id', '')} {required}")
    return "\n".join(lines) + "\n"
