"""Downloads: what a server says is not trusted, and secrets stay with their host."""

import hashlib
import os

import pytest
from web_server import web_server

from baleen.build.contexts.fetching import body_of, download
from baleen.build.files.spooling import spool_file
from baleen.build.session import Secret
from baleen.errors import InvalidArgument, ResourceExhausted, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture
def web():
    with web_server() as served:
        yield served


@pytest.fixture
def fetch(tmp_path):
    def do(url, **options):
        with spool_file(tmp_path) as target:
            got = download(url, target, **options)
            return got, os.pread(target.fileno(), 1 << 20, 0)

    return do


def test_a_file_with_its_time(web, fetch):
    web.pages["/f"] = (200, {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}, b"text")
    got, data = fetch(f"{web.url}/f")
    assert (data, got.size, got.mtime_ns) == (b"text", 4, 1_700_000_000 * 10**9)
    assert got.digest == hashlib.sha256(b"text").digest()


@pytest.mark.parametrize("stated", [None, "yesterday", "Tue, 99 Nov 2023 22:13:20 GMT"])
def test_without_a_good_time_it_is_the_epoch(web, fetch, stated):
    web.pages["/f"] = (200, {"Last-Modified": stated} if stated else {}, b"")
    assert fetch(f"{web.url}/f")[0].mtime_ns == 0


def test_checksums(web, fetch):
    web.pages["/f"] = (200, {}, b"text")
    right = f"sha256:{hashlib.sha256(b'text').hexdigest()}"
    assert fetch(f"{web.url}/f", checksum=right)[1] == b"text"
    with pytest.raises(InvalidArgument, match="digest mismatch"):
        fetch(f"{web.url}/f", checksum="sha256:" + "0" * 64)


def test_it_is_counted_whatever_the_server_says(web, fetch):
    web.pages["/f"] = (200, {}, bytes(2000))
    with pytest.raises(ResourceExhausted, match="larger than the limit of 1000 bytes"):
        fetch(f"{web.url}/f", limit=1000)
    with pytest.raises(ResourceExhausted):
        list(body_of(f"{web.url}/f", limit=1000))
    web.pages["/short"] = (200, {"Content-Length": "100"}, b"text")
    with pytest.raises(Unavailable):
        fetch(f"{web.url}/short")


def test_a_refusal_is_named(web, fetch):
    with pytest.raises(Unavailable, match="it answers 404"):
        fetch(f"{web.url}/none")


def test_redirections_are_followed_without_the_secret(web, fetch):
    web.pages["/a"] = (302, {"Location": f"{web.url}/b"}, b"")
    web.pages["/b"] = (200, {}, b"there")
    secrets = {"HTTP_AUTH_TOKEN_127.0.0.1": Secret(b"s3cret\n")}
    assert fetch(f"{web.url}/a", secrets=secrets)[1] == b"there"
    (_, first), (_, second) = web.asked
    assert first["Authorization"] == "Bearer s3cret"
    assert "Authorization" not in second


def test_a_redirection_to_another_scheme_is_not(web, fetch):
    web.pages["/a"] = (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(Unavailable):
        fetch(f"{web.url}/a")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://h/x",
        "http://",
        "http://h:x/",
        "http://me:secret@h/x",
        "http://h/a b",
        "http://h/\N{LATIN SMALL LETTER A WITH DIAERESIS}",
    ],
)
def test_other_urls(fetch, url):
    with pytest.raises(InvalidArgument) as caught:
        fetch(url)
    assert "secret" not in caught.value.message


def test_a_header_that_is_none(web, fetch):
    with pytest.raises(InvalidArgument, match="no header can hold"):
        fetch(f"{web.url}/f", secrets={"HTTP_AUTH_HEADER_127.0.0.1": Secret(b"a\nb")})


def test_the_end_of_a_build_ends_it(web, fetch):
    web.pages["/f"] = (200, {}, b"text")

    def check():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(f"{web.url}/f", check=check)
