from __future__ import annotations

import pytest

from baleen.cli.container_flags import CONTAINER_FLAGS, RESOURCE_FLAGS
from baleen.cli.flags import FlagError, parse_flags


def test_update_takes_only_limits():
    names = {flag.name for flag in RESOURCE_FLAGS}
    assert names <= {flag.name for flag in CONTAINER_FLAGS}
    assert not names & {"name", "publish", "privileged"}


def test_the_short_names_are_dockers():
    shorts = "".join(sorted(flag.short for flag in CONTAINER_FLAGS))
    assert shorts == "Pacehilmpqtuvw"


def test_values_are_parsed():
    argv = ["-m", "1g", "--cpus", ".5", "--health-interval", "1m30s", "--ulimit", "nofile=1:2"]
    flags, _ = parse_flags(CONTAINER_FLAGS, argv)
    assert flags.value("memory") == 1 << 30
    assert flags.value("cpus") == 500_000_000
    assert flags.value("health-interval") == 90 * 10**9
    assert flags.value("ulimit") == [{"Name": "nofile", "Soft": 1, "Hard": 2}]


@pytest.mark.parametrize(
    "argv",
    [
        ["--memory", "1x"],
        ["--cpus", "1/2"],
        ["--attach", "stdfoo"],
        ["--mac-address", "02:00"],
        ["--ip", "1.2.3"],
        ["--env", "=x"],
        ["--sysctl", "a"],
        ["--device-read-bps", "sda:1mb"],
        ["--blkio-weight-device", "/dev/sda:5"],
        ["--pids-limit", "many"],
        ["--health-retries", "1.5"],
    ],
)
def test_a_bad_value_names_its_flag(argv):
    with pytest.raises(FlagError, match=f'invalid argument "{argv[1]}" for "(-., )?{argv[0]}"'):
        parse_flags(CONTAINER_FLAGS, argv)
