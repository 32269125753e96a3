"""`baleen build` and `baleen builder`, as a program, against the engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def context(tmp_path):
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        "FROM busybox AS base\nCOPY . /in\nRUN echo built > /out\n"
        "FROM scratch AS files\nCOPY --from=base /out /in/kept /\n"
    )
    (folder / "kept").write_text("kept")
    (folder / "left-out").write_text("secret")
    (folder / ".dockerignore").write_text("left-out\n")
    return folder


@pytest.fixture
def ssh_agent(tmp_path):
    """The socket of an agent with one key."""
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as agent:
        try:
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "of-this-test"]
            subprocess.run([*key, "-f", str(tmp_path / "key")], check=True)
            wait_until("the agent listens", path.exists)
            subprocess.run(
                ["ssh-add", "-q", str(tmp_path / "key")],
                env={**os.environ, "SSH_AUTH_SOCK": str(path)},
                check=True,
            )
            yield path
        finally:
            agent.terminate()


@pytest.fixture
def secret_variable(monkeypatch):
    """Before `baleen`, which takes the environment as it is then."""
    monkeypatch.setenv("BL_SECRET", "tops3cret-of-a-variable")


def test_steps_are_told_and_the_image_is_there(baleen, engine, context):
    done = baleen("build", "-t", "own:1", "--target", "base", "--label", "a=b", str(context))
    text = done.stderr.decode()
    assert "FROM busybox" in text
    assert "RUN echo built > /out" in text
    assert "own:1" in text
    assert engine.out("run", "--rm", "own:1", "ls", "/in").split() == ["Dockerfile", "kept"]
    again = baleen("build", "--target", "base", "--label", "a=b", str(context)).stderr.decode()
    assert again.count("CACHED") == 2


def test_the_dockerfile_may_come_from_elsewhere(baleen, engine, context, tmp_path):
    (tmp_path / "Other").write_text("FROM busybox\nCOPY kept /k\n")
    baleen("build", "-t", "other:1", "-f", str(tmp_path / "Other"), str(context))
    assert engine.out("run", "--rm", "other:1", "cat", "/k") == "kept"
    baleen("build", "-t", "other:2", "-f", "-", str(context), stdin=b"FROM other:1\nUSER 5\n")
    assert engine.out("run", "--rm", "other:2", "id", "-u") == "5"
    baleen("build", "-t", "other:3", "-", stdin=b"FROM other:1\nUSER 6\n")
    assert engine.out("run", "--rm", "other:3", "id", "-u") == "6"


def test_the_files_come_back(baleen, context, tmp_path):
    out = tmp_path / "out"
    baleen("build", "-o", str(out), str(context))
    assert sorted(path.name for path in out.iterdir()) == ["kept", "out"]
    assert (out / "out").read_text() == "built\n"
    baleen("build", "-o", f"type=tar,dest={tmp_path}/files.tar", str(context))
    with tarfile.open(tmp_path / "files.tar") as archive:
        assert sorted(archive.getnames()) == ["kept", "out"]
    done = baleen("build", "-o", "-", "--progress", "quiet", str(context))
    assert b"built\n" in done.stdout


def test_images_come_back_as_archives(baleen, engine, context, tmp_path):
    baleen(
        *("build", "-t", "arch:1", "-o", f"type=docker,dest={tmp_path}/d.tar"),
        *("-o", f"type=oci,compression=zstd,dest={tmp_path}/o.tar", str(context)),
    )
    assert engine.api("GET", "/images/arch:1/json").status == 404
    with tarfile.open(tmp_path / "o.tar") as archive:
        assert "manifest.json" not in archive.getnames()
        index = json.load(archive.extractfile("index.json"))
        path = index["manifests"][0]["digest"].replace("sha256:", "blobs/sha256/")
        layers = json.load(archive.extractfile(path))["layers"]
        assert {layer["mediaType"].rpartition("+")[2] for layer in layers} == {"zstd"}
    assert "arch:1" in engine.out("load", "-i", str(tmp_path / "d.tar"))


def test_secrets_are_seen_and_kept_nowhere(secret_variable, baleen, engine, tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\n"
        "RUN --mount=type=secret,id=file wc -c < /run/secrets/file > /sizes\n"
        "RUN --mount=type=secret,id=variable,env=SHOWN echo ${#SHOWN} >> /sizes\n"
    )
    secret = tmp_path / "secret"
    secret.write_text("tops3cret-of-a-file")
    (tmp_path / "empty").mkdir()
    baleen(
        *("build", "-t", "secrets:1", "--secret", f"id=file,src={secret}"),
        *("--secret", "id=variable,env=BL_SECRET"),
        *("-f", str(tmp_path / "Dockerfile"), str(tmp_path / "empty")),
    )
    assert engine.out("run", "--rm", "secrets:1", "cat", "/sizes").split() == ["19", "23"]
    for place in (engine.data_root, engine.place.exec_root, engine.log):
        files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
        for file in files:
            assert b"tops3cret" not in file.read_bytes(), file


def test_other_directories_and_images_may_be_contexts(baleen, engine, context, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/file").write_text("more")
    baleen(
        *("build", "-t", "ctx:1", "-f", "-", "--build-context", f"extra={tmp_path}/more"),
        *("--build-context", "base=docker-image://busybox", str(context)),
        stdin=b"FROM base\nCOPY --from=extra file /file\n",
    )
    assert engine.out("run", "--rm", "ctx:1", "cat", "/file") == "more"


def test_why_tells_what_has_changed(baleen, context, tmp_path):
    baleen("build", "--target", "base", str(context))
    (context / "kept").write_text("changed")
    graph = tmp_path / "graph.svg"
    done = baleen("build", "--target", "base", "--why", "--graph", str(graph), str(context))
    text = done.stderr.decode()
    assert "kept" in text.partition("why:")[2], text
    assert graph.read_text().startswith("<svg")
    assert "RUN echo built" in graph.read_text()


def test_a_failed_step_ends_the_command_with_its_code(baleen):
    done = baleen("build", "-", stdin=b"FROM busybox\nRUN echo said; exit 9\n", code=9)
    assert b"said" in done.stderr
    assert b"returned a non-zero code: 9" in done.stderr


def test_a_shell_opens_in_the_failed_step(baleen, engine, tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nENV WORD=step\nWORKDIR /work\nUSER 3:4\nRUN echo here > /tmp/left; exit 9\n"
    )
    before = engine.inventory()
    typed = b"cat /tmp/left; echo $WORD of $(id -u) in $PWD\n"
    done = baleen("build", "--on-error", "shell", str(tmp_path), stdin=typed, code=9)
    assert done.stdout == b"here\nstep of 3 in /work\n"
    assert engine.inventory() == before


def test_a_dockerfile_is_checked_without_building(baleen, engine, context):
    before = engine.inventory()
    assert b"no warnings" in baleen("build", "--check", str(context)).stdout
    (context / "Dockerfile").write_text("from busybox as X\nRUN true\nCMD echo\n")
    done = baleen("build", "--check", str(context), code=1)
    assert b"WARNING:" in done.stdout
    assert b"Dockerfile:1" in done.stdout
    assert b"files" not in baleen("build", "--call", "targets", str(context)).stdout
    assert engine.inventory() == before


def test_ids_and_metadata_are_written(baleen, engine, context, tmp_path):
    ids, metadata = tmp_path / "id", tmp_path / "metadata.json"
    baleen(
        *("build", "-t", "meta:1", "--iidfile", str(ids)),
        *("--metadata-file", str(metadata), str(context)),
    )
    image_id = engine.out("images", "-q", "--no-trunc", "meta:1")
    assert ids.read_text() == image_id
    assert json.loads(metadata.read_text())["containerimage.digest"] == image_id
    assert baleen("build", "-q", str(context)).stdout.decode().strip() == image_id


def test_attestations_lie_beside_the_image(baleen, engine, context):
    baleen("build", "-t", "att:1", "--provenance", "mode=max", "--sbom", "true", str(context))
    found = engine.api("GET", "/images/att:1/attestations?statement=1").json()
    kinds = {one["PredicateType"] for one in found}
    assert kinds == {"https://slsa.dev/provenance/v0.2", "https://spdx.dev/Document"}
    provenance = next(one["Statement"] for one in found if "slsa" in one["PredicateType"])
    assert provenance["predicate"]["materials"][0]["uri"].startswith("pkg:docker/busybox")


def test_the_cache_is_listed_and_pruned(baleen, context):
    baleen("build", str(context))
    listed = baleen("builder", "du", "--verbose").stdout.decode()
    assert "RUN echo built" in listed
    assert "Total:" in listed
    assert b"Total reclaimed space" in baleen("builder", "prune", "-af").stdout
    assert "RUN echo" not in baleen("builder", "du", "--verbose").stdout.decode()


def test_bad_flags_are_refused_at_once(baleen, context):
    for flags, message in (
        (("--secret", "src=x"), b"secret missing id"),
        (("--output", "type=local"), b"dest is required"),
        (("--build-context", "x"), b"invalid context value"),
        (("--on-error", "debug"), b"--on-error"),
        (("--cache-to", "dest=x"), b"type required"),
        (("--allow", "everything"), b"unknown entitlement"),
    ):
        assert message in baleen("build", *flags, str(context), code=1).stderr
    assert b"not found" in baleen("build", "/nonexistent-folder", code=1).stderr


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="needs ssh-agent and ssh-add")
def test_a_step_reaches_the_agent_of_the_client(ssh_agent, baleen, tmp_path):
    """With ssh-add and its libraries, which lie in the context."""
    program = shutil.which("ssh-add")
    libraries = re.findall(r"(/lib\S+)", subprocess.check_output(["ldd", program], text=True))
    for path in (program, *libraries):
        target = tmp_path / "root" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (tmp_path / "Dockerfile").write_text(
        f"FROM busybox\nCOPY root /\nRUN --mount=type=ssh {program} -L\n"
    )
    done = baleen("build", "--ssh", f"default={ssh_agent}", str(tmp_path))
    assert b"of-this-test" in done.stderr
    assert (
        b"required"
        in baleen(
            *("build", "-f", "-", str(tmp_path)),
            stdin=b"FROM busybox\nRUN --mount=type=ssh,required=true true\n",
            code=1,
        ).stderr.lower()
    )


def test_a_quiet_build_still_writes_its_files(baleen, engine, context, tmp_path):
    done = baleen(
        *("build", "-q", "-t", "quiet:1", "--iidfile", str(tmp_path / "id")),
        *("--metadata-file", str(tmp_path / "metadata"), str(context)),
    )
    image = done.stdout.decode().strip()
    assert image.startswith("sha256:")
    assert (tmp_path / "id").read_text() == image
    metadata = json.loads((tmp_path / "metadata").read_text())
    assert metadata == {"containerimage.digest": image, "image.name": "quiet:1"}


def test_a_docker_output_without_a_place_goes_to_the_store(baleen, engine, context):
    baleen("build", "-q", "-o", "type=docker,name=loaded:1", str(context))
    assert engine.out("images", "-q", "loaded:1").strip()
