"""RUN to a process in a tree.

See: Dockerfile reference, RUN; BuildKit, dockerfile2llb/convert.go, dispatchRun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec

from baleen.build.dockerfile.expansion import expand
from baleen.build.dockerfile.heredocs import open_heredoc
from baleen.build.graph import Edge, Exec, ExecDevice, ExecMount, FileOp, Vertex, Writing
from baleen.build.lowering.mounts import lower_mount, mount_from

if TYPE_CHECKING:
    from baleen.build.dockerfile.instructions import Run
    from baleen.build.lowering.stage import StageLowering

__all__ = ["lower_run"]

_SCRIPTS = "/dev/pipes"


def lower_run(stage: StageLowering, run: Run) -> None:
    """Run the command on the stage's tree."""
    draft, before = stage.draft, stage.tree
    args, script = _arguments(stage, run)
    inputs: list[Edge] = [] if before is None else [before]
    mounts = [ExecMount(kind="bind", target="/", input=len(inputs) - 1, output=0)]
    mounts += _mounts(stage, run, inputs)
    if script is not None:
        mounts.append(ExecMount(kind="bind", target=_SCRIPTS, input=len(inputs), readonly=True))
        inputs.append(script)
    environment, hidden = stage.scope.process_environment(stage.build.proxies)
    agent = next((mount.target for mount in mounts if mount.kind == "ssh"), "")
    if agent and not any(entry.startswith("SSH_AUTH_SOCK=") for entry in environment):
        environment = (*environment, f"SSH_AUTH_SOCK={agent}")
    options = stage.build.options
    operation = Exec(
        args=tuple(args),
        env=environment,
        cwd=draft.execution.working_dir or "/",
        user=draft.execution.user or "",
        mounts=tuple(mounts),
        network=_network(run, options.network),
        security=_security(run),
        extra_hosts=options.extra_hosts,
        hostname=options.hostname or options.build_args.get("BUILDKIT_SANDBOX_HOSTNAME") or "",
        devices=tuple(
            ExecDevice(
                name=expand(device.name, stage.scope.variables, stage.build.dockerfile.escape),
                required=device.required,
            )
            for device in run.devices
        ),
        proxy_env=tuple(hidden),
    )
    stage.set_tree(stage.vertex(operation, tuple(inputs)))
    shown = stage.scope.history_prefix() + " ".join(args)
    draft.record(f"RUN {shown} # buildkit", before, stage.tree)


def _arguments(stage: StageLowering, run: Run) -> tuple[list[str], Edge | None]:
    """Return what is executed, and the tree of a script with a `#!` line of its own."""
    if not run.heredocs:
        return stage.draft.words(run.command), None
    text = " ".join(run.command.words)
    first = run.heredocs[0]
    if open_heredoc(text.strip()) is None:
        # The shell does it all: the text as it stood.
        for heredoc in run.heredocs:
            text += f"\n{heredoc.content}{heredoc.name}"
        return [*stage.draft.shell, text], None
    if not first.content.startswith("#!"):
        return [*stage.draft.shell, first.content], None
    writing = Writing(
        path=f"/{first.name}",
        content=first.content.encode(),
        mode="0755",
        created_ns=stage.build.epoch_ns,
    )
    vertex = Vertex(
        FileOp(actions=(writing,), scratch=True), name="[internal] preparing inline document"
    )
    return [f"{_SCRIPTS}/{first.name}"], Edge(vertex)


def _mounts(stage: StageLowering, run: Run, inputs: list[Edge]) -> list[ExecMount]:
    """Return the mounts; appends the trees that they show to `inputs`."""
    lowered: list[ExecMount] = []
    namespace = stage.build.options.build_args.get("BUILDKIT_CACHE_MOUNT_NS") or ""
    agents = 0
    for mount in run.mounts:
        done = lower_mount(
            mount,
            stage.scope.variables,
            stage.build.dockerfile.escape,
            workdir=stage.draft.execution.working_dir or "/",
            cache_namespace=namespace,
            agents=agents,
        )
        agents += done.kind == "ssh"
        source = mount_from(mount)
        tree: Edge | None = None
        if done.kind in {"bind", "cache"} and source:
            tree = stage.source_tree(source)
        elif done.kind == "bind":
            tree = stage.build.main_context
        if tree is not None:
            done = msgspec.structs.replace(done, input=len(inputs))
            inputs.append(tree)
        lowered.append(done)
    return lowered


def _network(run: Run, of_build: str) -> str:
    wanted = "" if run.network == "default" else run.network
    return wanted or (of_build if of_build in {"none", "host"} else "")


def _security(run: Run) -> Literal["sandbox", "insecure"]:
    return cast("Literal['sandbox', 'insecure']", run.security or "sandbox")
