"""`RUN --mount` values: names, values, what goes together."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.instructions import RunMount
from baleen.build.dockerfile.mounts import parse_mount, resolve_mount
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        ("target=/a", "bind", {"target": "/a"}),
        ("type=bind,src=a,dst=/b,rw", "bind", {"source": "a", "target": "/b", "readwrite": "true"}),
        ("type=bind,destination=/b,readonly=false", "bind", {"target": "/b", "readwrite": "true"}),
        (
            "type=CACHE,target=/b,ro,SHARING=Locked",
            "cache",
            {"target": "/b", "readwrite": "false", "sharing": "locked"},
        ),
        (
            "type=cache,id=x,target=/b,mode=0755,uid=1,gid=2",
            "cache",
            {"id": "x", "target": "/b", "mode": "0755", "uid": "1", "gid": "2"},
        ),
        ("type=tmpfs,target=/t,size=1.5k", "tmpfs", {"target": "/t", "size": "1536"}),
        ("type=tmpfs,target=/t,size=2MiB", "tmpfs", {"target": "/t", "size": "2097152"}),
        ("type=secret,id=s,required", "secret", {"id": "s", "required": "true"}),
        (
            "type=secret,id=s,env=TOKEN,required=0",
            "secret",
            {"id": "s", "env": "TOKEN", "required": "false"},
        ),
        ("type=ssh", "ssh", {}),
        ("type=bind,from=stage,target=/a", "bind", {"from": "stage", "target": "/a"}),
        ('type=bind,"source=a,""b",target=/a', "bind", {"source": 'a,"b', "target": "/a"}),
        ("type=cache,target=$X", "cache", {"target": "$X"}),
        ("type=$T,readonly=$X", "$T", {"readonly": "$X"}),
    ],
)
def test_a_mount_is_read(text, kind, options):
    assert parse_mount(text) == RunMount(kind, tuple(options.items()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=foo", 'unsupported mount type "foo"'),
        ("type=bnd", 'unsupported mount type "bnd" (did you mean bind?)'),
        ("type=cache,sharing=lock", 'unsupported sharing value "lock" (did you mean locked?)'),
        ("targt=/a", "unexpected key 'targt' in 'targt=/a' (did you mean target?)"),
        ("", "failed to parse csv mounts: EOF"),
        ("type=bind,", "unexpected key '' in ''"),
        ("target", "invalid field 'target' must be a key=value pair"),
        (
            "from=$x,target=/a",
            "'from' doesn't support variable expansion, define alias stage instead",
        ),
        ("type=bind,required", "unexpected key 'required' for mount type 'bind'"),
        ("type=cache,size=1", "unexpected key 'size' for mount type 'cache'"),
        ("type=tmpfs,size=x", "invalid value for size: x"),
        ("type=cache,mode=8", "invalid value 8 for mode"),
        ("type=cache,uid=-1", "invalid value -1 for uid"),
        ("type=cache,gid=4294967296", "invalid value 4294967296 for gid"),
        ("type=bind,uid=1", 'uid not allowed for "bind" type mounts'),
        ("type=bind,ro=x", "invalid value for readonly: x"),
        ("type=secret,from=a,id=b", "secret mount should not have a from"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,source=a,id=b", "both source and id can't be set"),
        ("type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
        ("type=bind,sharing=shared", "invalid cache sharing set for bind mount"),
        ('source=a"b', 'failed to parse csv mounts: bare " in non-quoted-field'),
        ('"source=a', 'failed to parse csv mounts: extraneous or missing " in quoted-field'),
        ('"source=a"b', 'failed to parse csv mounts: extraneous or missing " in quoted-field'),
    ],
)
def test_a_malformed_mount_is_an_error(text, message):
    with pytest.raises(InvalidArgument) as raised:
        parse_mount(text)
    assert raised.value.message == message


def test_variables_are_replaced_and_the_values_checked_then():
    mount = parse_mount("type=$T,target=${D}/x,ro=$R,id=a")
    variables = {"T": "cache", "D": "/d", "R": "1"}
    assert resolve_mount(mount, variables) == RunMount(
        "cache", (("target", "/d/x"), ("id", "a"), ("readwrite", "false"))
    )
    with pytest.raises(InvalidArgument, match="unsupported mount type"):
        resolve_mount(mount, {"R": "1"})
