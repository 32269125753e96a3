"""What a container's first process has of its own beside rights: personality, memory policy.

Loaded only for documents that ask for it. See: OCI runtime-spec config-linux.md, Personality and
Memory policy; personality(2), set_mempolicy(2).
"""

from __future__ import annotations

from baleen.linux.cgroup.cpuset import parse_cpuset
from baleen.linux.memory_policy import MPOL_FLAGS, MPOL_MODES, node_mask, set_mempolicy
from baleen.linux.process import set_personality
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.process_spec import refuse, unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.fields import Fields
    from baleen.runtime.process_script import ProcessScript

__all__ = ["ExecutionDomain", "parse_execution_domain"]

_PERSONALITIES: Final = {"LINUX": 0x0000, "LINUX32": 0x0008}
_WITHOUT_NODES: Final = ("MPOL_DEFAULT", "MPOL_LOCAL")
# MPOL_PREFERRED without nodes is MPOL_LOCAL.
_MAY_LACK_NODES: Final = (*_WITHOUT_NODES, "MPOL_PREFERRED")


@record(frozen=True, slots=True)
class ExecutionDomain:
    """`personality` is PER_*; `memory_policy` the mode with its flags, and the nodes."""

    personality: int | None
    memory_policy: tuple[int, frozenset[int]] | None

    def apply(self) -> None:
        """Give it to the calling process (LaunchError)."""
        try:
            if self.personality is not None:
                set_personality(self.personality)
            if self.memory_policy is not None:
                set_mempolicy(*self.memory_policy)
        except OSError as error:
            call = " ".join(getattr(error, "__notes__", ()))
            raise _failed(call, error.errno or 0) from error

    def append(self, steps: ProcessScript) -> None:
        """The same as steps of a script, for an exec in the container."""
        script = steps.script
        if self.personality is not None:
            step = script.call("personality", self.personality)
            steps.means(step, lambda number: _failed("personality", number))
        if self.memory_policy is not None:
            mode, nodes = self.memory_policy
            mask = node_mask(nodes) if nodes else b""
            place, bits = (script.data(mask), len(mask) * 8 + 1) if mask else (0, 0)
            step = script.call("set_mempolicy", mode, place, bits)
            steps.means(step, lambda number: _failed("set_mempolicy", number))


def _failed(call: str, number: int) -> LaunchError:
    message = f"cannot set what linux.personality or linux.memoryPolicy asks: {call}"
    return LaunchError("domain", number, f"{message}: {reason(OSError(number, ''))}", 128)


def parse_execution_domain(linux: Fields) -> ExecutionDomain:
    """Read `personality` and `memoryPolicy`. Raises LaunchError."""
    return ExecutionDomain(
        personality=_parse_personality(linux) if linux.has("personality") else None,
        memory_policy=_parse_memory_policy(linux) if linux.has("memoryPolicy") else None,
    )


def _parse_personality(linux: Fields) -> int:
    fields = linux.object("personality")
    # No flag has been specified so far.
    unsupported(fields, "flags")
    domain = fields.text("domain")
    if domain not in _PERSONALITIES:
        raise refuse(f"{fields.where}domain {domain!r} is neither LINUX nor LINUX32")
    return _PERSONALITIES[domain]


def _parse_memory_policy(linux: Fields) -> tuple[int, frozenset[int]]:
    fields = linux.object("memoryPolicy")
    name = fields.text("mode")
    if name not in MPOL_MODES:
        raise refuse(f"{fields.where}mode {name!r} is not a memory policy")
    mode = MPOL_MODES[name]
    for flag in fields.texts("flags"):
        if flag not in MPOL_FLAGS:
            raise refuse(f"{fields.where}flags: {flag!r} is not a flag of memory policies")
        mode |= MPOL_FLAGS[flag]
    try:
        nodes = parse_cpuset(fields.text("nodes", "").replace(" ", ""), highest=1023)
    except ValueError as error:
        raise refuse(f"{fields.where}nodes: {error}") from error
    if nodes and name in _WITHOUT_NODES:
        raise refuse(f"{fields.where}nodes: {name} takes none")
    if not nodes and name not in _MAY_LACK_NODES:
        raise refuse(f"{fields.where}nodes: {name} needs at least one")
    return mode, nodes
