"""Libraries are read from ELF files, and found as the loader finds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.images.elf_libraries import libraries_of, loader_directories, read_elf, stripped

PROGRAM = Path(os.path.realpath(sys.executable))


def test_the_interpreter_names_its_loader_and_the_c_library():
    elf = read_elf(PROGRAM.read_bytes())
    assert Path(elf.interpreter).is_file()
    found = libraries_of([PROGRAM])
    assert any(name.startswith("libc.") for name in found)
    assert set(elf.needed) <= set(found)
    for library in found.values():
        assert set(read_elf(library.path.read_bytes()).needed) <= set(found)


def test_a_library_that_is_not_there_is_named():
    needed = next(n for n in read_elf(PROGRAM.read_bytes()).needed if n.startswith("lib"))
    with pytest.raises(FailedPrecondition, match=r"needs the library lib\S+, which is not here"):
        libraries_of([Path("/bin/ls").resolve()], [])
    assert needed


def test_a_file_without_sections_still_runs(tmp_path):
    short = stripped(Path("/bin/true").resolve().read_bytes())
    program = tmp_path / "true"
    program.write_bytes(short)
    program.chmod(0o755)
    assert subprocess.run([program]).returncode == 0
    assert read_elf(short) == read_elf(Path("/bin/true").resolve().read_bytes())
    assert stripped(short) == short


@pytest.mark.parametrize("length", [0, 5, 18, 40, 63, 64, 200])
def test_truncated_files_are_refused(length):
    with pytest.raises(InvalidArgument):
        read_elf(PROGRAM.read_bytes()[:length])


def test_directories_of_the_loader_follow_includes(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/a.conf").write_text("/opt/a # mine\n")
    conf = tmp_path / "ld.so.conf"
    conf.write_text(f"include {tmp_path}/more/*.conf\ninclude {conf}\n/opt/b\n")
    assert [str(path) for path in loader_directories(conf)[:2]] == ["/opt/a", "/opt/b"]
