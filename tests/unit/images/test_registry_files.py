"""What is in the image `registry`."""

import io
import marshal
import tarfile

from baleen.images.registry_files import GROUP_AND_USER, archive, compiled, main


def test_compiled_code_is_not_checked_and_has_no_docstrings():
    raw = compiled(b'"""Text."""\nassert False\nx = 1\n', "/usr/lib/x.py")
    assert raw[4:8] == b"\1\0\0\0"
    code = marshal.loads(raw[16:])
    assert code.co_filename == "/usr/lib/x.py"
    space = {}
    exec(code, space)
    assert space["x"] == 1
    assert space.get("__doc__") is None


def test_the_archive_has_directories_before_what_is_in_them():
    files = {"b/c/d": (0o755, b"text"), "var/lib/registry/": (0o755, b"")}
    raw = b"".join(archive(files))
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        members = tar.getmembers()
    names = [member.name for member in members]
    assert names == ["b", "b/c", "b/c/d", "var", "var/lib", "var/lib/registry"]
    owners = {member.name: member.uid for member in members}
    assert owners == {**dict.fromkeys(names, 0), "var/lib/registry": GROUP_AND_USER}
    assert raw == b"".join(archive(dict(reversed(files.items()))))


def test_without_fixed_hashes_nothing_is_written(monkeypatch, capsys):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    assert main() == 1
    assert "PYTHONHASHSEED" in capsys.readouterr().err
