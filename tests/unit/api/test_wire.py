from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import api
from baleen.api.wire import MAX_BODY_BYTES, decode, encode
from baleen.errors import InvalidArgument


def body(text):
    return decode(api.ContainerCreateBody, text.encode())


def test_docker_cli_create_body_is_read():
    read = body(
        '{"Hostname":"","User":"","AttachStdin":false,"Tty":true,"Env":null,"Cmd":["sh","-c","x"],'
        '"Image":"b","Volumes":{"/v":{}},"Entrypoint":null,"OnBuild":null,"Labels":{"a":"b"},'
        '"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"]},"StopTimeout":0,'
        '"HostConfig":{"Binds":null,"NetworkMode":"default","PortBindings":{"80/tcp":'
        '[{"HostIp":"","HostPort":"8080"}],"81/tcp":null},"RestartPolicy":{"Name":"no"},'
        '"ConsoleSize":[24,80],"Memory":1048576,"MemorySwappiness":-1,"OomKillDisable":false,'
        '"PidsLimit":0,"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}],"Init":true,'
        '"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1,"Mode":448}}],'
        '"MaskedPaths":null,"ReadonlyPaths":[]},'
        '"NetworkingConfig":{"EndpointsConfig":{"n":{"IPAMConfig":{"IPv4Address":"10.0.0.2"}},'
        '"m":null}},"Unknown":[{"deep":1}]}'
    )
    assert read.cmd == ["sh", "-c", "x"]
    assert read.entrypoint is None
    assert read.env == []
    assert read.stop_timeout == 0
    assert read.exposed_ports == {"80/tcp": api.Empty()}
    host = read.host_config
    assert host.port_bindings["80/tcp"] == [api.PortBinding(host_port="8080")]
    assert host.port_bindings["81/tcp"] == []
    assert host.memory_swappiness == -1
    assert host.oom_kill_disable is False
    assert host.pids_limit == 0
    assert host.init is True
    assert host.masked_paths is None
    assert host.readonly_paths == []
    assert host.ulimits == [api.Ulimit(name="nofile", soft=1, hard=2)]
    assert host.mounts[0].tmpfs_options == api.TmpfsOptions(size_bytes=1, mode=448)
    networks = read.networking_config.endpoints_config
    assert networks["n"].ipam_config.ipv4_address == "10.0.0.2"
    assert networks["m"] == api.EndpointSettings()
    assert read.config == api.ContainerConfig(
        **{name: getattr(read, name) for name in api.ContainerConfig.__struct_fields__}
    )


@pytest.mark.parametrize(
    ("text", "cmd", "entrypoint"),
    [
        ('{"Cmd":"echo"}', ["echo"], None),
        ('{"Cmd":[],"Entrypoint":""}', [], [""]),
        ('{"Cmd":null,"Entrypoint":[]}', None, []),
        ('{"Cmd":["a",null]}', ["a", ""], None),
        ("{}", None, None),
    ],
)
def test_a_bare_string_stands_for_a_list_of_one(text, cmd, entrypoint):
    read = body(text)
    assert (read.cmd, read.entrypoint) == (cmd, entrypoint)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"HostConfig":{"Memory":"1"}}', "$.HostConfig.Memory"),
        ('{"HostConfig":{"Memory":1.0}}', "$.HostConfig.Memory"),
        ('{"HostConfig":{"Memory":1e3}}', "$.HostConfig.Memory"),
        ('{"HostConfig":{"Memory":9223372036854775808}}', "$.HostConfig.Memory"),
        ('{"HostConfig":{"CpuShares":true}}', "$.HostConfig.CpuShares"),
        ('{"Env":"A=b"}', "$.Env"),
        ('{"Env":[1],"Cmd":null}', "$.Env[0]"),
        ('{"Labels":{"a":1}}', "$.Labels[...]"),
        ('{"HostConfig":{"Mounts":[{"ReadOnly":0}]}}', "$.HostConfig.Mounts[0].ReadOnly"),
        ('{"Tty":1,"Cmd":null}', "$.Tty"),
    ],
)
def test_a_wrong_type_is_named_by_its_path(text, path):
    with pytest.raises(InvalidArgument, match=r"^invalid JSON: ") as caught:
        body(text)
    assert path in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"  \r\n",
        b"{",
        b"[]",
        b"1",
        b"{} {}",
        b'{"Image":"\xff"}',
        b'{"Image":"a" "b"}',
        b'{"HostConfig":{"Memory":NaN}}',
        b'{"HostConfig":{"Memory":0x10}}',
        b'{"HostConfig":{"Memory":1_0}}',
        b'{"HostConfig":{"Memory":' + b"9" * 1_000_000 + b"}}",
        b"[" * 1_000_000,
        b'{"a":' * 600_000,
        b'{"X":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"X":null,"Y":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b" " * (MAX_BODY_BYTES + 1),
    ],
)
def test_what_is_no_document_is_refused_fast_and_without_recursion_error(text):
    start = time.perf_counter()
    with pytest.raises(InvalidArgument, match=r"^invalid JSON: "):
        decode(api.ContainerCreateBody, text)
    assert time.perf_counter() - start < 0.5


