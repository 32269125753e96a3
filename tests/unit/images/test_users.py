"""Who a process runs as (attacks R15 and R18)."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.images.users import UserFiles, read_user_files, resolve_user
from baleen.linux.fd import Fd

FILES = UserFiles(
    passwd=(
        b"root:x:0:0:root:/root:/bin/sh\n"
        b"app:x:1000:1001::/srv/app:/bin/sh\n"
        b"1234:x:7:7::/seven:/bin/sh\n"
        b"broken:x:notanumber:0::/:\n"
        b"huge:x:99999999999:0::/:\n"
        b"short:x\n"
        b":x:0:0::/:\n"
    ),
    group=b"root:x:0:\nwheel:x:10:root,app\nstaff:x:50:app\nbad:x:y:app\n",
)


@pytest.mark.parametrize(
    ("spec", "uid", "gid", "groups", "home"),
    [
        ("", 0, 0, (0, 10), "/root"),
        ("root", 0, 0, (0, 10), "/root"),
        ("0", 0, 0, (0, 10), "/root"),
        ("app", 1000, 1001, (1001, 10, 50), "/srv/app"),
        ("1000", 1000, 1001, (1001, 10, 50), "/srv/app"),
        ("app:staff", 1000, 50, (50,), "/srv/app"),
        ("app:77", 1000, 77, (77,), "/srv/app"),
        ("5555", 5555, 0, (0,), "/"),
        ("5555:5556", 5555, 5556, (5556,), "/"),
        ("1234", 1234, 0, (0,), "/"),  # a number is a uid, never a name
        ("007", 7, 7, (7,), "/seven"),
        ("2147483647", 2147483647, 0, (0,), "/"),
    ],
)
def test_what_docker_documents(spec, uid, gid, groups, home):
    user = resolve_user(FILES, spec)
    assert (user.uid, user.gid, user.groups, user.home) == (uid, gid, groups, home)


@pytest.mark.parametrize(
    "spec",
    [
        ":",
        "1000:",
        ":1000",
        "-1",
        "+0",
        "0x0",
        "1_000",
        " 0",
        "0 ",
        "\u0660",
        "1e3",
        "4294967296",
        "2147483648",
        "root\n",
        "root:x:y",
        "root:",
        "nobody",
        "root:nogroup",
        "0:-1",
        "0:4294967296",
        "broken",
        "huge",
        "short",
        "99999999999999999999999999",
        "\x00",
        "ROOT",
    ],
)
def test_everything_else_is_an_error_and_never_root(spec):
    with pytest.raises(InvalidArgument):
        resolve_user(FILES, spec)


def test_texts():
    with pytest.raises(
        InvalidArgument, match=r"^unable to find user nobody: no matching entries in passwd file$"
    ):
        resolve_user(FILES, "nobody")
    with pytest.raises(
        InvalidArgument, match=r"^unable to find group x: no matching entries in group file$"
    ):
        resolve_user(FILES, "app:x")
    with pytest.raises(InvalidArgument, match="uids and gids must be in range 0-2147483647"):
        resolve_user(FILES, "4294967296")


def test_group_add():
    assert resolve_user(FILES, "app", ["staff", "99", "0"]).groups == (1001, 10, 50, 99, 0)
    with pytest.raises(InvalidArgument, match="unable to find group nosuch"):
        resolve_user(FILES, "app", ["nosuch"])


def test_an_image_without_the_files():
    assert resolve_user(UserFiles(), "").uid == 0
    assert resolve_user(UserFiles(), "12:34").groups == (34,)
    with pytest.raises(InvalidArgument):
        resolve_user(UserFiles(), "root")


@given(st.text(max_size=30))
def test_only_digits_make_a_number(spec):
    try:
        user = resolve_user(FILES, spec)
    except InvalidArgument:
        return
    name = spec.partition(":")[0]
    assert name in ("", "root", "app") or (
        name.isascii() and name.isdigit() and int(name) == user.uid
    )


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as descriptor:
        yield descriptor


def test_files_are_read(tmp_path, root):
    assert read_user_files(root) == UserFiles()
    (tmp_path / "etc/passwd").write_bytes(FILES.passwd)
    (tmp_path / "etc/group").write_bytes(FILES.group)
    assert read_user_files(root) == FILES


def test_a_link_stays_inside_the_image(tmp_path, root):
    (tmp_path / "etc/passwd").symlink_to("../../../../../../etc/hostname")
    assert read_user_files(root).passwd == b""
    (tmp_path / "etc/hostname").write_bytes(b"own")
    assert read_user_files(root).passwd == b"own"


@pytest.mark.parametrize("kind", ["fifo", "directory", "sparse", "lines"])
def test_odd_files_are_answered_at_once(tmp_path, root, kind):
    path = tmp_path / "etc/passwd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 8 << 30)
    else:
        path.write_bytes(b"user:x:1:1::/:\n" * 1_000_000)
    begin = time.monotonic()
    with pytest.raises(InvalidArgument, match="/etc/passwd in the container"):
        read_user_files(root)
    assert time.monotonic() - begin < 2
