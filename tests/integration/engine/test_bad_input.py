"""Bad requests: the status and text that Docker gives, the daemon alive, nothing left."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


def create(engine, host=None, name="", **config):
    query = f"?name={name}" if name else ""
    body = {"Image": "busybox", "Cmd": ["true"], **config}
    if host is not None:
        body["HostConfig"] = host
    return engine.api("POST", f"/containers/create{query}", body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/containers/nosuch/json"),
        ("POST", "/containers/nosuch/start"),
        ("POST", "/containers/nosuch/stop"),
        ("POST", "/containers/nosuch/kill"),
        ("POST", "/containers/nosuch/restart"),
        ("POST", "/containers/nosuch/pause"),
        ("POST", "/containers/nosuch/unpause"),
        ("POST", "/containers/nosuch/wait"),
        ("POST", "/containers/nosuch/rename?name=x"),
        ("POST", "/containers/nosuch/resize?h=1&w=1"),
        ("POST", "/containers/nosuch/attach?stream=1&stdout=1"),
        ("GET", "/containers/nosuch/logs?stdout=1"),
        ("GET", "/containers/nosuch/top"),
        ("GET", "/containers/nosuch/stats?stream=0"),
        ("GET", "/containers/nosuch/changes"),
        ("GET", "/containers/nosuch/export"),
        ("GET", "/containers/nosuch/archive?path=/"),
        ("DELETE", "/containers/nosuch"),
        ("POST", "/exec/nosuch/resize?h=1&w=1"),
        ("GET", "/exec/nosuch/json"),
        ("GET", "/images/nosuch/json"),
        ("GET", "/images/nosuch/history"),
        ("DELETE", "/images/nosuch"),
        ("POST", "/images/nosuch/tag?repo=x"),
        ("GET", "/networks/nosuch"),
        ("DELETE", "/networks/nosuch"),
        ("GET", "/volumes/nosuch"),
        ("DELETE", "/volumes/nosuch"),
        ("GET", "/nosuch"),
        ("POST", "/nosuch"),
    ],
)
def test_what_is_not_there_is_404(engine, method, path):
    answer = engine.api(method, path)
    assert answer.status == 404, answer
    assert answer.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"Image": 5}',
        b'{"Image": "busybox", "Cmd": {"a": 1}}',
        b'{"Image": "busybox", "HostConfig": {"Memory": "many"}}',
        b'{"Image": "busybox", "HostConfig": {"Memory": 1e400}}',
        b'{"Image": "busybox", "HostConfig": {"Memory": 99999999999999999999999999}}',
        b'{"Image": "busybox", "Env": "A=1"}',
        b"[" * 100_000,
        b'{"Image": "\xff\xfe"}',
    ],
)
def test_malformed_bodies_of_create_are_400(engine, body):
    answer = engine.api(
        "POST", "/containers/create", body, headers={"Content-Type": "application/json"}
    )
    assert answer.status == 400, answer
    assert answer.message


@pytest.mark.parametrize(
    ("config", "host", "text"),
    [
        ({"Image": ""}, {}, ""),
        ({"Env": ["=x"]}, {}, "invalid environment variable"),
        ({"WorkingDir": "relative"}, {}, "needs to be an absolute path"),
        ({"StopSignal": "NONSENSE"}, {}, "invalid signal"),
        ({"ExposedPorts": {"x/tcp": {}}}, {}, "invalid port specification"),
        ({"Hostname": "a b"}, {}, "invalid hostname"),
        ({"Healthcheck": {"Interval": 5}}, {}, "cannot be less than 1ms"),
        ({}, {"Memory": 1024}, "Minimum memory limit allowed is 6MB"),
        ({}, {"Memory": -5}, "Minimum memory limit allowed is 6MB"),
        ({}, {"Memory": 64 << 20, "MemorySwap": 32 << 20}, "Minimum memoryswap limit"),
        ({}, {"MemorySwap": 64 << 20}, "You should always set the Memory limit"),
        ({}, {"MemorySwappiness": 101}, "valid memory swappiness range is 0-100"),
        ({}, {"NanoCpus": -1}, "Range of CPUs is from 0.01 to"),
        ({}, {"NanoCpus": 10**15}, "Range of CPUs is from 0.01 to"),
        ({}, {"NanoCpus": 10**9, "CpuQuota": 1000}, "Conflicting options: Nano CPUs and CPU Quota"),
        ({}, {"CpuShares": -1}, "CPU shares"),
        ({}, {"CpuPeriod": 10}, "CPU cfs period"),
        ({}, {"CpuQuota": 10}, "CPU cfs quota"),
        ({}, {"CpusetCpus": "1-4294967295"}, "cpus"),
        ({}, {"CpusetCpus": "0-1e9"}, "cpus"),
        ({}, {"CpusetCpus": "4000"}, "Requested CPUs are not available"),
        ({}, {"CpusetMems": "400"}, "Requested memory nodes are not available"),
        ({}, {"BlkioWeight": 5}, "Range of blkio weight is from 10 to 1000"),
        ({}, {"OomScoreAdj": 1001}, "range for oom score adj is [-1000, 1000]"),
        ({}, {"ShmSize": -1}, "SHM size can not be less than 0"),
        ({}, {"Ulimits": [{"Name": "nofile", "Soft": 20, "Hard": 10}]}, "ulimit soft limit must"),
        ({}, {"Ulimits": [{"Name": "nonsense", "Soft": 1, "Hard": 1}]}, "invalid ulimit type"),
        ({}, {"RestartPolicy": {"Name": "sometimes"}}, "invalid restart policy"),
        ({}, {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}}, "maximum retry count"),
        ({}, {"RestartPolicy": {"Name": "always"}, "AutoRemove": True}, "'AutoRemove' container"),
        ({}, {"CapAdd": ["NONSENSE"]}, 'invalid CapAdd: unknown capability: "CAP_NONSENSE"'),
        ({}, {"SecurityOpt": ["nonsense"]}, "invalid --security-opt"),
        ({}, {"PidMode": "nonsense"}, "invalid PID mode"),
        ({}, {"IpcMode": "nonsense"}, "invalid IPC mode"),
        ({}, {"UTSMode": "nonsense"}, "invalid UTS mode"),
        ({}, {"CgroupnsMode": "nonsense"}, "invalid cgroup namespace mode"),
        ({}, {"Runtime": "nonsense"}, "unknown or invalid runtime name: nonsense"),
        ({}, {"LogConfig": {"Type": "nonsense"}}, "no log driver named 'nonsense' is registered"),
        ({}, {"LogConfig": {"Type": "json-file", "Config": {"max-size": "x"}}}, "invalid size"),
        ({}, {"LogConfig": {"Type": "json-file", "Config": {"nonsense": "x"}}}, "unknown log opt"),
        ({}, {"Sysctls": {"vm.swappiness": "1"}}, "sysctl"),
        ({}, {"Dns": ["nonsense"]}, "nonsense"),
        ({}, {"ExtraHosts": ["nonsense"]}, "add-host"),
        ({}, {"Devices": [{"PathOnHost": "/dev/null", "CgroupPermissions": "q"}]}, "device mode"),
        ({}, {"DeviceCgroupRules": ["nonsense"]}, "invalid device cgroup rule format"),
        ({}, {"PortBindings": {"80/tcp": [{"HostPort": "70000"}]}}, "port"),
        ({}, {"PortBindings": {"x": [{"HostPort": "80"}]}}, "invalid port specification"),
        ({}, {"Mounts": [{"Type": "bind", "Source": "/x", "Target": "r"}]}, "must be absolute"),
        ({}, {"Mounts": [{"Type": "bind", "Source": "", "Target": "/x"}]}, "must not be empty"),
        ({}, {"Mounts": [{"Type": "nonsense", "Target": "/x"}]}, "mount type unknown"),
        (
            {},
            {"Mounts": [{"Type": "bind", "Source": "/nosuch-dir", "Target": "/x"}]},
            "bind source path does not exist: /nosuch-dir",
        ),
        ({}, {"Tmpfs": {"/x": "nonsense=1"}}, "Invalid tmpfs option"),
        ({}, {"Tmpfs": {"/proc/x": ""}}, "/proc"),
    ],
)  # fmt: skip
def test_bad_create_requests_are_400_and_make_nothing(engine, config, host, text):
    answer = create(engine, host, **config)
    assert answer.status == 400, answer
    assert text in answer.message
    assert engine.api("GET", "/containers/json?all=1").json() == []


@pytest.mark.parametrize("name", ["a/b", "-x", "x%20y", "%2e%2e", "x%00", "é", "a"])
def test_bad_names_are_400(engine, name):
    from urllib.parse import quote

    answer = create(engine, name=quote(name, safe="%"))
    assert answer.status == 400
    assert "Invalid container name" in answer.message or "NUL" in answer.message


def test_sharing_with_what_is_not_there(engine):
    for key in ("NetworkMode", "IpcMode", "PidMode"):
        answer = create(engine, {key: "container:nosuch"})
        assert answer.status == 400
        assert "nosuch" in answer.message
    # A network is looked for when the container starts.
    assert create(engine, {"NetworkMode": "nosuch"}).status in (201, 404)
    assert create(engine, {"VolumesFrom": ["nosuch"]}).status == 400


def test_conflicting_network_options(engine):
    engine.docker("run", "-d", "--name", "donor", "busybox", "sleep", "1000")
    answer = create(engine, {"NetworkMode": "container:donor"}, Hostname="x")
    assert answer.status == 400
    assert "conflicting options: hostname and the network mode" in answer.message
    answer = create(engine, {"NetworkMode": "container:donor", "PortBindings": {"80/tcp": [{}]}})
    assert "port publishing and the container type network mode" in answer.message


def test_published_ports_on_the_host_network_are_a_warning(engine):
    answer = create(
        engine, {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": "80"}]}}
    )
    assert answer.status == 201
    assert answer.json()["Warnings"] == [
        "Published ports are discarded when using host network mode"
    ]


def test_image_that_is_not_there(engine):
    answer = create(engine, Image="nosuch:1")
    assert (answer.status, answer.message) == (404, "No such image: nosuch:1")
    assert create(engine, Image="UPPER").status == 400


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("POST", "/containers/bb/kill?signal=NONSENSE", (400,)),
        ("POST", "/containers/bb/kill?signal=99", (400,)),
        ("POST", "/containers/bb/kill?signal=1_0", (400,)),
        ("POST", "/containers/bb/stop?t=abc", (400,)),
        ("POST", "/containers/bb/stop?t=1_0", (400,)),
        ("POST", "/containers/bb/resize?h=x&w=1", (400,)),
        ("POST", "/containers/bb/resize", (400,)),
        ("POST", "/containers/bb/rename", (400,)),
        ("POST", "/containers/bb/rename?name=a/b", (400,)),
        ("POST", "/containers/bb/wait?condition=x", (400,)),
        ("GET", "/containers/bb/logs", (400,)),
        ("GET", "/containers/bb/logs?stdout=1&since=abc", (400,)),
        ("GET", "/containers/bb/top?ps_args=;id", (400, 500)),
        ("GET", "/containers/json?limit=abc", (400,)),
        ("GET", "/containers/json?filters=abc", (400,)),
        ("GET", "/containers/json?filters=%7B%22nonsense%22:%5B%22x%22%5D%7D", (400,)),
        ("GET", "/containers/json?filters=%7B%22status%22:%5B%22x%22%5D%7D", (400,)),
        ("GET", "/containers/json?filters=%7B%22exited%22:%5B%22x%22%5D%7D", (400,)),
        ("GET", "/images/json?filters=abc", (400,)),
        ("GET", "/volumes?filters=abc", (400,)),
        ("GET", "/networks?filters=abc", (400,)),
        ("GET", "/events?since=abc", (400,)),
        ("GET", "/events?filters=abc", (400,)),
        ("POST", "/containers/bb/exec", (400,)),
        ("DELETE", "/containers/bb", (409,)),
        ("POST", "/containers/bb/unpause", (409, 500)),
    ],
)
def test_bad_parameters(engine, method, path, statuses):
    engine.docker("run", "-d", "--name", "bb", "busybox", "sleep", "1000")
    answer = engine.api(method, path)
    assert answer.status in statuses, answer
    assert answer.message
    assert engine.state("bb")["Running"] is True


def test_bad_execs(engine):
    engine.docker("run", "-d", "--name", "bb", "busybox", "sleep", "1000")
    for body, statuses in (
        ({}, (400,)),
        ({"Cmd": []}, (400,)),
        ({"Cmd": "x"}, (201,)),  # Go's strslice takes a single string
        ({"Cmd": ["true"], "Env": ["=x"]}, (400,)),
        ({"Cmd": 5}, (400,)),
    ):
        assert engine.api("POST", "/containers/bb/exec", body).status in statuses, body
    assert engine.api("POST", "/exec/" + "0" * 64 + "/start", {"Detach": True}).status == 404


def test_bad_networks_and_volumes(engine):
    for body in (
        {},
        {"Name": ""},
        {"Name": "a b"},
        {"Name": "bad", "Driver": 5},
        {"Name": "bad", "IPAM": {"Config": [{"Subnet": "x"}]}},
    ):
        assert engine.api("POST", "/networks/create", body).status == 400, body
    assert engine.api("POST", "/networks/create", {"Name": "bridge"}).status in (403, 409)
    for body in (
        {"Name": "a/b"},
        {"Name": ".."},
        {"Name": "x", "DriverOpts": {"nonsense": "1"}},
        {"Name": 5},
    ):
        assert engine.api("POST", "/volumes/create", body).status == 400, body


def test_odd_requests_are_answered_and_the_daemon_lives(engine):
    pid = engine.pid
    for method, path in (
        ("BREW", "/_ping"), ("GET", "/v1.44"), ("GET", "/v1.44/"), ("GET", "//containers//json"),
        ("GET", "/containers/%00/json"), ("GET", "/containers/" + "a" * 5000 + "/json"),
        ("GET", "/containers/..%2f..%2fetc/json"),
        ("POST", "/containers/create?name=" + "x" * 10000),
    ):  # fmt: skip
        answer = engine.api(method, path)
        assert 300 <= answer.status < 600, (method, path, answer)
    assert engine.api("GET", "/_ping").status == 200
    assert engine.pid == pid


@pytest.mark.parametrize(
    "path",
    [
        *("/build?version=2", "/session", "/swarm/init", "/services/create", "/plugins/pull"),
        *("/auth", "/commit"),
    ],
)
def test_absent_endpoints_say_so(engine, path):
    answer = engine.api("POST", path, {})
    assert answer.status in (400, 404, 501, 503), answer
    assert answer.message


def test_a_container_to_share_with_is_not_taken_for_an_image(engine):
    # A 404 would make `docker run` pull the image.
    for flags in (
        ["--network", "container:nosuch"],
        ["--pid", "container:nosuch"],
        ["--ipc", "container:nosuch"],
        ["--volumes-from", "nosuch"],
        ["--link", "nosuch"],
    ):
        message = engine.fails("run", "--rm", *flags, "busybox", "true", code=125)
        assert message.startswith("docker: Error response from daemon: ")
        assert "No such container: nosuch" in message


def test_detach_keys_that_are_none(engine):
    engine.docker("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
    answer = engine.api("POST", "/containers/cc/exec", {"Cmd": ["true"], "DetachKeys": "nonsense"})
    assert (answer.status, answer.message[:30]) == (400, "invalid detach keys (nonsense)")
    answer = engine.api("POST", "/containers/cc/attach?stream=1&stdout=1&detachKeys=nonsense")
    assert (answer.status, answer.message[:30]) == (400, "invalid detach keys (nonsense)")
