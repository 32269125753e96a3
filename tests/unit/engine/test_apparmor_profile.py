"""The default profile; what it does is tested by tests/integration/engine/test_apparmor.py."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from baleen.engine.apparmor_profile import PROFILE, profile_text

PARSER = shutil.which("apparmor_parser", path="/usr/sbin:/sbin")


def test_it_has_the_name_that_administrators_know():
    assert PROFILE == "docker-default"
    text = profile_text()
    assert text.startswith("profile docker-default flags=(attach_disconnected,mediate_deleted) {")
    assert text.endswith("}\n")


def test_it_needs_no_file_of_the_host():
    assert "include" not in profile_text()
    assert "@{" not in profile_text()


def test_an_engine_that_is_confined_itself_may_signal_its_containers():
    assert 'signal (receive) peer="/usr/bin/baleend",' in profile_text(engine="/usr/bin/baleend")
    assert profile_text().count("peer=unconfined") == profile_text().count("peer=") - 2 == 1


@pytest.mark.skipif(PARSER is None, reason="needs apparmor_parser")
@pytest.mark.parametrize("engine", ["unconfined", "/usr/bin/baleend"])
def test_the_parser_takes_it(engine):
    done = subprocess.run(
        [PARSER, "--skip-cache", "--skip-kernel-load"],
        input=profile_text(engine=engine),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "") or "Cache read/write disabled" in done.stderr
