"""`docker build` as the docker command sends it: the classic endpoint, its stream, its errors."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from urllib.parse import quote

import leaks
import pytest
from bed import wait_until
from build_client import messages, post, streamed, tar_of

pytestmark = pytest.mark.integration

SIMPLE = """\
FROM busybox
ENV GREETING=hello
COPY name /name
RUN echo "$GREETING $(cat /name)" > /said && echo done
CMD ["cat", "/said"]
"""


@pytest.fixture
def context(tmp_path):
    (tmp_path / "Dockerfile").write_text(SIMPLE)
    (tmp_path / "name").write_text("baleen")
    return tmp_path


def test_an_image_is_built_and_runs(engine, context):
    done = engine.docker("build", "-t", "said:1", "-t", "said:2", str(context))
    assert "Successfully tagged said:1" in done.stdout
    assert "Successfully tagged said:2" in done.stdout
    assert engine.out("run", "--rm", "said:1") == "hello baleen"
    config = json.loads(engine.out("inspect", "said:2"))[0]["Config"]
    assert "GREETING=hello" in config["Env"]
    assert config["Cmd"] == ["cat", "/said"]


def test_the_stream_is_that_of_the_classic_builder(engine):
    body = tar_of(Dockerfile="FROM busybox\nRUN echo out; echo err >&2\nENV A=1\n")
    answer = post(engine, "t=stream:1&buildargs=%7B%22nobody%22%3A%22x%22%7D", body)
    found = messages(answer)
    base = engine.out("images", "-q", "--no-trunc", "busybox").removeprefix("sha256:")[:12]
    texts = [message["stream"] for message in found if "stream" in message]
    running = next(text for text in texts if "Running in" in text)
    container = running.removeprefix(" ---> Running in ").strip()
    assert texts[:4] == [
        "Step 1/3 : FROM busybox",
        "\n",
        f" ---> {base}\n",
        "Step 2/3 : RUN echo out; echo err >&2",
    ]
    assert "out\n" in texts
    assert "\x1b[91merr\n\x1b[0m" in texts
    assert f" ---> Removed intermediate container {container}\n" in texts
    (aux,) = [message["aux"]["ID"] for message in found if "aux" in message]
    assert aux == engine.out("images", "-q", "--no-trunc", "stream:1")
    short = aux.removeprefix("sha256:")[:12]
    assert texts[-4:] == [
        f" ---> {short}\n",
        "[Warning] One or more build-args [nobody] were not consumed\n",
        f"Successfully built {short}\n",
        "Successfully tagged stream:1\n",
    ]


def test_what_was_built_before_comes_from_the_cache(engine, context):
    first = engine.docker("build", "-q", str(context)).stdout
    done = engine.docker("build", str(context)).stdout
    assert done.count("Using cache") == 4
    assert "Running in" not in done
    assert engine.docker("build", "-q", str(context)).stdout == first
    assert (
        "Using cache"
        not in engine.docker("build", "--no-cache", str(context)).stdout.split("RUN")[1]
    )


def test_a_quiet_build_says_the_id_alone(engine, context):
    answer = post(engine, "q=1", tar_of(Dockerfile="FROM busybox\nRUN echo hidden\n"))
    (message,) = messages(answer)
    assert message["stream"].startswith("sha256:")
    assert engine.api("GET", f"/images/{message['stream'].strip()}/json").status == 200


def test_a_quiet_build_that_fails_says_all(engine):
    answer = post(engine, "q=1", tar_of(Dockerfile="FROM busybox\nRUN echo shown; exit 7\n"))
    text = streamed(answer)
    assert "shown" in text
    assert messages(answer)[-1]["errorDetail"]["code"] == 7


def test_a_failing_command_gives_its_code(engine):
    done = engine.docker("build", "-", stdin=b"FROM busybox\nRUN exit 3\n", check=False)
    assert done.returncode == 3
    assert "The command '/bin/sh -c exit 3' returned a non-zero code: 3" in done.stderr
    assert "Running in" in done.stdout


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("FRM busybox\n", "unknown instruction: FRM"),
        ("FROM busybox\nCOPY absent /\n", "absent"),
        ("", "the Dockerfile (Dockerfile) cannot be empty"),
    ],
)
def test_a_bad_dockerfile_is_told(engine, dockerfile, message):
    before = engine.inventory()
    answer = post(engine, "t=bad:1", tar_of(Dockerfile=dockerfile))
    text = answer.body.decode()
    assert message in text, text
    assert answer.status in (200, 400)
    assert engine.inventory() == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("t=UPPER", "invalid reference format"),
        ("t=a@sha256:" + "0" * 64, "build tag cannot contain a digest"),
        ("memory=1", "Minimum memory limit allowed is 6MB"),
        ("memory=x", "invalid value for memory"),
        ("buildargs=%7B", "error reading build args"),
        ("labels=%5B%5D", "error reading labels"),
        ("ulimits=x", "error reading ulimit settings"),
        ("cpusetcpus=999", "Requested CPUs are not available"),
        ("version=3", "invalid version: 3"),
        ("platform=a/b/c/d", "invalid platform"),
        ("outputs=%5B%7B%22Type%22%3A%22nope%22%7D%5D", "unknown output type"),
        ("outputs=%5B%7B%22Type%22%3A%22tar%22%7D%5D", "does not take an output of type"),
        ("extrahosts=x", "bad format for add-host"),
        ("isolation=hyperv", "unsupported isolation"),
        ("target=nowhere", "nowhere"),
        ("dockerfile=../x", "Forbidden path outside the build context"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_made(engine, query, message):
    before = engine.inventory()
    answer = post(engine, query, tar_of(Dockerfile="FROM busybox\nRUN true\n"))
    assert answer.status == 400, answer
    assert message in answer.message
    assert engine.inventory() == before


def test_buildkit_clients_are_told_what_to_do(engine):
    for path in ("/build?version=2", "/session", "/grpc"):
        answer = engine.api("POST", path, b"", headers={"Content-Type": "application/x-tar"})
        assert answer.status == 501
        assert "DOCKER_BUILDKIT=0" in answer.message


def test_parameters_reach_the_build(engine):
    dockerfile = (
        "FROM busybox AS first\nARG WHO\nRUN cat /etc/hosts > /hosts; df -k /dev/shm > /shm; "
        "echo $WHO > /who; cat /sys/class/net/*/address > /net; ulimit -n > /files\n"
        "FROM busybox\nRUN exit 1\n"
    )
    query = (
        "t=param:1&target=first&extrahosts=mine:10.9.8.7&networkmode=none&shmsize=8388608"
        "&labels=%7B%22a%22%3A%22b%22%7D&buildargs=%7B%22WHO%22%3A%22me%22%7D"
        "&ulimits=%5B%7B%22Name%22%3A%22nofile%22%2C%22Soft%22%3A99%2C%22Hard%22%3A99%7D%5D"
    )
    assert "Successfully tagged" in streamed(post(engine, query, tar_of(Dockerfile=dockerfile)))
    out = engine.out("run", "--rm", "param:1", "cat", "/hosts", "/shm", "/who", "/net", "/files")
    assert "10.9.8.7\tmine" in out
    assert "8192" in out
    assert "\nme\n" in out
    assert out.count("00:00:00:00:00:00") == 1
    assert out.endswith("99")
    assert json.loads(engine.out("inspect", "param:1"))[0]["Config"]["Labels"] == {"a": "b"}


def test_squash_leaves_one_layer_on_the_base(engine):
    dockerfile = "FROM busybox\nRUN echo 1 > /a\nRUN rm /a; echo 2 > /b\n"
    assert "Successfully" in streamed(
        post(engine, "t=sq:1&squash=1", tar_of(Dockerfile=dockerfile))
    )
    base, built = (
        json.loads(engine.out("inspect", name))[0]["RootFS"]["Layers"]
        for name in ("busybox", "sq:1")
    )
    assert built[:-1] == base
    assert engine.out("run", "--rm", "sq:1", "sh", "-c", "cat /b; ls /a 2>&1 || true").startswith(
        "2"
    )
    assert "merge" in engine.out("history", "--no-trunc", "sq:1")


def test_a_client_that_goes_ends_its_build(engine):
    body = tar_of(Dockerfile="FROM busybox\nRUN echo started; sleep 1000\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(engine.socket))
        client.sendall(
            b"POST /build?t=gone:1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        seen = b""
        while b"started" not in seen.split(b"Running in")[-1]:
            seen += client.recv(65536)
    wait_until(
        "no context is left", lambda: not list((engine.data_root / "build/contexts").iterdir())
    )
    assert engine.api("GET", "/images/gone:1/json").status == 404


def test_a_build_is_cancelled_by_its_id(engine):
    body = tar_of(Dockerfile="FROM busybox\nRUN echo started; sleep 1000\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(engine.socket))
        client.sendall(
            b"POST /build?buildid=mine HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        seen = b""
        while b"started" not in seen.split(b"Running in")[-1]:
            seen += client.recv(65536)
        assert engine.api("POST", "/build/cancel?id=mine").status == 200
        while b"cancelled" not in seen:
            part = client.recv(65536)
            assert part, seen
            seen += part
    assert engine.api("POST", "/build/cancel").status == 400
    assert engine.api("POST", "/build/cancel?id=unknown").status == 200


def test_the_cache_is_shown_and_pruned(engine, context):
    engine.docker("build", "-t", "kept:1", str(context))
    found = engine.api("GET", "/v1.43/system/df").json()["BuildCache"]
    assert {record["Type"] for record in found} == {"regular"}
    assert any("RUN echo" in record["Description"] for record in found)
    assert all(record["Shared"] for record in found)
    assert "Build Cache" in engine.out("system", "df")
    engine.out("rmi", "kept:1")
    answer = engine.api("POST", "/build/prune").json()
    assert len(answer["CachesDeleted"]) == len(found)
    assert answer["SpaceReclaimed"] > 0
    assert engine.api("GET", "/v1.43/system/df").json()["BuildCache"] == []
    assert engine.api("POST", "/build/prune?filters=%7B%22x%22%3A%5B%22y%22%5D%7D").status == 400
    assert "Using cache" not in engine.docker("build", str(context)).stdout.split("COPY")[1]


def test_cache_mounts_are_listed_and_pruned(engine):
    dockerfile = "FROM busybox\nRUN --mount=type=cache,target=/c echo kept >> /c/f; wc -l < /c/f\n"
    assert "\n1\n" in streamed(post(engine, "nocache=1", tar_of(Dockerfile=dockerfile)))
    assert "\n2\n" in streamed(post(engine, "nocache=1", tar_of(Dockerfile=dockerfile)))
    found = engine.api("GET", "/v1.43/system/df?type=build-cache").json()["BuildCache"]
    (mount,) = [record for record in found if record["Type"] == "exec.cachemount"]
    assert "/c" in mount["Description"]
    assert mount["Size"] > 0
    path = "/build/prune?filters=%7B%22type%22%3A%5B%22exec.cachemount%22%5D%7D"
    assert engine.api("POST", path).json()["CachesDeleted"] == [mount["ID"]]
    assert "\n1\n" in streamed(post(engine, "nocache=1", tar_of(Dockerfile=dockerfile)))


def test_the_cache_outlives_images_and_the_daemon(engine, context):
    engine.docker("build", "-t", "short:1", str(context))
    engine.out("rmi", "short:1")
    engine.restart()
    assert engine.docker("build", str(context)).stdout.count("Using cache") >= 2


def test_builds_tell_events(engine, context):
    began = time.time()
    engine.docker("build", "-t", "told:1", str(context))
    engine.api("POST", "/build/prune?all=1")
    answer = engine.api("GET", f"/events?since={began:.6f}&until={time.time():.6f}")
    events = [json.loads(line) for line in answer.body.splitlines()]
    kinds = {(event["Type"], event["Action"]) for event in events}
    assert ("image", "tag") in kinds
    assert ("builder", "prune") in kinds


def test_a_form_from_a_web_page_builds_nothing_over_tcp(engine):
    answer = engine.api("POST", "/build", b"x", headers={"Content-Type": "text/plain"})
    assert answer.status == 400
    assert "Content-Type" in answer.message


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_contexts_may_be_compressed(engine, tmp_path, compression):
    path = tmp_path / "context.tar"
    with tarfile.open(path, f"w:{compression}") as archive:
        data = b"FROM busybox\nCOPY . /all\n"
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    assert "Successfully built" in engine.docker("build", "-", stdin=path.read_bytes()).stdout


def test_copies_are_built_for_any_platform(engine):
    body = tar_of(Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    streamed(post(engine, "t=many:1&platform=linux/amd64,linux/arm64", body))
    view = engine.api("GET", "/images/many:1/json?manifests=1").json()
    kinds = {m["ImageData"]["Platform"]["architecture"] for m in view["Manifests"]}
    assert kinds == {"amd64", "arm64"}


def test_the_same_epoch_gives_the_same_image(engine):
    dockerfile = "FROM busybox\nRUN date > /dev/null; echo x > /x\nCOPY Dockerfile /d\n"
    query = "nocache=1&q=1&buildargs=%7B%22SOURCE_DATE_EPOCH%22%3A%221700000000%22%7D"
    first, second = (
        messages(post(engine, query, tar_of(Dockerfile=dockerfile)))[-1]["stream"] for _ in range(2)
    )
    assert first == second
    view = engine.api("GET", f"/images/{first.strip()}/json").json()
    assert view["Created"] == "2023-11-14T22:13:20Z"


def test_the_hosts_network_is_given_to_who_asks_and_not_to_a_dockerfile(engine, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN ls /sys/class/net > /net\n")
    engine.docker("build", "--network", "host", "-t", "host-net:1", str(tmp_path))
    assert "uplink" in engine.out("run", "--rm", "host-net:1", "cat", "/net")
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN --network=host true\n")
    refused = engine.docker("build", str(tmp_path), check=False)
    assert "network.host is not allowed" in refused.stderr + refused.stdout


def test_a_dockerfile_from_elsewhere_and_from_standard_input(engine, context, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "Other"
    other.write_text("FROM busybox\nCOPY name /other\n")
    engine.docker("build", "-t", "elsewhere:1", "-f", str(other), str(context))
    engine.docker("build", "-t", "elsewhere:2", "-f", "-", str(context), stdin=other.read_bytes())
    ids = [engine.out("images", "-q", f"elsewhere:{n}") for n in (1, 2)]
    assert ids[0] == ids[1] != ""


def test_a_cache_that_is_not_there_is_told_of(engine, context):
    done = engine.docker("build", "--cache-from", "127.0.0.1:1/none:x", str(context))
    assert "the build cache 127.0.0.1:1/none:x is not used: " in done.stdout
    assert "Successfully built" in done.stdout


def test_history_tells_the_size_of_a_layer_that_nobody_has_unpacked(engine, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY large /large\n")
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    engine.docker("build", "-t", "large:1", str(tmp_path))
    sizes = engine.out("history", "--format", "{{.Size}}", "large:1").split()
    assert sizes[0] in {"3MB", "3.01MB"}


def test_contexts_are_fetched_from_the_web_and_from_git(engine, tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    (served / "Dockerfile").write_text("FROM busybox\nRUN echo from the web\n")
    (served / "context.tar").write_bytes(tar_of(Dockerfile="FROM busybox\nCOPY f /\n", f="x"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(served)]
    for words in (["init", "-q", "-b", "main"], ["add", "Dockerfile"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run([*git, "update-server-info"], check=True)
    command = [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "8099", "-d", str(served)]
    with subprocess.Popen(
        leaks.in_netns(engine.netns, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until("it serves", lambda: "8099" in engine.inside("ss", "-ltn"))
            base = "http://127.0.0.1:8099"
            for url in ("/Dockerfile", "/context.tar", "/.git#main"):
                remote = quote(f"{base}{url}", safe="")
                text = streamed(post(engine, f"remote={remote}", b""))
                assert "Successfully built" in text, url
            answer = post(engine, f"remote={quote(base + '/absent', safe='')}", b"")
            assert answer.status >= 400
            assert "404" in answer.message
        finally:
            server.terminate()
