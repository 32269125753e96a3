import pytest

from baleen.linux.cgroup import CgroupError, LimitRefused
from baleen.linux.cgroup.files import GroupFiles, check_path, parse_flat, processes, read_int


@pytest.mark.parametrize("path", ["/baleen/0123abcd", "/a", "/system.slice/x-y_z@1:2.scope"])
def test_plain_paths_pass(path):
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a",
        "a/b",
        "/a/",
        "//a",
        "/a/../b",
        "/..",
        "/./a",
        "/a\n",
        "/a\0b",
        "/" + "a" * 256,
        "/a" * 2000,
    ],
)
def test_paths_that_lead_elsewhere_are_refused(path):
    with pytest.raises(CgroupError, match="absolute and plain"):
        check_path(path)


def test_flat_files_are_read_leniently():
    assert parse_flat(b"cache 5\nrss -1\nodd\n\nx 7\n") == {"cache": 5, "x": 7}


def test_numbers_have_a_default_for_max_and_for_missing_files(tmp_path):
    (tmp_path / "a").write_text("max\n")
    (tmp_path / "b").write_text("-1\n")
    assert read_int(f"{tmp_path}/a", -7) == -7
    assert read_int(f"{tmp_path}/b") == -1
    assert read_int(f"{tmp_path}/c", 3) == 3


def test_a_limit_without_its_controller_names_both():
    with pytest.raises(
        LimitRefused, match=r"cannot set rdma\.max: .* rdma cgroup controller"
    ) as caught:
        GroupFiles({}).set("rdma", "rdma.max", "1")
    assert caught.value.stage == "rdma.max"


def test_a_limit_that_the_kernel_lacks_is_told_from_a_lost_group(tmp_path):
    with pytest.raises(LimitRefused, match="this kernel does not offer it"):
        GroupFiles({"cpu": str(tmp_path)}).set("cpu", "cpu.idle", "1")
    with pytest.raises(CgroupError, match="is gone"):
        GroupFiles({"cpu": f"{tmp_path}/x"}).set("cpu", "cpu.idle", "1")


def test_a_lost_group_has_no_processes(tmp_path):
    assert processes(f"{tmp_path}/gone") == []
