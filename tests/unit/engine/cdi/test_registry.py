"""Which CDI devices there are, and which file counts."""

import json

import pytest

from baleen.engine.cdi.registry import resolve, scan
from baleen.errors import InvalidArgument


@pytest.fixture
def directories(tmp_path):
    found = [tmp_path / "etc", tmp_path / "run"]
    for directory in found:
        directory.mkdir()
    return found


def write(path, *devices, kind="v.com/c", common=()):
    path.write_text(
        json.dumps(
            {
                "cdiVersion": "0.6.0",
                "kind": kind,
                "devices": [
                    {"name": name, "containerEdits": {"env": [f"D_{name}={path.stem}"]}}
                    for name in devices
                ],
                "containerEdits": {"env": list(common)},
            }
        )
    )


def names(directories):
    return set(scan([str(path) for path in directories]).devices)


def test_devices_of_all_directories(directories):
    write(directories[0] / "a.json", "0", "1")
    write(directories[1] / "b.json", "x", kind="w.org/d")
    (directories[0] / "notes.txt").write_text("no spec")
    assert names(directories) == {"v.com/c=0", "v.com/c=1", "w.org/d=x"}


def test_directories_that_are_not_there_have_none(tmp_path):
    assert scan([str(tmp_path / "no")]) == scan([])


def test_the_later_directory_counts(directories):
    write(directories[0] / "a.json", "0")
    write(directories[1] / "b.json", "0")
    found = scan([str(path) for path in directories])
    assert resolve(found, ["v.com/c=0"]).env == ["D_0=b"]
    assert not found.problems


def test_two_in_one_directory_conflict_until_a_later_one_settles_it(directories):
    write(directories[0] / "a.json", "0", "1")
    write(directories[0] / "b.json", "0")
    found = scan([str(path) for path in directories])
    assert set(found.devices) == {"v.com/c=1"}
    assert len(found.problems) == 2
    assert all('conflicting device "v.com/c=0"' in text[0] for text in found.problems.values())
    write(directories[1] / "c.json", "0")
    assert "v.com/c=0" in names(directories)


def test_a_broken_file_hides_nothing_else(directories):
    write(directories[0] / "a.json", "0")
    (directories[0] / "b.json").write_text("{")
    found = scan([str(path) for path in directories])
    assert set(found.devices) == {"v.com/c=0"}
    assert list(found.problems) == [str(directories[0] / "b.json")]


def test_edits_of_a_file_come_once_and_first(directories):
    write(directories[0] / "a.json", "0", "1", common=["ALL=1"])
    found = scan([str(directories[0])])
    assert resolve(found, ["v.com/c=1", "v.com/c=0"]).env == ["ALL=1", "D_1=a", "D_0=a"]


def test_all_that_is_missing_is_named(directories):
    write(directories[0] / "a.json", "0")
    found = scan([str(directories[0])])
    with pytest.raises(InvalidArgument, match=r"^unresolvable CDI devices v.com/c=9, x$"):
        resolve(found, ["v.com/c=0", "v.com/c=9", "x"])
