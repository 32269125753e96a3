from __future__ import annotations

import threading

import pytest


@pytest.fixture
def container(fake, fakes):
    """A container "c1": routes that `run` needs; `serve` and `exit_code` may be changed."""

    class Container:
        def __init__(self):
            self.started = threading.Event()
            self.code = 0
            self.order = []
            self.input = []
            self.output = fakes.frame(1, b"out\n") + fakes.frame(2, b"err\n")

        def create(self, request):
            self.order.append("create")
            return fakes.Reply({"Id": "c1", "Warnings": ["careful"]}, 201)

        def attach(self, _request):
            self.order.append("attach")
            return fakes.Takeover(
                self.serve, media_type="application/vnd.docker.multiplexed-stream"
            )

        def serve(self, stream):
            while data := stream.recv(1000):
                self.input.append(data)
            assert self.started.wait(10)
            stream.sendall(self.output)

        def wait(self, _request):
            self.order.append("wait")
            return fakes.Reply({"StatusCode": self.code}, gate=self.started)

        def start(self, _request):
            self.order.append("start")
            self.started.set()
            return fakes.Reply(status=204)

    result = Container()
    fake.on("POST", "/containers/create", lambda r: result.create(r))
    fake.on("POST", "/containers/c1/attach", lambda r: result.attach(r))
    fake.on("POST", "/containers/c1/wait", lambda r: result.wait(r))
    fake.on("POST", "/containers/c1/start", lambda r: result.start(r))
    yield result
    result.started.set()


def test_streams_and_exit_code_are_the_containers(baleen, container):
    container.code = 7
    outcome = baleen("run", "busybox", "true")
    assert (outcome.code, outcome.out, outcome.err) == (7, "out\n", "WARNING: careful\nerr\n")
    assert container.order == ["create", "attach", "wait", "start"]


def test_input_is_passed_on_with_its_end(baleen, container):
    baleen("run", "-i", "busybox", "cat", stdin=b"hello")
    assert b"".join(container.input) == b"hello"


def test_rm_waits_for_the_removal(baleen, fake, container):
    baleen("run", "--rm", "busybox")
    assert fake.last("/containers/c1/wait").query["condition"] == ["removed"]
    assert fake.last("/containers/create").json()["HostConfig"]["AutoRemove"] is True


def test_detached_prints_the_id(baleen, container):
    outcome = baleen("run", "-d", "busybox")
    assert (outcome.code, outcome.out) == (0, "c1\n")
    assert container.order == ["create", "start"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "x": executable file not found in $PATH', 127),
        ('exec: "/x": no such file or directory', 127),
        ('exec: "/etc": permission denied', 126),
        ("port is already allocated", 125),
    ],
)
def test_a_failed_start_has_its_own_code(baleen, fake, fakes, container, message, code):
    fake.on("POST", "/containers/c1/start", fakes.Reply({"message": message}, 400))
    outcome = baleen("run", "busybox", "x")
    assert outcome.code == code
    assert f"baleen: Error response from daemon: {message}\n" in outcome.err
    container.started.set()


def test_a_missing_image_is_pulled_and_the_engines_refusal_shown(baleen, fake, fakes):
    fake.on("POST", "/containers/create", fakes.Reply({"message": "No such image: x:latest"}, 404))
    fake.on("POST", "/images/create", fakes.Reply({"message": "pull is not implemented"}, 501))
    outcome = baleen("run", "x")
    assert outcome.code == 125
    assert outcome.err.startswith(
        "Unable to find image 'x:latest' locally\n"
        "baleen: Error response from daemon: pull is not implemented\n"
    )
    assert fake.last("/images/create").query == {"fromImage": ["x"], "tag": ["latest"]}


def test_a_terminal_needs_one(baleen, container):
    outcome = baleen("run", "-it", "busybox")
    assert (outcome.code, outcome.err) == (1, "the input device is not a TTY\n")
    assert container.order == []


