from __future__ import annotations

import io
import tarfile

import pytest

from baleen.cli.building.receiving import Receiver, check_destinations
from baleen.errors import BaleenError, InvalidArgument


def archive(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 2
        tar.addfile(info, io.BytesIO(b"hi"))
    return out.getvalue()


def test_outputs_come_one_after_the_other(tmp_path):
    receiver = Receiver(
        [
            {"type": "local", "dest": str(tmp_path / "out/deep")},
            {"type": "image", "dest": ""},
            {"type": "tar", "dest": str(tmp_path / "o.tar")},
        ]
    )
    data = archive("f")
    for piece in (data[:700], data[700:], b"", data, b""):
        receiver.data(piece)
    receiver.close()
    assert (tmp_path / "out/deep/f").read_text() == "hi"
    assert (tmp_path / "o.tar").read_bytes() == data


def test_what_is_broken_off_leaves_the_old_file(tmp_path):
    (tmp_path / "o.tar").write_text("old")
    receiver = Receiver([{"type": "tar", "dest": str(tmp_path / "o.tar")}])
    receiver.data(b"half")
    receiver.close()
    assert [path.name for path in tmp_path.iterdir()] == ["o.tar"]
    assert (tmp_path / "o.tar").read_text() == "old"
    broken = Receiver([{"type": "local", "dest": str(tmp_path / "d")}])
    broken.data(archive("f")[:700])
    broken.close()


def test_an_archive_that_leads_out_is_refused(tmp_path):
    receiver = Receiver([{"type": "local", "dest": str(tmp_path / "d")}])
    receiver.data(archive("../evil"))
    with pytest.raises(BaleenError, match="leaves the target"):
        receiver.data(b"")
    receiver.close()
    assert not (tmp_path / "evil").exists()


def test_destinations_are_checked_before_the_build(tmp_path):
    with pytest.raises(InvalidArgument, match="terminal"):
        check_destinations([{"type": "tar", "dest": "-"}], stdout_is_terminal=True)
    with pytest.raises(InvalidArgument, match="is a directory"):
        check_destinations([{"type": "oci", "dest": str(tmp_path)}], stdout_is_terminal=False)
    check_destinations([{"type": "local", "dest": str(tmp_path)}], stdout_is_terminal=True)
