"""Contexts as texts: no kernel has to know them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import HostConfig
from baleen.engine.selinux_labels import (
    Context,
    container_labels,
    options_of,
    private_level,
    read_contexts,
    shared_label,
)
from baleen.errors import InvalidArgument

PROCESS = Context("system_u", "system_r", "container_t", "s0:c1,c2")
FILE = Context("system_u", "object_r", "container_file_t", "s0:c1,c2")


@pytest.mark.parametrize(
    "text", ["system_u:system_r:container_t:s0:c1,c2", "u:r:t", "u:r:t:s0-s0:c0.c1023"]
)
def test_a_context_is_read_as_it_is_written(text):
    assert str(Context.parse(text)) == text


@pytest.mark.parametrize("text", ["", "u", "u:r", "u::t", ":r:t", "u:r:t:", 'u:r:t"', "u:r:t\n"])
def test_what_is_no_context_is_refused(text):
    with pytest.raises(InvalidArgument, match="invalid SELinux context"):
        Context.parse(text)


def test_the_policys_file_of_contexts():
    text = (
        '# a comment\n; another = one\nprocess = "u:r:t:s0"\n\n'
        '  content = "u:r:c"  \nfile="u:o:f:s0"\n'
    )
    assert read_contexts(text) == {"process": "u:r:t:s0", "content": "u:r:c", "file": "u:o:f:s0"}


@given(st.integers(0, 1023), st.integers(0, 1023))
def test_a_level_names_the_lower_category_first(first, second):
    assert private_level(first, second) == private_level(second, first)
    low, high = min(first, second), max(first, second)
    assert private_level(first, second) == f"s0:c{low},c{high}"


def test_shared_files_have_no_categories():
    assert shared_label(str(FILE)) == "system_u:object_r:container_file_t:s0"


@pytest.mark.parametrize(
    ("options", "process", "file"),
    [
        ([], str(PROCESS), str(FILE)),
        (["type:x_t"], "system_u:system_r:x_t:s0:c1,c2", str(FILE)),
        (["role:x_r"], "system_u:x_r:container_t:s0:c1,c2", str(FILE)),
        (
            ["user:x_u"],
            "x_u:system_r:container_t:s0:c1,c2",
            "x_u:object_r:container_file_t:s0:c1,c2",
        ),
        (
            ["level:s0:c9,c10"],
            "system_u:system_r:container_t:s0:c9,c10",
            "system_u:object_r:container_file_t:s0:c9,c10",
        ),
        (["filetype:x_t"], str(PROCESS), "system_u:object_r:x_t:s0:c1,c2"),
        (["type:x_t", "type:y_t"], "system_u:system_r:y_t:s0:c1,c2", str(FILE)),
    ],
)
def test_what_options_change(options, process, file):
    changed = container_labels(PROCESS, FILE, options)
    assert tuple(map(str, changed)) == (process, file)


@pytest.mark.parametrize("option", ["", "nonsense", "type", "type:", "colour:red", "nested"])
def test_other_options_are_refused(option):
    with pytest.raises(InvalidArgument, match="Bad label option"):
        container_labels(PROCESS, FILE, [option])


@pytest.mark.parametrize("option", ["type:a b\n", 'type:a"', "user:a:b:c:\n"])
def test_an_option_makes_no_more_than_a_context(option):
    with pytest.raises(InvalidArgument, match="invalid SELinux context"):
        container_labels(PROCESS, FILE, [option])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({}, []),
        ({"privileged": True}, ["label=disable"]),
        ({"pid_mode": "host"}, ["label=disable"]),
        ({"ipc_mode": "host"}, ["label=disable"]),
        ({"privileged": True, "security_opt": ["label=type:x"]}, []),
        ({"privileged": True, "security_opt": ["apparmor=x"]}, ["label=disable"]),
        (
            {"ipc_mode": "container:a"},
            ["label=user:u", "label=role:r", "label=type:t", "label=level:s0:c1,c2"],
        ),
        ({"pid_mode": "container:none"}, []),
        ({"pid_mode": "container:a", "ipc_mode": "container:a", "security_opt": ["label=x"]}, []),
    ],
)
def test_options_that_follow_from_others(host, expected):
    label_of = {"container:a": "u:r:t:s0:c1,c2", "container:none": ""}
    assert options_of(HostConfig(**host), label_of) == expected


def test_two_containers_cannot_be_joined_that_have_different_labels():
    host = HostConfig(pid_mode="container:a", ipc_mode="container:b")
    with pytest.raises(InvalidArgument, match="--ipc and --pid containers SELinux labels"):
        options_of(host, {"container:a": "u:r:t:s0:c1,c2", "container:b": "u:r:t:s0:c3,c4"})
