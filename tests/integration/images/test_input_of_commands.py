"""What `docker tag`, `pull`, `import`, `commit` and `system df` make of odd input."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

pytestmark = pytest.mark.integration


def tar_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_a_tag_that_reads_as_a_digest_is_refused(engine):
    refused = engine.fails("tag", "busybox", "sha256:deadbeef")
    assert "refusing to create an ambiguous tag using digest algorithm as name" in refused
    refused = engine.fails("import", "-", "sha256:f00", code=1)
    assert "refusing to create an ambiguous tag" in refused
    refused = engine.fails("commit", "none", "sha256:f00", code=1)
    assert "No such container" in refused or "refusing" in refused
    assert "sha256" not in engine.out("images", "--format", "{{.Repository}}")


def test_a_platform_that_is_none_is_refused(engine):
    for command in (["pull"], ["create"], ["import", "-"]):
        done = engine.docker(
            command[0], "--platform", "bogus", *command[1:], "busybox", check=False,
            stdin=tar_of(a=b"a"),
        )  # fmt: skip
        assert done.returncode, command
        assert "unknown operating system or architecture" in done.stderr, command


def test_changes_expand_variables_and_take_all_of_a_health_check(engine):
    engine.docker("create", "--name", "source", "busybox", "true")
    engine.docker(
        "commit",
        "-c", "ENV PATH=$PATH:/opt B='$PATH'",
        "-c", "WORKDIR $HOME/${B:-x}",
        "-c", "HEALTHCHECK --interval=5s --retries=2 CMD true",
        "-c", "STOPSIGNAL SIGUSR1",
        "source", "changed",
    )  # fmt: skip
    config = json.loads(engine.out("image", "inspect", "-f", "{{json .Config}}", "changed"))
    assert config["Env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt",
        "B=$PATH",
    ]
    assert config["WorkingDir"] == "/$PATH"
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 5_000_000_000,
        "Retries": 2,
    }
    assert engine.out("run", "--rm", "changed", "sh", "-c", "echo $PATH").endswith(":/opt")
    for change, message in (
        ("STOPSIGNAL NONE", "invalid signal: NONE"),
        ("HEALTHCHECK --interval=5 CMD true", "missing unit in duration"),
        ("ENV A='b", "quoting"),
    ):
        assert message in engine.fails("commit", "-c", change, "source")


def test_an_import_says_why_it_cannot_download(engine):
    refused = engine.fails("import", "http://127.0.0.1:9/root.tar", "never")
    assert refused.strip().endswith("cannot download from 127.0.0.1: connection refused")


def test_disk_usage_lists_containers_as_ps_does(engine):
    engine.docker("create", "--name", "writer", "-v", "/a", "-v", "/b", "-v", "/etc:/c", "busybox")
    (line,) = [
        line for line in engine.out("system", "df", "-v").splitlines() if line.endswith(" writer")
    ]
    columns = line.split("   ")
    assert [column.strip() for column in columns if column.strip()][3] == "2"  # local volumes
    assert "second" in line
    assert "Created" in line
    (old,) = engine.api("GET", "/v1.51/system/df?type=container").json()["Containers"]
    (listed,) = engine.api("GET", "/v1.51/containers/json?all=1&size=1").json()
    assert old == listed
    assert old["SizeRootFs"] > 1_000_000
