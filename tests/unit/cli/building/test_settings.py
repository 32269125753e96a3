from __future__ import annotations

import base64
import json

import pytest

from baleen.cli.building import settings
from baleen.cli.commands.build import COMMAND
from baleen.cli.flags import parse_flags
from baleen.errors import InvalidArgument


def flags(*words):
    return parse_flags(COMMAND.flags, words)[0]


def test_the_query_has_what_dockers_client_sends(monkeypatch):
    monkeypatch.setenv("FROM_ENV", "value")
    monkeypatch.delenv("ABSENT", raising=False)
    query = settings.build_query(
        flags(
            *("-t", "a", "-t", "b", "--build-arg", "A=1", "--build-arg", "FROM_ENV"),
            *("--build-arg", "ABSENT", "--label", "k=v=w", "-m", "10m", "--memory-swap", "-1"),
            *("--ulimit", "nofile=1:2", "--no-cache", "--rm=false", "--target", "T"),
        ),
        "D",
        "",
    )
    assert query["t"] == ["a", "b"]
    assert json.loads(query["buildargs"]) == {"A": "1", "FROM_ENV": "value", "ABSENT": None}
    assert json.loads(query["labels"]) == {"k": "v=w"}
    assert (query["memory"], query["memswap"]) == (10 << 20, -1)
    assert json.loads(query["ulimits"]) == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert (query["nocache"], query["rm"], query["target"]) == (True, False, "T")
    assert query["dockerfile"] == "D"
    assert query["remote"] is None


def test_the_prelude_has_the_rest(tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(b"\0s")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    given = flags(
        *("--secret", f"id=s,src={tmp_path}/secret", "--ssh", "default", "--allow", "network.host"),
        *("--build-context", f"here={tmp_path}", "--build-context", "img=docker-image://x"),
        *("--cache-from", "type=registry,ref=a", "--cache-from", "b", "--no-cache-filter", "x,y"),
        *(
            "--provenance",
            "mode=max",
            "--attest",
            "type=sbom",
            "--platform",
            "linux/amd64",
            "--why",
        ),
    )
    outputs = settings.parse_outputs(["type=image,name=n,push=true"])
    document = settings.prelude(given, "FROM x", outputs)
    assert document["Dockerfile"] == "FROM x"
    assert document["Secrets"] == [{"ID": "s", "Data": base64.b64encode(b"\0s").decode()}]
    assert document["SSH"] == ["default"]
    assert document["Contexts"] == {"here": "local", "img": "docker-image://x"}
    assert settings.local_contexts(given) == [str(tmp_path)]
    assert document["CacheFrom"][1] == {"Type": "registry", "Attrs": {"ref": "b"}}
    assert document["NoCacheFilter"] == ["x", "y"]
    assert document["Attests"] == {"provenance": "mode=max", "sbom": "true"}
    assert document["Outputs"] == [{"Type": "image", "Attrs": {"name": "n", "push": "true"}}]
    assert document["Why"] is True
    assert "CacheTo" not in document


def test_outputs_have_their_places():
    assert settings.parse_outputs(["out"])[0] == {"type": "local", "attrs": {}, "dest": "out"}
    assert settings.parse_outputs(["-"])[0]["type"] == "tar"
    assert settings.parse_outputs(["type=oci"])[0]["dest"] == "-"
    for text in ("type=local", "dest=x,", "type=image,dest=x"):
        with pytest.raises(InvalidArgument):
            settings.parse_outputs([text])


def test_secrets_come_from_files_and_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "t")
    (found,) = settings.read_secrets(["id=a,env=TOKEN"])
    assert base64.b64decode(found["Data"]) == b"t"
    assert settings.read_secrets(["id=TOKEN"])[0]["Data"] == found["Data"]
    (tmp_path / "large").write_bytes(bytes((500 << 10) + 1))
    for text, message in (
        ("src=x", "missing id"),
        ("id=a,mode=1", "unexpected key"),
        (f"id=a,src={tmp_path}/large", "larger than 500 KiB"),
        ("id=a,type=x", "unsupported secret type"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            settings.read_secrets([text])
    with pytest.raises(FileNotFoundError):
        settings.read_secrets(["id=a,src=/absent"])


def test_agents_need_a_socket(monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert settings.ssh_agents(["work=/a"]) == {"work": "/a"}
    with pytest.raises(InvalidArgument, match="SSH_AUTH_SOCK"):
        settings.ssh_agents(["default"])


def test_all_credentials_go_along(tmp_path):
    auth = base64.b64encode(b"u:p").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"h:5000": {"auth": auth}}}))
    document = json.loads(base64.urlsafe_b64decode(settings.registry_config(str(tmp_path))))
    assert document["h:5000"]["username"] == "u"
    assert settings.registry_config(str(tmp_path / "absent")) == ""
