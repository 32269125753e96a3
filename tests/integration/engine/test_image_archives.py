"""commit, import, save, load, export and diff, by the real command."""

from __future__ import annotations

import bz2
import gzip
import http.server
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import threading
import time
from contextlib import contextmanager

import pytest
import zstandard

from baleen.linux.namespaces import CLONE_NEWNET, setns

pytestmark = pytest.mark.integration


def config(engine, image):
    return json.loads(engine.out("inspect", image))[0]


def test_a_commit_holds_what_was_added_changed_and_removed(engine):
    engine.docker(
        "run", "--name", "c1", "-e", "A=1", "busybox", "sh", "-c",
        "mkdir -p /d/e && echo x >/d/e/f && chmod 4711 /d/e/f && rm -r /etc/passwd /root;"
        " mkdir /root && echo new >/root/n; ln /d/e/f /d/g; mkfifo /p; echo y >/etc/group",
    )  # fmt: skip
    image_id = engine.out("commit", "-m", "why", "-a", "me", "c1", "made:1")
    assert image_id.startswith("sha256:")
    assert engine.out("inspect", "-f", "{{.Id}}", "made:1") == image_id
    shown = engine.docker(
        "run", "--rm", "made:1", "sh", "-c",
        "stat -c '%a %h' /d/e/f; cat /d/g /root/n /etc/group; ls /root; stat -c %F /p;"
        " ls /etc/passwd",
        check=False,
    )  # fmt: skip
    assert shown.stdout == "4711 2\nx\nnew\ny\nn\nfifo\n"
    assert "No such file" in shown.stderr
    made = config(engine, "made:1")
    assert made["Author"] == "me"
    assert "A=1" in made["Config"]["Env"]
    assert len(made["RootFS"]["Layers"]) == len(config(engine, "busybox")["RootFS"]["Layers"]) + 1
    newest = engine.out(
        "history", "--no-trunc", "--format", "{{.Comment}}|{{.CreatedBy}}", "made:1"
    )
    assert newest.splitlines()[0].startswith("why|sh -c mkdir")


def test_changes_lie_over_the_containers_configuration(engine):
    engine.docker("create", "--name", "c1", "-l", "k=v", "-w", "/tmp", "busybox", "echo", "old")
    engine.docker(
        "commit", "-c", "ENV B=2", "-c", "LABEL x=y", "-c", 'ENTRYPOINT ["echo"]', "c1", "made:1"
    )
    made = config(engine, "made:1")["Config"]
    assert made["Labels"] == {"k": "v", "x": "y"}
    assert "B=2" in made["Env"]
    assert (made["Entrypoint"], made["Cmd"], made["WorkingDir"]) == (["echo"], None, "/tmp")
    assert "FROM is not a valid change command" in engine.fails("commit", "-c", "FROM x", "c1")
    assert "invalid reference format" in engine.fails("commit", "c1", "UPPER:1")
    assert "No such container: nosuch" in engine.fails("commit", "nosuch")


def test_a_container_stands_still_while_it_is_committed(engine):
    since = time.time()
    engine.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    engine.docker("commit", "c1", "made:1")
    engine.docker("commit", "--pause=false", "c1", "made:2")
    assert engine.state("c1")["Status"] == "running"
    seen = engine.out(
        "events", "--since", f"{since:.3f}", "--until", f"{time.time():.3f}",
        "--filter", "type=container", "--format", "{{.Action}}",
    ).split()  # fmt: skip
    middle = [name for name in seen if name in ("pause", "unpause", "commit")]
    assert middle == ["pause", "unpause", "commit", "commit"]


def test_a_committed_image_without_a_name_can_be_run_and_saved(engine, tmp_path):
    engine.docker("run", "--name", "c1", "busybox", "touch", "/x")
    image_id = engine.out("commit", "c1")
    assert engine.out("run", "--rm", image_id, "ls", "/x") == "/x"
    path = str(tmp_path / "i.tar")
    engine.docker("save", "-o", path, image_id)
    engine.docker("rm", "c1")
    engine.docker("rmi", image_id)
    assert engine.out("load", "-i", path) == f"Loaded image ID: {image_id}"


def root_tar():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("note")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    return data.getvalue()


PACKERS = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_import_and_load_take_every_compression(engine, tmp_path, pack):
    engine.docker("import", "-", "made:1", stdin=pack(root_tar()))
    engine.docker("create", "--name", "c1", "made:1", "x")
    with tarfile.open(fileobj=io.BytesIO(engine.api("GET", "/containers/c1/export").body)) as tar:
        assert tar.extractfile("note").read() == b"hello"
    saved = engine.api("GET", "/images/made:1/get").body
    before = engine.out("inspect", "-f", "{{.Id}}", "made:1")
    engine.docker("rm", "c1")
    engine.docker("rmi", "made:1")
    assert engine.out("load", stdin=pack(saved)) == "Loaded image: made:1"
    assert engine.out("inspect", "-f", "{{.Id}}", "made:1") == before


