"""Which fields of which instructions have their variables replaced.

See: Dockerfile reference, Environment replacement; BuildKit, `instructions/commands.go`.
"""

from __future__ import annotations

from baleen.build.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    From,
    Label,
    Run,
    StopSignal,
    User,
    Volume,
    Workdir,
)

__all__ = ["EXPANDED"]

EXPANDED: dict[type, tuple[str, ...]] = {
    From: ("image", "platform"),
    Arg: ("pairs",),
    Env: ("pairs",),
    Label: ("pairs",),
    Run: ("mounts",),
    Add: ("sources", "destination", "chown", "chmod", "checksum", "exclude", "heredocs"),
    Copy: ("sources", "destination", "chown", "chmod", "exclude", "heredocs"),
    Workdir: ("path",),
    User: ("user",),
    Volume: ("paths",),
    Expose: ("ports",),
    StopSignal: ("signal",),
}
"""The fields in which variables are replaced: each word by `expansion.expand`, but `Expose.ports`
by `expand_words`, and the contents of heredocs whose `expand` is true by `expand_text`; of pairs,
keys as well as values. `From` sees the global ARGs only. RUN, CMD, ENTRYPOINT and HEALTHCHECK leave
variables to the shell; ONBUILD keeps them for the build that it triggers in."""
