"""A lying engine (A20): whatever the archive says, nothing changes outside of the target."""

from __future__ import annotations

import io
import os
import stat
import tarfile

import pytest

from baleen import errors
from baleen.cli.copying.extract import Extractor


def entry(name, kind=tarfile.REGTYPE, data=b"", link="", mode=0o644, **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def archive(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def extract(target, data, **options):
    extractor = Extractor(str(target), **options)
    try:
        extractor.extract(data[i : i + 700] for i in range(0, len(data), 700))
    finally:
        extractor.close()
    return extractor


@pytest.fixture
def place(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "outside").mkdir()
    return tmp_path


def untouched(place):
    assert (place / "victim").read_text() == "precious"
    assert list((place / "outside").iterdir()) == []
    assert sorted(p.name for p in place.iterdir()) == ["outside", "target", "victim"]


@pytest.mark.parametrize(
    "entries",
    [
        [entry("../victim", data=b"evil")],
        [entry("a/../../victim", data=b"evil")],
        [entry("d", tarfile.SYMTYPE, link="../outside"), entry("d/f", data=b"evil")],
        [entry("d", tarfile.SYMTYPE, link="/"), entry("d/tmp/f", data=b"evil")],
        [
            entry("d", tarfile.DIRTYPE),
            entry("d/l", tarfile.SYMTYPE, link="../../outside"),
            entry("d/l/f", data=b"evil"),
        ],
        [entry("h", tarfile.LNKTYPE, link="../victim"), entry("h", data=b"evil")],
        [entry("s", tarfile.SYMTYPE, link="../victim"), entry("h", tarfile.LNKTYPE, link="s")],
        [entry("h", tarfile.LNKTYPE, link="nothing")],
        [entry("h", tarfile.LNKTYPE, link="h")],
        [entry("/".join("d" * 1200), data=b"x")],
        [entry(".", data=b"x")],
    ],
)
def test_nothing_is_written_outside(place, entries):
    with pytest.raises((errors.DataLoss, OSError)):
        extract(place / "target", archive(*entries))
    untouched(place)


def test_absolute_names_land_below_the_target(place):
    extract(place / "target", archive(entry("/victim", data=b"inside")))
    assert (place / "target" / "victim").read_bytes() == b"inside"
    untouched(place)


def test_a_file_replaces_a_link_instead_of_following_it(place):
    (place / "target" / "f").symlink_to(place / "victim")
    extract(place / "target", archive(entry("f", data=b"new")))
    assert (place / "target" / "f").read_bytes() == b"new"
    assert not (place / "target" / "f").is_symlink()
    untouched(place)


def test_a_folder_entry_does_not_go_through_a_link(place):
    (place / "target" / "d").symlink_to(place / "outside")
    with pytest.raises(errors.DataLoss, match="symbolic link"):
        extract(place / "target", archive(entry("d", tarfile.DIRTYPE, mode=0o777)))
    untouched(place)


def test_a_folder_that_became_a_link_keeps_the_links_target_as_it_was(place):
    os.chmod(place / "outside", 0o711)
    data = archive(
        entry("d", tarfile.DIRTYPE, mode=0o777),
        entry("e/d", tarfile.DIRTYPE, mode=0o700),
    )
    extract(place / "target", data)
    assert stat.S_IMODE((place / "outside").stat().st_mode) == 0o711


def test_devices_are_left_out_and_set_id_bits_dropped(place):
    result = extract(
        place / "target",
        archive(
            entry("disk", tarfile.BLKTYPE, devmajor=8, devminor=0),
            entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
            entry("su", data=b"x", mode=0o6755),
        ),
    )
    assert result.skipped == ["disk", "null"]
    assert [p.name for p in (place / "target").iterdir()] == ["su"]
    assert stat.S_IMODE((place / "target" / "su").stat().st_mode) == 0o755


def test_files_folders_and_folders_in_the_way(place):
    (place / "target" / "d").mkdir()
    (place / "target" / "f").write_text("x")
    with pytest.raises(errors.Conflict, match="cannot overwrite directory 'd'"):
        extract(place / "target", archive(entry("d", data=b"x")))
    with pytest.raises(errors.Conflict, match="cannot overwrite non-directory 'f'"):
        extract(place / "target", archive(entry("f", tarfile.DIRTYPE)))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tree_comes_out_as_it_went_in(place, form):
    long = "n" * 150
    data = archive(
        entry("d", tarfile.DIRTYPE, mode=0o550, mtime=1_000_000),
        entry(f"d/{long}", data=b"x" * 100_000, mode=0o600, mtime=2_000_000),
        entry("d/link", tarfile.SYMTYPE, link="/etc/" + long, mtime=3_000_000),
        entry("d/hard", tarfile.LNKTYPE, link=f"d/{long}"),
        entry("pipe", tarfile.FIFOTYPE),
        form=form,
    )
    extract(place / "target", data)
    folder = place / "target" / "d"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o550
    assert folder.stat().st_mtime == 1_000_000
    file = folder / long
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"x" * 100_000, 0o600)
    assert file.stat().st_mtime == 2_000_000
    assert os.readlink(folder / "link") == "/etc/" + long
    assert os.path.samefile(folder / "hard", file)
    assert stat.S_ISFIFO((place / "target" / "pipe").stat().st_mode)


def test_names_that_are_not_utf8_are_kept(place):
    extract(place / "target", archive(entry("a\udcff", data=b"x"), form=tarfile.GNU_FORMAT))
    assert os.listdir(os.fsencode(place / "target")) == [b"a\xff"]


def test_a_cut_archive_is_an_error(place):
    data = archive(entry("f", data=b"x" * 5000))
    with pytest.raises(errors.DataLoss, match="ended in the middle"):
        extract(place / "target", data[:3000])
