"""Log options become settings, strictly."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, LogConfig
from baleen.engine.log_config import parse_log_config
from baleen.errors import InvalidArgument


def parse(driver="json-file", **options):
    config = ContainerConfig(labels={"tier": "web", "x": "y"}, env=["A=1", "B=2"])
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return parse_log_config(LogConfig(type=driver, config=named), config)


@pytest.mark.parametrize(
    ("text", "size"), [("10m", 10 << 20), ("1k", 1024), ("5", 5), ("2G", 2 << 30), ("-1", None)]
)
def test_sizes(text, size):
    assert parse(max_size=text, max_file="3").max_size == size


@pytest.mark.parametrize("text", ["x", "1_0", "٣", "0", "-2", "1e3", "10 mm"])
def test_a_malformed_size_is_refused(text):
    with pytest.raises(InvalidArgument):
        parse(max_size=text)


@pytest.mark.parametrize("text", ["0", "x", "-1", "1_0", ""])
def test_a_malformed_count_is_refused(text):
    with pytest.raises(InvalidArgument):
        parse(max_size="1m", max_file=text)


def test_labels_and_variables_that_are_asked_for_are_kept():
    settings = parse(labels="tier,nosuch", env="B")
    assert settings.labels == {"tier": "web", "B": "2"}


def test_unknown_drivers_and_options_are_refused():
    with pytest.raises(InvalidArgument, match="no log driver named 'syslog'"):
        parse("syslog")
    with pytest.raises(InvalidArgument, match="unknown log opt"):
        parse(colour="red")
    assert parse("none").driver == "none"