def test_every_flag_reaches_its_field(baleen, fake, container, tmp_path):
    id_file = tmp_path / "cid"
    baleen(
        *("run", "-d", "--name", "n", "-e", "A=b", "-w", "/w", "-u", "1:2", "-p", "8080:80"),
        *(
            "-P",
            "-v",
            "/a:/b",
            "-v",
            "/anon",
            "--mount",
            "type=tmpfs,dst=/t",
            "--tmpfs",
            "/x:size=1m",
        ),
        *("--entrypoint", "e", "-m", "64m", "--memory-swap", "-1", "--memory-reservation", "32m"),
        *("--cpus", "1.5", "-c", "2", "--cpuset-cpus", "0", "--pids-limit", "9", "-h", "host"),
        *("--domainname", "d", "--read-only", "--init", "-l", "k=v", "--ulimit", "nofile=1:2"),
        *("--cap-add", "NET_ADMIN", "--cap-drop", "ALL", "--privileged", "--network", "net"),
        *("--network-alias", "al", "--ip", "1.2.3.4", "--mac-address", "02:00:00:00:00:01"),
        *("--dns", "1.1.1.1", "--dns-search", "s", "--dns-option", "o", "--add-host", "x:1.2.3.4"),
        *("--restart", "on-failure:2", "--stop-signal", "INT", "--stop-timeout", "3"),
        *("--security-opt", "no-new-privileges", "--device", "/dev/null", "--sysctl", "a.b=1"),
        *("--shm-size", "1m", "--ipc", "host", "--pid", "host", "--uts", "host", "--cgroupns"),
        *("private", "--cgroup-parent", "/p", "--group-add", "g", "--log-driver", "none"),
        *("--log-opt", "a=b", "--oom-kill-disable", "--oom-score-adj", "5", "--platform", "linux"),
        *("--cidfile", str(id_file), "--expose", "90/udp", "--link", "a:b", "--volumes-from", "v"),
        *("--health-cmd", "true", "--health-interval", "5s", "--health-retries", "3"),
        *("img", "cmd", "-x"),
    )
    request = fake.last("/containers/create")
    assert request.query == {"name": ["n"], "platform": ["linux"]}
    body = request.json()
    host = body.pop("HostConfig")
    assert body == {
        "Image": "img",
        "Tty": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Domainname": "d",
        "Hostname": "host",
        "StopSignal": "INT",
        "StopTimeout": 3,
        "User": "1:2",
        "WorkingDir": "/w",
        "Cmd": ["cmd", "-x"],
        "Entrypoint": ["e"],
        "Env": ["A=b"],
        "Labels": {"k": "v"},
        "ExposedPorts": {"80/tcp": {}, "90/udp": {}},
        "Volumes": {"/anon": {}},
        "Healthcheck": {"Interval": 5 * 10**9, "Retries": 3, "Test": ["CMD-SHELL", "true"]},
        "NetworkingConfig": {
            "EndpointsConfig": {
                "net": {
                    "Aliases": ["al"],
                    "IPAMConfig": {"IPv4Address": "1.2.3.4"},
                    "MacAddress": "02:00:00:00:00:01",
                    "Links": ["a:b"],
                }
            }
        },
    }
    assert host == {
        "CpuShares": 2,
        "NanoCpus": 1_500_000_000,
        "CpusetCpus": "0",
        "Memory": 64 << 20,
        "MemoryReservation": 32 << 20,
        "MemorySwap": -1,
        "PidsLimit": 9,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
        "ExtraHosts": ["x:1.2.3.4"],
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "CgroupParent": "/p",
        "CgroupnsMode": "private",
        "ContainerIDFile": str(id_file),
        "Devices": [
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"}
        ],
        "Dns": ["1.1.1.1"],
        "DnsSearch": ["s"],
        "GroupAdd": ["g"],
        "Init": True,
        "IpcMode": "host",
        "Links": ["a:b"],
        "Mounts": [{"Type": "tmpfs", "Target": "/t"}],
        "OomKillDisable": True,
        "OomScoreAdj": 5,
        "PidMode": "host",
        "Privileged": True,
        "PublishAllPorts": True,
        "ReadonlyRootfs": True,
        "ShmSize": 1 << 20,
        "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        "UTSMode": "host",
        "VolumesFrom": ["v"],
        "DnsOptions": ["o"],
        "LogConfig": {"Type": "none", "Config": {"a": "b"}},
        "Sysctls": {"a.b": "1"},
        "Tmpfs": {"/x": "size=1m"},
        "SecurityOpt": ["no-new-privileges"],
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
        "Binds": ["/a:/b"],
        "NetworkMode": "net",
    }
    assert id_file.read_text() == "c1"
