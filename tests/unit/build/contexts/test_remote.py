"""Texts that name something remote, and what must never reach git (B07)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.contexts.remote import (
    GitRemote,
    checked_remote,
    is_git_url,
    is_remote,
    parse_git_url,
    redacted,
)
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("https://h/u/r.git", GitRemote("https://h/u/r.git")),
        ("https://h/r.git#v1", GitRemote("https://h/r.git", "v1")),
        ("https://h/r.git#v1:a/b", GitRemote("https://h/r.git", "v1", "a/b")),
        ("https://h/r.git#:a//./b/", GitRemote("https://h/r.git", "", "a/b")),
        ("https://h/r.git#feature/x", GitRemote("https://h/r.git", "feature/x")),
        ("https://h:8443/r.git?ref=v1&subdir=a", GitRemote("https://h:8443/r.git", "v1", "a")),
        (
            "https://h/r.git?tag=v1&checksum=abc123",
            GitRemote("https://h/r.git", "v1", "", "abc123"),
        ),
        ("git://h/r", GitRemote("git://h/r")),
        ("ssh://git@h:22/r#main", GitRemote("ssh://git@h:22/r", "main")),
        ("git@github.com:u/r.git#v1:s", GitRemote("git@github.com:u/r.git", "v1", "s")),
        ("me_1@h:r", GitRemote("me_1@h:r")),
        ("github.com/u/r#v1", GitRemote("https://github.com/u/r", "v1")),
        ("http://[::1]/r.git", GitRemote("http://[::1]/r.git")),
    ],
)
def test_git_urls(text, remote):
    assert is_git_url(text)
    assert is_remote(text)
    assert parse_git_url(text) == remote


@pytest.mark.parametrize(
    "text",
    ["https://h/archive.tar.gz", "http://h/Dockerfile", "HTTPS://h/x"],
)
def test_files_on_the_web(text):
    assert is_remote(text)
    assert not is_git_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "--upload-pack=touch /tmp/x",
        "ext::sh -c id",
        "ext::sh -c id .git",
        "file:///etc/.git",
        "/local/path.git",
        "./local.git",
        "ftp://h/r.git",
        "fd::17/r.git",
        "-u@h:r",
        "u@-oProxyCommand=id:r",
        "u@h:-r",
        "git://-h/r",
        "ssh://-oProxyCommand=id/r",
        "ssh://-u@h/r",
        "ssh://h/-r",
        "https:///r.git",
        "https://h:99999/r.git",
        "https://h/r.git#-x",
        "https://h/r.git#--upload-pack=x",
        "https://h/r.git#a..b",
        "https://h/r.git#a:b:c/../../x",
        "https://h/r.git#+refs/heads/*",
        "https://h/r.git#a b",
        "https://h/r.git#a%20b",
        "https://h/r.git#a%0ab",
        "https://h/r.git#v1:..",
        "https://h/r.git#v1:a/../../etc",
        "https://h/r.git#v1:.git/hooks",
        "https://h/r.git?ref=a#b",
        "https://h/r.git?evil=1",
        "https://h/r.git?checksum=zz",
        "https://h/\nr.git",
        "https://h/" + "r" * 4000 + ".git",
    ],
)
def test_what_git_must_not_see(text):
    with pytest.raises(InvalidArgument):
        parse_git_url(text)


@pytest.mark.parametrize(
    "parts",
    [
        ("ext::sh -c id", "", ""),
        ("--upload-pack=x", "", ""),
        ("https://h/r", "-x", ""),
        ("https://h/r", "", "../x"),
    ],
)
def test_parts_that_come_apart_are_checked_too(parts):
    with pytest.raises(InvalidArgument):
        checked_remote(*parts, "")


@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_is_taken_is_no_option_and_no_other_transport(text, fragment):
    for candidate in (text, f"{text}.git#{fragment}", f"https://h/{text}.git#{fragment}"):
        try:
            remote = parse_git_url(candidate)
        except InvalidArgument:
            continue
        assert not remote.url.startswith("-")
        assert "::" not in remote.url.partition("[")[0]
        assert not remote.ref.startswith(("-", "+"))
        assert ".." not in remote.subdirectory.split("/")


def test_passwords_are_not_shown():
    assert redacted("https://me:secret@h/r.git") == "https://me:xxxxx@h/r.git"
    with pytest.raises(InvalidArgument) as caught:
        parse_git_url("https://me:secret@h/r.git#-x")
    assert "secret" not in caught.value.message
