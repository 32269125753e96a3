from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def engine(fake, fakes):
    info = {
        "ID": "abc",
        "Containers": 3,
        "ContainersRunning": 1,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"]],
        "Plugins": {"Volume": ["local"], "Network": ["bridge", "host"]},
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
        "MemTotal": 8 << 30,
        "NCPU": 2,
        "Debug": False,
        "Warnings": ["WARNING: careful"],
        "Labels": ["a=b"],
        "HttpProxy": "http://p:1",
        "HttpsProxy": "",
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": {
                "docker.io": {"Name": "docker.io", "Secure": True},
                "r.lan:5000": {"Name": "r.lan:5000", "Secure": False},
            },
            "Mirrors": ["https://m.io/"],
        },
    }
    fake.on("GET", "/info", fakes.Reply(info))


def test_the_text_is_dockers(baleen):
    outcome = baleen("info")
    assert outcome.code == 0
    for part in (
        "Server:\n Containers: 3\n  Running: 1\n",
        " Storage Driver: overlay2\n  Backing Filesystem: extfs\n",
        " Plugins:\n  Volume: local\n  Network: bridge host\n",
        " Security Options:\n  seccomp\n   Profile: builtin\n  cgroupns\n",
        " CPUs: 2\n Total Memory: 8GiB\n",
        " Debug Mode: false\n",
        " HTTP Proxy: http://p:1\n Labels:\n  a=b\n",
        " Insecure Registries:\n  r.lan:5000\n  127.0.0.0/8\n Registry Mirrors:\n  https://m.io/\n",
    ):
        assert part in outcome.out
    assert outcome.err == "WARNING: careful\n"


def test_templates_see_the_engine_and_this_program(baleen):
    assert baleen("info", "-f", "{{.ID}} {{.ClientInfo.Context}}").out == "abc default\n"
    assert baleen("info", "--format", "json").out.startswith('{"ID":"abc","Containers":3,')
    assert baleen("info", "-f", "{{.Nope}}").code == 1
