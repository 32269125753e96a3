import os

from baleen.runtime.criu import external
from baleen.runtime.criu.mounts import read_mounts


def test_a_mount_is_named_as_criu_wants_it():
    assert external.external_mount("/etc/hosts", "/x") == "mnt[/etc/hosts]:/x"


def test_streams_are_pipes_files_of_outside_or_nothing_special(tmp_path):
    (tmp_path / "file").write_text("")
    reader, writer = os.pipe()
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(tmp_path / "file", os.O_RDWR), 0)
        os.dup2(writer, 1)
        os.close(2)
        os.write(go, b"x")
        os.read(reader, 1)
        os._exit(0)
    os.read(ready, 1)
    try:
        pipe = f"pipe:[{os.fstat(reader).st_ino}]"
        # Seen from its own namespace the file is inside; what is outside is the dump's test.
        assert external.streams_of(pid) == ("", pipe, "")
        inside = {line.id for line in read_mounts(pid)}
        number = external.mount_id(f"/proc/{pid}/fdinfo/0")
        assert external._stream(pid, 0, inside - {number}) == (
            f"file[{number:x}:{os.stat(tmp_path / 'file').st_ino:x}]"
        )
    finally:
        os.write(writer, b"x")
        os.waitpid(pid, 0)
        for fd in (reader, writer, ready, go):
            os.close(fd)
