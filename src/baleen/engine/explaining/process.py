"""The container's first process: user, limits, out-of-memory score, and who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen.api.explanation import ExplainedProcess, ExplainedRlimit, ExplainedSupervisor
from baleen.engine.explaining.why_limits import RLIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.engine.explaining.subject import Subject

__all__ = ["explain_process"]

_INFINITY: Final = 2**64 - 1

_ROOT: Final = (
    "Root inside, and without a user namespace the same uid 0 outside: what is left of its power "
    "is what the capabilities below say."
)
_MAPPED: Final = (
    "User ids are mapped by a user namespace: root inside is an ordinary user of the host, and "
    "capabilities count only for what belongs to that namespace."
)
_ORDINARY: Final = (
    "An ordinary user: no capability is in effect. A set-user-ID program can regain those of the "
    "bounding set, unless no_new_privs is set."
)
_NO_NEW_PRIVILEGES: Final = (
    "execve(2) can never give more rights: set-user-ID programs and file capabilities have no "
    "effect, for the process and all that it starts."
)
_NEW_PRIVILEGES: Final = (
    "Set-user-ID programs and file capabilities of the image work, up to the bounding set "
    "(--security-opt no-new-privileges prevents it)."
)
_OOM: Final = (
    "When the host runs out of memory, the process with the highest score is killed; the "
    "adjustment is added (-1000: never, 1000: first). See proc_pid_oom_score_adj(5)."
)
_SUPERVISOR: Final = (
    "Has started the container, keeps its log and streams, runs execs, reaps it and notes its "
    "exit code. It lives in a shim, a process that a few containers share and that goes on while "
    "the daemon is stopped or replaced; should the shim be killed, the kernel kills the container "
    "(PR_SET_PDEATHSIG) or, where a security module changed its label, the daemon does."
)


def explain_process(subject: Subject, *, init: bool, directory: str) -> ExplainedProcess:
    """Return what is known of the process.

    Args:
        subject: the container.
        init: whether our init is PID 1.
        directory: of its supervisor's files.
    """
    live, process = subject.live, subject.process
    user = process.get("user") or {}
    uid, gid = int(user.get("uid", 0)), int(user.get("gid", 0))
    groups = [int(group) for group in user.get("additionalGids") or ()]
    no_new_privileges = bool(process.get("noNewPrivileges"))
    uid_map, gid_map = (_lines(subject, name) for name in ("uidMappings", "gidMappings"))
    if live is None:
        uid, gid = _outside(uid_map, uid), _outside(gid_map, gid)
        groups = [_outside(gid_map, group) for group in groups]
    else:
        uid, gid = (live.numbers("Uid") or [uid])[0], (live.numbers("Gid") or [gid])[0]
        groups = live.numbers("Groups")
        no_new_privileges = live.number("NoNewPrivs") == 1
    own_users = any(entry["type"] == "user" for entry in subject.linux.get("namespaces") or ())
    if live is not None:
        own_users = live.namespaces.get("user") != live.host_namespaces.get("user")
        uid_map, gid_map = ([*live.uid_map], [*live.gid_map]) if own_users else ([], [])
    return ExplainedProcess(
        pid=live.pid if live else 0,
        pid_inside=(live.numbers("NSpid") or [0])[-1] if live else 0,
        args=list(process.get("args") or ()),
        cwd=str(process.get("cwd") or "/"),
        terminal=bool(process.get("terminal")),
        init=init,
        uid=uid,
        gid=gid,
        groups=groups,
        uid_map=uid_map,
        gid_map=gid_map,
        user_why=_user_text(uid, own_users=own_users),
        no_new_privileges=no_new_privileges,
        no_new_privileges_why=_NO_NEW_PRIVILEGES if no_new_privileges else _NEW_PRIVILEGES,
        lsm=live.lsm if live else _planned_label(process),
        oom_score_adj=live.oom_score_adj if live else int(process.get("oomScoreAdj") or 0),
        oom_score=live.oom_score if live else 0,
        oom_why=_OOM,
        rlimits=_rlimits(subject),
        supervisor=ExplainedSupervisor(
            pid=live.number("PPid") if live else 0,
            name=live.parent_name if live else "",
            directory=directory if live else "",
            why=_SUPERVISOR,
        ),
    )


def _lines(subject: Subject, name: str) -> list[str]:
    """Return the mappings of the document in the form of /proc/PID/uid_map."""
    return [
        f"{one['containerID']} {one['hostID']} {one['size']}"
        for one in subject.linux.get(name) or ()
    ]


def _outside(lines: list[str], number: int) -> int:
    """Return the host's id for one inside; the same where nothing is mapped."""
    for line in lines:
        inside, outside, count = map(int, line.split())
        if inside <= number < inside + count:
            return outside + number - inside
    return number


def _user_text(uid: int, *, own_users: bool) -> str:
    if own_users:
        return _MAPPED
    return _ROOT if uid == 0 else _ORDINARY


def _rlimits(subject: Subject) -> list[ExplainedRlimit]:
    asked = {
        str(entry["type"]).removeprefix("RLIMIT_").lower(): entry
        for entry in subject.process.get("rlimits") or ()
    }
    if subject.live is None:
        return [
            ExplainedRlimit(
                name=name,
                soft=_value(asked[name]["soft"]),
                hard=_value(asked[name]["hard"]),
                inherited=False,
                limits=what,
            )
            for name, what in RLIMITS.values()
            if name in asked
        ]
    return [
        ExplainedRlimit(
            name=name,
            soft=subject.live.limits[line][0],
            hard=subject.live.limits[line][1],
            inherited=name not in asked,
            limits=what,
        )
        for line, (name, what) in RLIMITS.items()
        if line in subject.live.limits
    ]


def _value(number: int) -> str:
    return "unlimited" if number < 0 or number >= _INFINITY else str(number)


def _planned_label(process: Mapping[str, object]) -> str:
    return str(process.get("selinuxLabel") or process.get("apparmorProfile") or "")
