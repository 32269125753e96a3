"""The applets are read out of the program; the file system around it is Docker's."""

import subprocess

import pytest

from baleen.archive.entry import EntryType
from baleen.errors import FailedPrecondition
from baleen.images.busybox import applet_names, find_busybox, is_static_elf, root_file_system


@pytest.fixture(scope="module")
def program():
    path = find_busybox()
    if path is None:
        pytest.skip("this host has no static busybox")
    return path


def test_applets_are_those_that_the_program_lists(program):
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    assert applet_names(program.read_bytes()) == listed.stdout.split()


def test_a_made_up_table_is_found_among_other_strings():
    names = [b"[", b"ash", b"cat", b"cp", b"date", b"dd", b"echo", b"env", b"ls", b"ps", b"sh"]
    noise = b"\0Zz\0sh\0other things\0"
    data = noise + b"\0".join([*names, b"true", b""]) + b"\0" + noise
    assert [n.encode() for n in applet_names(data)] == [*names, b"true"]


@pytest.mark.parametrize("data", [b"", b"\0sh\0", b"\0sh\0" * 100, bytes(10_000)])
def test_without_a_table_it_is_refused(data):
    with pytest.raises(FailedPrecondition, match="table of applets"):
        applet_names(data)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(100)])
def test_what_is_no_static_program(data):
    assert not is_static_elf(data)


def test_a_dynamic_program_is_told_apart():
    with open("/proc/self/exe", "rb") as file:
        head = file.read(4096)
    assert b"ld-linux" in head
    assert not is_static_elf(head)


def test_the_file_system(program):
    entries = {e.name.decode(): (e, data) for e, data in root_file_system(program.read_bytes(), 7)}
    assert (entries["root"][0].mode, entries["tmp"][0].mode) == (0o700, 0o1777)
    assert {"bin/sh", "bin/ls", "usr/bin/env", "etc/passwd", "etc/group", "var/spool/mail"} <= set(
        entries
    )
    assert entries["bin/sh"][0].type is EntryType.HARDLINK
    users = [line.partition(":")[0] for line in entries["etc/passwd"][1].decode().splitlines()]
    assert users == [
        "root", "daemon", "bin", "sys", "sync", "mail", "www-data", "operator", "nobody",
    ]  # fmt: skip
    assert all(entry.mtime_ns == 7 for entry, _ in entries.values())
