"""From the option to ids; accounts are this host's own, the files are a test's."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

import pytest

from baleen.daemon import userns_remap
from baleen.daemon.userns_remap import mappings_of, remapped_root
from baleen.errors import FailedPrecondition, InvalidArgument, NotFound
from baleen.runtime.id_mapping import IdMapping

# An account that has a group of the same name and number, as every distribution's.
USER = next(
    user
    for user in pwd.getpwall()
    if user.pw_uid
    and any((g.gr_name, g.gr_gid) == (user.pw_name, user.pw_uid) for g in grp.getgrall())
)
NAME, UID = USER.pw_name, USER.pw_uid
OTHER_GROUP = next(group for group in grp.getgrall() if group.gr_gid not in (0, UID))


@pytest.fixture
def files(tmp_path, monkeypatch):
    def write(subuid, subgid):
        (tmp_path / "subuid").write_text(subuid)
        (tmp_path / "subgid").write_text(subgid)

    monkeypatch.setattr(userns_remap, "_SUBUID", tmp_path / "subuid")
    monkeypatch.setattr(userns_remap, "_SUBGID", tmp_path / "subgid")
    write(f"{NAME}:200000:10\n{NAME}:100000:65526\n", f"{UID}:300000:65536\n")
    return write


@pytest.mark.parametrize(
    "option",
    [NAME, f"{UID}", f"{NAME}:{NAME}", f"{UID}:{UID}", f"{NAME}:{OTHER_GROUP.gr_name}",
     f"{UID}:{OTHER_GROUP.gr_gid}"],
)  # fmt: skip
def test_all_forms_lead_to_the_ranges_of_the_user(files, option):
    mappings = mappings_of(option)
    assert mappings.uids == (IdMapping(0, 200000, 10), IdMapping(10, 100000, 65526))
    assert mappings.gids == (IdMapping(0, 300000, 65536),)
    assert remapped_root(Path("/data"), mappings) == Path("/data/200000.300000")


def test_the_group_of_an_older_file_counts_when_the_user_has_no_line(files):
    group = OTHER_GROUP.gr_name
    files(f"{NAME}:1000:5\n", f"{group}:2000:5\n")
    assert mappings_of(f"{NAME}:{group}").gids == (IdMapping(0, 2000, 5),)


@pytest.mark.parametrize("option", [f"{NAME}:", f":{NAME}", ":", "a:b:c", f"{NAME}:{NAME}:x"])
def test_a_malformed_option_is_refused(files, option):
    with pytest.raises(InvalidArgument, match="Invalid user/group specification in --userns-remap"):
        mappings_of(option)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("no-such-account", 'Error during uid lookup for "no-such-account": no such user'),
        ("4000000123", "Uid 4000000123 has no entry in /etc/passwd"),
        ("9999999999", "Uid 9999999999 has no entry in /etc/passwd"),
        (f"{NAME}:no-such-group", 'Error during gid lookup for "no-such-group": no such group'),
        (f"{NAME}:4000000123", "Gid 4000000123 has no entry in /etc/group"),
        ("1_0", 'Error during uid lookup for "1_0"'),
    ],
)
def test_an_account_that_is_not_there_is_named(files, option, text):
    with pytest.raises(NotFound, match=text):
        mappings_of(option)


@pytest.mark.parametrize("option", ["root", "0", "0:0", "root:root"])
def test_root_is_refused(files, option):
    with pytest.raises(InvalidArgument, match="root cannot be remapped with itself"):
        mappings_of(option)


def test_an_account_without_ids_is_refused_with_what_to_do(files):
    files("", f"{NAME}:1:1\n")
    with pytest.raises(FailedPrecondition, match=f'no subuid ranges found for user "{NAME}"') as e:
        mappings_of(NAME)
    assert "usermod --add-subuids" in str(e.value.hint)
    files(f"{NAME}:1:1\n", "other:1:1\n")
    with pytest.raises(FailedPrecondition, match=f'no subgid ranges found for user "{NAME}"'):
        mappings_of(NAME)


def test_more_ranges_than_the_kernel_takes_are_refused(files):
    lines = "".join(f"{NAME}:{1000 + 2 * number}:1\n" for number in range(341))
    files(lines, f"{NAME}:1:1\n")
    with pytest.raises(FailedPrecondition, match="the kernel takes 340 ranges"):
        mappings_of(NAME)
