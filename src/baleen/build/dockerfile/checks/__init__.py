"""Build checks: what is not wrong in a Dockerfile, but not as it should be.

`checking.check` looks at a parsed Dockerfile and gives a `Finding` for each place that breaks a
rule; `rules` names the rules, `options` what the file or the build says of them (`# check=`,
`BUILDKIT_DOCKERFILE_CHECK`). `naming` holds the rules that need the text only, `values` those that
need what variables, stages and base images give.

A finding never stops a build, unless `error=true` is said. Names and wording are BuildKit's.

See: Dockerfile reference, check; Build checks.
"""

__all__: list[str] = []