def test_a_null_document_is_refused_or_zero():
    with pytest.raises(InvalidArgument):
        decode(api.ContainerCreateBody, b"null")


def test_the_last_of_two_equal_keys_wins():
    assert body('{"Image":"a","Image":"b"}').image == "b"


def test_omitted_and_null_fields_are_written_as_dockerd_does():
    written = json.loads(encode(api.HostConfig()))
    assert written["Binds"] is None
    assert written["CapAdd"] is None
    assert written["Dns"] == []
    assert "Tmpfs" not in written
    assert "Init" not in written
    assert written["MemorySwappiness"] is None
    assert json.loads(encode(api.HostConfig(init=False)))["Init"] is False
    config = json.loads(encode(api.ContainerConfig(stop_timeout=0)))
    assert config["StopTimeout"] == 0
    assert config["Volumes"] is None
    assert "Healthcheck" not in config


def test_names_on_the_wire_are_those_of_the_description():
    assert json.loads(encode(api.ExecInspect(container_id="c")))["ContainerID"] == "c"
    assert json.loads(encode(api.ContainerState()))["OOMKilled"] is False
    assert set(json.loads(encode(api.EndpointSettings()))) == {
        "IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority", "NetworkID", "EndpointID",
        "Gateway", "IPAddress", "MacAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address",
        "GlobalIPv6PrefixLen", "DNSNames",
    }  # fmt: skip
    assert {"BlkioDeviceReadIOps", "IOMaximumIOps", "UTSMode"} <= set(
        json.loads(encode(api.HostConfig()))
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["Image", "Cmd", "Env", "Labels", "HostConfig", "NetworkingConfig", "Memory", "Mounts", "Init"]
)


@given(st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4), max_size=6))
def test_any_json_is_read_or_refused_and_what_is_read_has_no_stray_none(document):
    try:
        read = decode(api.ContainerCreateBody, json.dumps(document).encode())
    except InvalidArgument:
        return
    assert isinstance(read.env, list)
    assert isinstance(read.labels, dict)
    assert all(isinstance(item, str) for item in read.env)
    again = decode(api.ContainerCreateBody, encode(read))
    assert again == read


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    with contextlib.suppress(InvalidArgument):
        decode(api.NetworkCreateBody, raw)


def test_names_are_taken_in_any_case_as_by_go():
    # docker-py sends `detachKeys`; scripts with curl send what they like.
    body = api.decode(api.ExecCreateBody, b'{"cmd":["true"],"detachKeys":"ctrl-a","Tty" :true}')
    assert (body.cmd, body.detach_keys, body.tty) == (["true"], "ctrl-a", True)
    body = api.decode(
        api.ContainerCreateBody,
        b'{"image":"x","Labels":{"image":"y","Tty":"z"},"hostConfig":{"portBindings":'
        b'{"80/tcp":[{"hostPort":"8080"}]},"memory":5},"unknown":null}',
    )
    assert (body.image, body.labels) == ("x", {"image": "y", "Tty": "z"})
    assert body.host_config.memory == 5
    assert body.host_config.port_bindings["80/tcp"][0].host_port == "8080"


def test_file_names_that_are_no_text_are_written_as_gos_encoder_does():
    change = api.FilesystemChange(path="/caf\udce9", kind=1)
    assert json.loads(encode([change])) == [{"Path": "/caf\ufffd", "Kind": 1}]
    assert json.loads(encode({"\udcff": ["\udc80", 1, None]})) == {"\ufffd": ["\ufffd", 1, None]}
