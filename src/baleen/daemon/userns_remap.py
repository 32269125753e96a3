"""`--userns-remap`: from the name of an account to the ids that containers have on this host.

    default                     the account `dockremap`, made when it is missing
    USER, UID                   that account, and the group of the same name or number
    USER:GROUP, UID:GID, ...    both

The ids come from the account's lines in /etc/subuid and /etc/subgid: its first range is the
container's 0, 1, ..., the next one goes on from there.

See: dockerd reference, "Daemon user namespace options"; useradd(8), usermod(8).
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baleen.daemon.subordinate_ids import first_free, ranges_of, read_ranges
from baleen.errors import FailedPrecondition, InvalidArgument, NotFound
from baleen.runtime.id_mapping import IdMapping, IdMappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.daemon.subordinate_ids import IdRange

__all__ = ["DEFAULT_ACCOUNT", "mappings_of", "remapped_root"]

_log = logging.getLogger(__name__)

DEFAULT_ACCOUNT: Final = "dockremap"
"""Docker's name: hosts that have used it keep their ranges, and so the owners of their files."""

_SUBUID, _SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_MOST_RANGES: Final = 340
_TOOLS: Final = "/usr/sbin:/sbin:/usr/bin:/bin"


def mappings_of(option: str) -> IdMappings:
    """Return what `--userns-remap=option` means on this host. May make the account `dockremap`.

    Raises:
        InvalidArgument: the option is malformed, or means root.
        NotFound: there is no such account or group.
        FailedPrecondition: the account has no subordinate ids, or the files are malformed.
    """
    user, uid, group = _account(option)
    if uid == 0:
        raise InvalidArgument(
            "User namespaces: root cannot be remapped with itself",
            hint="name another account in --userns-remap, or leave the option out",
        )
    accounts = (user, str(uid))
    uids = ranges_of(read_ranges(_SUBUID), accounts, str(_SUBUID))
    if not uids:
        raise FailedPrecondition(
            f'Can\'t create ID mappings: no subuid ranges found for user "{user}" in {_SUBUID}',
            hint=f"add some: usermod --add-subuids 100000-165535 {user}",
        )
    subgids = read_ranges(_SUBGID)
    # Files of older Docker engines name the group.
    gids = ranges_of(subgids, accounts, str(_SUBGID)) or ranges_of(subgids, (group,), str(_SUBGID))
    if not gids:
        raise FailedPrecondition(
            f'Can\'t create ID mappings: no subgid ranges found for user "{user}" in {_SUBGID}',
            hint=f"add some: usermod --add-subgids 100000-165535 {user}",
        )
    return IdMappings(_one_after_the_other(uids, _SUBUID), _one_after_the_other(gids, _SUBGID))


def remapped_root(data_root: Path, mappings: IdMappings) -> Path:
    """Return the directory below the data root for all that belongs to these ids, as dockerd's."""
    return data_root / f"{mappings.host_uid(0)}.{mappings.host_gid(0)}"


def _one_after_the_other(ranges: Sequence[IdRange], path: Path) -> tuple[IdMapping, ...]:
    if len(ranges) > _MOST_RANGES:
        raise FailedPrecondition(f"{path}: the kernel takes {_MOST_RANGES} ranges")
    result, start = [], 0
    for one in ranges:
        result.append(IdMapping(start, one.first, one.count))
        start += one.count
    return tuple(result)


# --- accounts ----------------------------------------------------------------------------------


def _account(option: str) -> tuple[str, int, str]:
    """Return name and uid of the user, and the group's name."""
    user_text, colon, group_text = option.partition(":")
    if not user_text or ":" in group_text or (colon and not group_text):
        raise InvalidArgument(
            f'Invalid user/group specification in --userns-remap: "{option[:128]}"',
            hint="want default, USER, UID, USER:GROUP or UID:GID",
        )
    if user_text == "default":
        user_text = DEFAULT_ACCOUNT
        _have_default_account()
    user = _user(user_text)
    return user.pw_name, user.pw_uid, _group(group_text or user_text)


def _user(text: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(text)) if _NUMBER.fullmatch(text) else pwd.getpwnam(text)
    except (KeyError, OverflowError) as err:
        if _NUMBER.fullmatch(text):
            raise NotFound(f"Uid {text} has no entry in /etc/passwd") from err
        raise NotFound(f'Error during uid lookup for "{text[:128]}": no such user') from err


def _group(text: str) -> str:
    try:
        found = grp.getgrgid(int(text)) if _NUMBER.fullmatch(text) else grp.getgrnam(text)
    except (KeyError, OverflowError) as err:
        if _NUMBER.fullmatch(text):
            raise NotFound(f"Gid {text} has no entry in /etc/group") from err
        raise NotFound(f'Error during gid lookup for "{text[:128]}": no such group') from err
    return found.gr_name


def _have_default_account() -> None:
    """Make the account with a range of its own, unless it is there with what it needs."""
    try:
        uid = pwd.getpwnam(DEFAULT_ACCOUNT).pw_uid
    except KeyError:
        arguments = ["--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent"]
        _run("useradd", *arguments, "--shell=/bin/false", DEFAULT_ACCOUNT)
        uid = pwd.getpwnam(DEFAULT_ACCOUNT).pw_uid
        _log.info("account made for user namespaces", extra={"account": DEFAULT_ACCOUNT})
    subuids, subgids = read_ranges(_SUBUID), read_ranges(_SUBGID)
    accounts = (DEFAULT_ACCOUNT, str(uid))
    free = first_free(subuids, subgids)
    for ranges, flag in ((subuids, "--add-subuids"), (subgids, "--add-subgids")):
        if not any(one.account in accounts for one in ranges):
            _run("usermod", f"{flag}={free.first}-{free.end - 1}", DEFAULT_ACCOUNT)


def _run(program: str, *arguments: str) -> None:
    path = shutil.which(program, path=_TOOLS)
    failure = f'Error during "{DEFAULT_ACCOUNT}" user creation: {program}'
    if path is None:
        raise FailedPrecondition(
            f"{failure} is not installed",
            hint=f"make the account {DEFAULT_ACCOUNT} with lines in {_SUBUID} and {_SUBGID}",
        )
    pid = os.posix_spawn(path, [program, *arguments], {"PATH": _TOOLS, "LC_ALL": "C"})
    _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise FailedPrecondition(f"{failure} ended with {code}")
