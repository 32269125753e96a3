"""The configuration file and the variables over it."""

from __future__ import annotations

import msgspec
import pytest

from baleen.errors import InvalidArgument
from baleen.registry.configuration import read_tree, seconds


class Section(msgspec.Struct):
    on: bool = False
    text: str = ""
    number: int = 0


class Endpoint(msgspec.Struct):
    name: str = ""
    url: str = ""
    backoff: str = ""


class Endpoints(msgspec.Struct):
    endpoints: list[Endpoint] = []


def read(tmp_path, text="", **environment):
    file = tmp_path / "config.yml"
    file.write_text(text)
    return read_tree(file, environment)


def test_a_section_has_its_types(tmp_path):
    tree = read(tmp_path, "a:\n  b: {on: true, text: 0123, number: 5}\n")
    assert tree.section("a.b", Section) == Section(on=True, text="0123", number=5)
    assert tree.section("none", Section) == Section()


def test_variables_win(tmp_path):
    tree = read(tmp_path, "a: {text: file, number: 1}", REGISTRY_A_TEXT="variable")
    assert tree.section("a", Section) == Section(text="variable", number=1)
    assert read_tree(None, {"REGISTRY_A_ON": "true", "OTHER": "x"}).section("a", Section).on


def test_a_number_is_a_place_in_a_list(tmp_path):
    text = "notifications: {endpoints: [{name: a, url: u}]}"
    tree = read(
        tmp_path,
        text,
        REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="v",
        REGISTRY_NOTIFICATIONS_ENDPOINTS_1_NAME="b",
    )
    found = tree.section("notifications", Endpoints).endpoints
    assert [(entry.name, entry.url) for entry in found] == [("a", "v"), ("b", "")]


def test_a_value_may_be_yaml(tmp_path):
    tree = read(
        tmp_path,
        "a: {number: 1}",
        REGISTRY_A='{"On": true}',
        REGISTRY_A_TEXT="'in quotes'",
        REGISTRY_NOTIFICATIONS_ENDPOINTS='[{name: "a", url: u}]',
        REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="v",
    )
    assert tree.section("a", Section) == Section(on=True, text="in quotes")
    assert tree.section("notifications", Endpoints).endpoints == [Endpoint(name="a", url="v")]
    with pytest.raises(InvalidArgument, match="REGISTRY_A is not YAML"):
        read(tmp_path, REGISTRY_A="{enabled: [")


def test_variables_of_a_service_that_is_called_registry_are_not_ours(tmp_path):
    tree = read(
        tmp_path,
        REGISTRY_PORT="tcp://10.0.0.1:5000",
        REGISTRY_PORT_5000_TCP="tcp://10.0.0.1:5000",
        REGISTRY_PORT_5000_TCP_ADDR="10.0.0.1",
        REGISTRY_SERVICE_HOST="10.0.0.1",
        REGISTRY_SERVICE_PORT_HTTP="5000",
        REGISTRY_NAME="/web/registry",
    )
    assert not tree.has("port")
    assert not tree.has("service")


def test_a_word_chooses_a_key(tmp_path):
    tree = read(tmp_path, "", REGISTRY_AUTH="htpasswd", REGISTRY_AUTH_HTPASSWD_TEXT="x")
    assert tree.has("auth.htpasswd")
    assert not tree.has("auth.token")
    assert tree.section("auth.htpasswd", Section).text == "x"
    assert read(tmp_path, "storage: filesystem").has("storage.filesystem")


def test_an_empty_section_is_there(tmp_path):
    assert read(tmp_path, "proxy:\n").has("proxy")
    assert not read(tmp_path, "").has("proxy")


@pytest.mark.parametrize("text", ["- a", "a: [", "x" * (1 << 20) + ": y"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    with pytest.raises(InvalidArgument):
        read(tmp_path, text)


def test_a_wrong_value_names_its_key(tmp_path):
    with pytest.raises(InvalidArgument, match=r"section a: .*number"):
        read(tmp_path, "a: {number: many}").section("a", Section)
    with pytest.raises(InvalidArgument, match="REGISTRY_A_9999"):
        read(tmp_path, "a: [x]", REGISTRY_A_9999_B="x")


def test_a_file_cannot_run_code(tmp_path):
    marker = tmp_path / "ran"
    read(tmp_path, f"a: !!python/object/apply:os.mkdir [{marker}]")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("1h30m", 5400), ("168h", 604800), ("2d", 172800), ("1.5s", 1.5)]
)
def test_durations(text, value):
    assert seconds(text, "key") == value


@pytest.mark.parametrize("text", ["", "h", "1x", "1h ", "-1s", "1_0s", "1h2"])
def test_no_durations(text):
    with pytest.raises(InvalidArgument, match="key"):
        seconds(text, "key")
