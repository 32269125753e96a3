from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from baleen.api.builds import BuildPrelude
from baleen.daemon.build_query import parse_build
from baleen.daemon.query import Query
from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as NotOffered


def parse(query: str, prelude: BuildPrelude | None = None, **headers: str):
    request = SimpleNamespace(headers=headers)
    return parse_build(SimpleNamespace(query=Query(query), request=request), prelude)


def test_all_parameters_arrive():
    registries = base64.urlsafe_b64encode(b'{"h":{"username":"u"}}').decode()
    request = parse(
        "dockerfile=d/F&t=a&t=a:latest&t=b&remote=http://x&q=1&pull=true&squash=1&target=T"
        "&networkmode=host&extrahosts=a:1.2.3.4&extrahosts=b=::1&memory=10000000&memswap=-1"
        "&cpushares=5&cpuperiod=100000&cpuquota=50000&cpusetcpus=0&shmsize=1&cgroupparent=/c"
        "&buildid=me&platform=linux/arm64,linux/amd64"
        f"&cachefrom={quote(json.dumps(['x', 'h:5/y:1']))}"
        f"&buildargs={quote(json.dumps({'A': None, 'SOURCE_DATE_EPOCH': '5'}))}"
        f"&ulimits={quote(json.dumps([{'Name': 'nofile', 'Soft': 1, 'Hard': 2}]))}"
        f"&labels={quote(json.dumps({'k': 'v'}))}",
        **{"x-registry-config": registries},
    )
    options, limits = request.options, request.limits
    assert options.dockerfile == "d/F"
    assert [tag.familiar for tag in request.tags] == ["a:latest", "b:latest"]
    assert (request.remote, request.quiet, request.build_id) == ("http://x", True, "me")
    assert (options.pull, options.squash, options.target) == (True, True, "T")
    assert options.network == "host"
    assert options.extra_hosts == ("a:1.2.3.4", "b:::1")
    assert [str(platform) for platform in options.platforms] == ["linux/arm64", "linux/amd64"]
    assert [c.attributes["ref"] for c in options.cache_from] == [
        "docker.io/library/x:latest",
        "h:5/y:1",
    ]
    assert options.build_args == {"A": None, "SOURCE_DATE_EPOCH": "5"}
    assert request.epoch_ns == 5_000_000_000
    assert options.labels == {"k": "v"}
    assert limits.memory_bytes == 10_000_000
    assert limits.memory_swap_bytes == -1
    assert limits.ulimits == (("nofile", 1, 2),)
    assert limits.cpu_quota_us == 50000
    assert request.auth["h"].username == "u"


def test_defaults_are_dockerds():
    request = parse("")
    assert request.options.dockerfile == "Dockerfile"
    assert request.remove
    assert not request.quiet
    assert request.outputs == ()
    assert request.epoch_ns is None


@pytest.mark.parametrize(
    "query",
    [
        "buildargs=[1]",
        "buildargs=%7B%22SOURCE_DATE_EPOCH%22%3A%22x%22%7D",
        "memory=-1",
        "memory=1_000",
        "cachefrom=x",
        "cachefrom=%5B%22%25%25%22%5D",
        "labels=%7B%22a%22%3A1%7D",
        "securityopt=x",
        "version=x",
        "t=",
    ],
)
def test_nonsense_is_refused(query):
    if query == "t=":
        assert parse(query).tags == ()
        return
    with pytest.raises(InvalidArgument):
        parse(query)


@pytest.mark.parametrize("query", ["version=2", "remote=client-session", "session=x"])
def test_buildkit_is_told_what_to_do(query):
    with pytest.raises(NotOffered, match="DOCKER_BUILDKIT=0"):
        parse(query)


def test_the_prelude_adds_what_no_query_should_have():
    prelude = BuildPrelude(
        no_cache_filter=["Stage"], call="check", why=True, keep_failed=True, platforms=["local"]
    )
    request = parse("platform=linux/arm64", prelude)
    assert request.options.no_cache_stages == {"stage"}
    assert request.call == "check"
    assert request.why
    assert request.keep_failed
    assert len(request.options.platforms) == 1
