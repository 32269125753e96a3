from __future__ import annotations

import json
import time

import pytest

from baleen.cli.commands.ps import port_summary

CONTAINER = {
    "Id": "a" * 64,
    "Names": ["/web", "/other/link"],
    "Image": "busybox",
    "ImageID": "sha256:" + "b" * 64,
    "Command": "sleep 1000000000000000000000",
    "State": "running",
    "Status": "Up 5 seconds",
    "Labels": {"x": "y\x1b[31m"},
    "Ports": [],
}


@pytest.fixture
def listed(fake, fakes):
    fake.on(
        "GET",
        "/containers/json",
        lambda r: fakes.Reply([{**CONTAINER, "Created": time.time() - 90}]),
    )


def test_the_table_is_dockers(baleen, listed):
    assert baleen("ps").out == (
        "CONTAINER ID   IMAGE     COMMAND                  CREATED              STATUS         "
        "PORTS     NAMES\n"
        'aaaaaaaaaaaa   busybox   "sleep 1000000000000\u2026"   About a minute ago   Up 5 seconds'
        "             web\n"
    )


def test_quiet_and_formats(baleen, listed):
    assert baleen("ps", "-q").out == "a" * 12 + "\n"
    assert baleen("ps", "-q", "--no-trunc").out == "a" * 64 + "\n"
    assert baleen("ps", "--format", "{{.Names}}:{{.State}}").out == "web:running\n"
    assert json.loads(baleen("ps", "--format", "json").out)["Names"] == "web"


@pytest.mark.parametrize(
    ("argv", "query"),
    [
        ([], {}),
        (["-a"], {"all": ["1"]}),
        (["-l"], {"all": ["1"], "limit": ["1"]}),
        (["-n", "3"], {"all": ["1"], "limit": ["3"]}),
        (["-s"], {"size": ["1"]}),
        (["-f", "name=a"], {"filters": ['{"name":["a"]}']}),
    ],
)
def test_flags_are_asked_of_the_engine(baleen, fake, listed, argv, query):
    baleen("ps", *argv)
    assert fake.last("/containers/json").query == query


def test_ports_are_grouped():
    ports = [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 81, "PublicPort": 8081, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 443, "Type": "tcp"},
        {"PrivatePort": 444, "Type": "tcp"},
    ]
    assert port_summary(ports) == ("0.0.0.0:8080-8081->80-81/tcp, [::]:8080->80/tcp, 443-444/tcp")