@pytest.fixture
def web(engine):
    """A server at the daemon's own loopback address; gives its URL and what it serves."""
    pages = {"/root.tar": root_tar()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            elif self.path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"x" * 10)
            elif self.path in pages:
                self.send_response(200)
                self.send_header("Content-Length", str(len(pages[self.path])))
                self.end_headers()
                self.wfile.write(pages[self.path])
            else:
                self.send_error(404)

        def log_message(self, *args):
            pass

    with _server_in(engine, Handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _server_in(engine, handler):
    made, ready = [], threading.Event()

    def work():
        # The thread is in the daemon's network namespace from here on, and ends there.
        with open(f"/proc/{engine.pid}/ns/net") as namespace:
            setns(namespace.fileno(), CLONE_NEWNET)
        made.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        ready.set()
        made[0].serve_forever(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0].server_port
    finally:
        made[0].shutdown()
        thread.join()
        made[0].server_close()


def test_import_of_a_url(engine, web):
    engine.docker("import", f"{web}/root.tar", "made:1")
    engine.docker("create", "--name", "c1", "made:1", "x")
    assert engine.out("history", "--format", "{{.Comment}}", "made:1") == (
        f"Imported from {web}/root.tar"
    )
    assert "404" in engine.fails("import", f"{web}/nothing", "made:2")
    assert "bytes are missing" in engine.fails("import", f"{web}/short", "made:2")
    assert engine.fails("import", f"{web}/away", "made:2")
    assert (
        "only http and https"
        in engine.api("POST", "/images/create?fromSrc=file:///etc/passwd&repo=x").message
    )
    assert engine.docker("image", "inspect", "made:2", check=False).returncode == 1


def test_import_for_another_platform_with_a_message(engine):
    engine.docker(
        "import", "--platform", "linux/arm64", "-m", "mine", "-", "made:1", stdin=root_tar()
    )
    assert config(engine, "made:1")["Architecture"] == "arm64"
    assert engine.out("history", "--format", "{{.Comment}}", "made:1") == "mine"


def test_many_images_in_one_archive(engine, tmp_path):
    for number in range(3):
        engine.docker("import", "-", f"made:{number}", stdin=root_tar())
    path = str(tmp_path / "all.tar")
    engine.docker("save", "-o", path, "made", "busybox")
    with tarfile.open(path) as tar:
        rows = json.load(tar.extractfile("manifest.json"))
    assert sorted(tag for row in rows for tag in row["RepoTags"]) == [
        "busybox:latest", "made:0", "made:1", "made:2",
    ]  # fmt: skip
    engine.docker("rmi", "made:0", "made:1", "made:2")
    assert engine.out("load", "-i", path).count("Loaded image: ") == 4
    assert engine.out("load", "-q", "-i", path).count("Loaded image: ") == 4


def test_a_platform_is_saved_and_loaded(engine, tmp_path):
    path = str(tmp_path / "b.tar")
    architecture = config(engine, "busybox")["Architecture"]
    engine.docker("save", "--platform", f"linux/{architecture}", "-o", path, "busybox")
    assert "does not provide" in engine.fails("save", "--platform", "linux/s390x", "busybox")
    engine.docker("load", "--platform", f"linux/{architecture}", "-i", path)
    assert "platform" in engine.fails("load", "--platform", "linux/s390x", "-i", path)


def test_skopeo_reads_what_we_save_and_we_read_what_it_writes(engine, tmp_path):
    if shutil.which("skopeo") is None:
        pytest.skip("needs skopeo")
    path = str(tmp_path / "b.tar")
    engine.docker("run", "--name", "c1", "busybox", "touch", "/x")
    engine.docker("commit", "c1", "made:1")
    engine.docker("save", "-o", path, "made:1")
    (tmp_path / "layout").mkdir()
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path / "layout", filter="data")

    def skopeo(*words):
        subprocess.run(
            ["skopeo", "--insecure-policy", *words], check=True, timeout=60, capture_output=True
        )

    for number, (source, target) in enumerate(
        (
            (f"docker-archive:{path}:made:1", f"oci-archive:{tmp_path}/1.tar:made:2"),
            (f"docker-archive:{path}:made:1", f"docker-archive:{tmp_path}/2.tar:made:2"),
            (f"oci:{tmp_path}/layout", f"docker-archive:{tmp_path}/3.tar:made:2"),
        ),
        1,
    ):
        skopeo("copy", source, target)
        said = engine.out("load", "-i", f"{tmp_path}/{number}.tar")
        name = said.rpartition(": ")[2].strip()
        assert engine.out("run", "--rm", name, "ls", "/x") == "/x", said


def test_diff_shows_what_a_commit_would_hold(engine):
    engine.docker("run", "--name", "c1", "busybox", "sh", "-c", "echo >/a; rm /etc/group")
    assert engine.out("diff", "c1").splitlines() == ["A /a", "C /etc", "D /etc/group"]
    engine.docker("commit", "c1", "made:1")
    engine.docker("create", "--name", "d1", "made:1")
    assert engine.out("diff", "d1") == ""
