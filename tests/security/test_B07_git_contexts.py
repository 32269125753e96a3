"""B07 (moby CVE-2019-13139, buildkit 2026-33748): a git URL that is an option, a program, a path.

Asked over the API, because the docker command clones by itself. The canary is what the URL's
programs would make, and a file of the host that a link in the repository names.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import leaks
import pytest
from git_server import git_server

pytestmark = pytest.mark.integration

DOCKERFILE = "FROM busybox\nCOPY . /x/\n"


def asked(engine, remote: str, query: str = ""):
    answer = engine.api("POST", f"/build?remote={quote(remote, safe='')}{query}")
    text = answer.body.decode()
    return answer.status, text


@pytest.mark.parametrize(
    "remote",
    [
        "--upload-pack=touch {canary}",
        "--upload-pack=touch {canary} .git",
        "ext::sh -c touch% {canary}",
        "ext::sh -c touch% {canary}.git",
        "fd::7/x.git",
        "file://{repository}",
        "file://{repository}/.git",
        "{repository}",
        "{repository}/.git",
        "git@-oProxyCommand=touch {canary}:x",
        "ssh://-oProxyCommand=touch%20{canary}/x",
        "ssh://h/-x;touch {canary}",
        "git://h/r#--upload-pack=touch {canary}",
        "git://h/r#-x",
        "git://h/r#main:../../../etc",
        "git://h/r#main:.git/hooks",
        "https://h/r.git#main:a/../../..",
        "-c core.sshCommand=touch {canary}",
    ],
)
def test_what_is_no_repository_is_refused(engine, tmp_path, remote):
    canary, repository = tmp_path / "canary", tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "Dockerfile").write_text(DOCKERFILE)
    status, text = asked(engine, remote.format(canary=canary, repository=repository))
    assert status == 400 or '"error"' in text, (status, text)
    assert "invalid" in text or "only http" in text, text
    assert not canary.exists()
    assert list((engine.data_root / "build/contexts").iterdir()) == []


def test_a_repository_stays_in_its_checkout(engine, tmp_path):
    (tmp_path / "secret").write_text("of the host")
    with git_server(tmp_path, leaks.in_netns(engine.netns)) as make:
        repository = make("r")
        repository.commit(
            Dockerfile=DOCKERFILE,
            sub__Dockerfile=DOCKERFILE,
            out=f"->{tmp_path}",
            leak=f"->{tmp_path}/secret",
            link="->sub",
        )
        for subdirectory in ("out", "link", "none", "leak"):
            status, text = asked(engine, f"{repository.url}#main:{subdirectory}")
            assert "error setting git context" in text, (status, text)
        # A Dockerfile that is a link out of the repository is not read.
        status, text = asked(engine, f"{repository.url}#main", "&dockerfile=leak")
        assert "Cannot locate specified Dockerfile" in text, (status, text)
        status, text = asked(engine, f"{repository.url}#main:sub", "&t=good:1")
        assert "Successfully built" in text, (status, text)
        assert json.loads(text.splitlines()[-1])
    assert "of the host" not in text
    assert list((engine.data_root / "build/contexts").iterdir()) == []
