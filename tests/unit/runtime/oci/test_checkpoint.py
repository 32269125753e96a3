import pytest

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.criu.dump import DumpOptions
from baleen.runtime.main import main
from baleen.runtime.oci.checkpoint import image_path, wanted_dump
from baleen.runtime.oci.commands import COMMANDS
from baleen.runtime.oci.options import parse


def options(*words):
    return parse(COMMANDS["checkpoint"].options, words, interspersed=True)[0]


def test_options_are_criu_terms(tmp_path):
    assert wanted_dump(options(), str(tmp_path)) == DumpOptions()
    words = (
        "--leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup"
        " --pre-dump --link-remap --tcp-skip-in-flight --manage-cgroups-mode soft"
        " --empty-ns network --page-server ::1:7 --status-fd 5"
    )
    assert wanted_dump(options(*words.split()), str(tmp_path)) == DumpOptions(
        leave_running=True,
        tcp_established=True,
        ext_unix_sk=True,
        shell_job=True,
        file_locks=True,
        link_remap=True,
        auto_dedup=True,
        tcp_skip_in_flight=True,
        pre_dump=True,
        page_server=("::1", 7),
        cgroups="soft",
        empty_network=True,
        status_fd=5,
    )


def test_a_parent_is_below_the_image(tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "before").mkdir()
    image = str(tmp_path / "image")
    assert wanted_dump(options("--parent-path", "../before"), image).parent == "../before"
    for path in ("/before", "../none"):
        with pytest.raises(InvalidArgument, match="--parent-path"):
            wanted_dump(options("--parent-path", path), image)


@pytest.mark.parametrize(
    "words",
    ["--manage-cgroups-mode all", "--empty-ns pid", "--page-server 7", "--page-server h:0",
     "--page-server h:65536", "--page-server :7", "--status-fd x"],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(words):
    with pytest.raises(InvalidArgument):
        wanted_dump(options(*words.split()), "/")


def test_lazy_pages_are_refused():
    with pytest.raises(Unsupported, match="lazy-pages"):
        wanted_dump(options("--lazy-pages"), "/")


def test_the_image_is_here_as_with_runc(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert image_path(options()) == str(tmp_path / "checkpoint")
    assert image_path(options("--image-path", "x")) == str(tmp_path / "x")


def test_a_container_that_is_not_there_is_an_error(capfd, tmp_path):
    assert main(["--root", str(tmp_path), "checkpoint", "c1"]) == 1
    assert "container does not exist" in capfd.readouterr().err
