"""git as a program: what it brings, and what it must not do (B07)."""

import os
import stat
import threading

import pytest
from git_server import git_server

from baleen.build.contexts.git import GitAccess, check_out, open_subdirectory
from baleen.build.contexts.remote import GitRemote
from baleen.errors import FailedPrecondition, InvalidArgument, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with git_server(tmp_path_factory.mktemp("git")) as make:
        yield make


@pytest.fixture(scope="module")
def repository(served):
    made = served("plain")
    made.first = made.commit(
        a="1", d__script="#!/bin/sh", sub__f="f", link="->/etc", sub__up="->.."
    )
    made.git("tag", "v1")
    made.second = made.commit(a="2")
    made.git("branch", "feature/x")
    return made


def fetched(repository, tmp_path, ref="", **options):
    where = GitRemote(repository.url, ref, checksum=options.pop("checksum", ""))
    access = options.pop("access", GitAccess())
    return check_out(where, tmp_path / "out/checkout", access=access, **options)


@pytest.mark.parametrize(
    ("ref", "text"),
    [("", "2"), ("main", "2"), ("v1", "1"), ("feature/x", "2"), ("refs/tags/v1", "1")],
)
def test_references(repository, tmp_path, ref, text):
    made = fetched(repository, tmp_path, ref)
    assert made.commit == (repository.first if text == "1" else repository.second)
    assert made.time_ns == 1_700_000_000 * 10**9
    out = tmp_path / "out/checkout"
    assert (out / "a").read_text() == text
    assert not (out / ".git").exists()


def test_modes_are_gits_own(repository, tmp_path):
    fetched(repository, tmp_path)
    out = tmp_path / "out/checkout"
    assert stat.S_IMODE(os.lstat(out / "a").st_mode) == 0o644
    assert stat.S_IMODE(os.lstat(out / "d/script").st_mode) == 0o755
    assert stat.S_IMODE(os.lstat(out / "d").st_mode) == 0o755
    assert os.readlink(out / "link") == "/etc"


def test_a_commit_that_no_branch_ends_in(repository, tmp_path):
    assert fetched(repository, tmp_path, repository.first).commit == repository.first


def test_the_commit_must_be_the_one_that_is_wanted(repository, tmp_path):
    assert fetched(repository, tmp_path, "v1", checksum=repository.first[:7])
    with pytest.raises(InvalidArgument, match="expected checksum to match"):
        fetched(repository, tmp_path / "b", "v1", checksum=repository.second)


def test_what_is_not_there(repository, tmp_path):
    with pytest.raises(Unavailable, match="git fetch failed for git://127"):
        fetched(repository, tmp_path, "none")
    gone = GitRemote(repository.url + "-none")
    with pytest.raises(Unavailable):
        check_out(gone, tmp_path / "b/checkout", access=GitAccess())


def test_the_git_directory_stays_where_it_is_wanted(repository, tmp_path):
    fetched(repository, tmp_path, keep_git_dir=True)
    assert (tmp_path / "out/checkout/.git/HEAD").exists()


def test_submodules_come_along_but_not_by_another_transport(served, tmp_path):
    part = served("part")
    part.commit(p="part")
    whole = served("whole")
    whole.git("submodule", "--quiet", "add", part.url, "mod")
    whole.commit(w="whole")
    fetched(whole, tmp_path)
    assert (tmp_path / "out/checkout/mod/p").read_text() == "part"
    assert not (tmp_path / "out/checkout/mod/.git").exists()
    # The same by a path of this host, which is what a hostile .gitmodules would try.
    evil = served("evil")
    evil.git("submodule", "--quiet", "add", part.url, "mod")
    evil.git("config", "-f", ".gitmodules", "submodule.mod.url", f"file://{part.place}")
    evil.commit(w="x")
    with pytest.raises(Unavailable, match=r"transport 'file' not allowed"):
        fetched(evil, tmp_path / "b")


def test_no_configuration_or_hook_of_this_host_counts(repository, tmp_path, monkeypatch):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    canary = tmp_path / "canary"
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f'[core]\n hooksPath = {hooks}\n[url "git://127.0.0.1:1/"]\n insteadOf = git://\n'
    )
    environment = dict(os.environ) | {
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_SYSTEM": str(config),
        "GIT_TEMPLATE_DIR": str(hooks),
        "GIT_EXEC_PATH": "/nonexistent",
        "GIT_SSH_COMMAND": f"touch {canary}",
        "HOME": str(tmp_path),
        "SECRET": "x",
    }
    (tmp_path / ".gitconfig").write_text(config.read_text())
    fetched(repository, tmp_path, access=GitAccess(environment=environment))
    assert not canary.exists()


def test_a_cancelled_fetch_kills_git(repository, tmp_path):
    asked = threading.Event()

    def check():
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt):
        fetched(repository, tmp_path, check=check)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_token_is_in_no_argument_and_in_no_error(tmp_path):
    access = GitAccess(token="s3cret-token")
    where = GitRemote("http://127.0.0.1:1/r.git")
    with pytest.raises(Unavailable) as caught:
        check_out(where, tmp_path / "out/checkout", access=access)
    assert "s3cret" not in str(caught.value)
    config = (tmp_path / "out/checkout/.git/config").read_text()
    assert "s3cret" not in config


def test_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FailedPrecondition, match="there is no git on this host"):
        check_out(GitRemote("https://h/r.git"), tmp_path / "x", access=GitAccess())


@pytest.mark.parametrize("subdirectory", ["link", "sub/up", "none", "a", "../out"])
def test_a_subdirectory_through_a_link_or_out_is_refused(repository, tmp_path, subdirectory):
    fetched(repository, tmp_path)
    with pytest.raises(InvalidArgument, match="error setting git context"):
        open_subdirectory(tmp_path / "out/checkout", subdirectory)


def test_a_subdirectory(repository, tmp_path):
    fetched(repository, tmp_path)
    with open_subdirectory(tmp_path / "out/checkout", "sub") as fd:
        assert sorted(os.listdir(fd.fileno())) == ["f", "up"]
