import os

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.criu import images


@pytest.fixture
def image(tmp_path):
    directory = tmp_path / "image"
    directory.mkdir(0o700)
    for name in ("inventory.img", "core-1.img"):
        (directory / name).write_bytes(b"x")
        (directory / name).chmod(0o600)
    return directory


def check(directory, *, parents=False):
    with images.open_directory(str(directory)) as opened:
        images.check_image(opened, "cp", parents=parents)


def test_plain_files_of_ours_are_an_image(image):
    check(image)


@pytest.mark.parametrize("make", ["link", "fifo", "directory", "device", "hard link"])
def test_anything_else_in_it_is_refused(image, make, tmp_path):
    place = image / "odd"
    if make == "link":
        place.symlink_to("/etc/shadow")
    elif make == "fifo":
        os.mkfifo(place)
    elif make == "directory":
        place.mkdir()
    elif make == "hard link":
        (tmp_path / "other").write_text("")
        os.link(tmp_path / "other", place)
    elif os.geteuid() == 0:
        os.mknod(place, 0o600 | 0o020000, os.makedev(1, 3))
    else:
        pytest.skip("only root makes device nodes")
    with pytest.raises(InvalidArgument, match=r"cp is refused: 'odd' is"):
        check(image)


def test_what_others_could_change_is_refused(image):
    (image / "core-1.img").chmod(0o666)
    with pytest.raises(InvalidArgument, match=r"core-1\.img"):
        check(image)
    (image / "core-1.img").chmod(0o600)
    image.chmod(0o777)
    with pytest.raises(InvalidArgument, match="could change it"):
        check(image)


def test_a_directory_without_an_image_is_none(tmp_path):
    with pytest.raises(InvalidArgument, match="no checkpoint"):
        check(tmp_path)


def test_a_link_to_the_image_before_is_for_incremental_ones_and_followed(image, tmp_path):
    before = tmp_path / "before"
    before.mkdir(0o700)
    (before / "inventory.img").touch(0o600)
    (image / "parent").symlink_to("../before")
    check(image, parents=True)
    with pytest.raises(InvalidArgument, match="symbolic link"):
        check(image)
    (before / "evil").symlink_to("/etc/shadow")
    with pytest.raises(InvalidArgument, match="cp/parent is refused: 'evil'"):
        check(image, parents=True)
    (before / "evil").unlink()
    (before / "parent").symlink_to("../image")
    with pytest.raises(InvalidArgument, match="too many parents"):
        check(image, parents=True)


def test_a_link_is_no_directory_where_none_is_wanted(image, tmp_path):
    (tmp_path / "link").symlink_to(image)
    images.open_directory(str(tmp_path / "link")).close()
    with pytest.raises(InvalidArgument):
        images.open_directory(str(tmp_path / "link"), follow=False)
    with pytest.raises(InvalidArgument, match="cannot open"):
        images.open_directory(str(tmp_path / "none"))


def test_streams_are_written_and_read(image):
    wanted = ("file[1f:a0]", "pipe:[123]", "")
    with images.open_directory(str(image)) as opened:
        images.write_streams(opened, ("old", "", ""))
        images.write_streams(opened, wanted)
        assert images.read_streams(opened, "cp") == wanted
    assert (image / images.DESCRIPTORS).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        '["/etc/shadow", "socket:[1]", "extRootNetNS"]',
        '["pipe:[x]", "pipe:[]", "pipe:[1]x"]',
        '["file[1]", "file[/:/]", "file[1:2:3]"]',
        '["tty[8801:5]", 3, null]',
        '["pipe:[123456789012345678901]", "file[:1]", "net[1]:x"]',
    ],
)
def test_only_what_a_stream_can_be_is_taken_from_there(image, text):
    (image / images.DESCRIPTORS).write_text(text)
    with images.open_directory(str(image)) as opened:
        assert images.read_streams(opened, "cp") == ("", "", "")


@pytest.mark.parametrize("text", ["", "{}", "[]", '["", ""]', "[" * 100_000])
def test_a_damaged_file_is_an_error(image, text):
    (image / images.DESCRIPTORS).write_text(text)
    with (
        images.open_directory(str(image)) as opened,
        pytest.raises(InvalidArgument, match=r"descriptors\.json"),
    ):
        images.read_streams(opened, "cp")


def test_a_link_or_fifo_is_not_read(image, tmp_path):
    (tmp_path / "streams").write_text('["", "", ""]')
    (image / images.DESCRIPTORS).symlink_to(tmp_path / "streams")
    with images.open_directory(str(image)) as opened:
        with pytest.raises(InvalidArgument):
            images.read_streams(opened, "cp")
        (image / images.DESCRIPTORS).unlink()
        os.mkfifo(image / images.DESCRIPTORS)
        with pytest.raises(InvalidArgument):
            images.read_streams(opened, "cp")
