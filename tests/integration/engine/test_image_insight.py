"""`baleen image check|tree|diff` and `baleen system gc`, against a running engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bed import wait_until
from oci_layout import Layout, digest_of, layer

pytestmark = pytest.mark.integration


def baleen(engine, *arguments):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("baleen")), *arguments],
        capture_output=True,
        env=engine.environment(),
        timeout=30,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def load(engine, name, layers, **changes):
    layout = Layout()
    target = layout.image(layers, **changes)
    archive = layout.archive(target, f"docker.io/library/{name}")
    engine.docker("load", stdin=archive)
    return archive


def test_a_tree_and_a_diff(engine):
    base = layer({"etc/a": b"1" * 3000, "etc/b": b"2" * 1000})
    load(engine, "one:1", [base, layer({"etc/b": b"2" * 1000})])
    load(engine, "two:1", [base, layer({"new": b"n"}, whiteouts=("etc/a",))])
    code, out = baleen(engine, "image", "tree", "one:1")
    assert code == 0
    assert "2 layers, 5kB" in out
    assert "= /etc/b" in out
    code, out = baleen(engine, "image", "tree", "--json", "two:1")
    second = json.loads(out)["Layers"][1]
    assert (second["Added"], second["Removed"], second["Wasted"]) == (1, 1, 3000)
    code, out = baleen(engine, "image", "diff", "one:1", "two:1")
    assert code == 0
    assert "1 layers in common, 1 only in one:1, 1 only in two:1" in out
    assert "D /etc/a  3kB" in out
    assert "A /new  1B" in out
    assert baleen(engine, "image", "diff", "one:1", "nosuch")[0] == 1
    assert "No such image: nosuch" in baleen(engine, "image", "tree", "nosuch")[1]


def test_what_is_damaged_is_named_and_brought_again(engine):
    data = layer({"x": os.urandom(2000)})
    archive = load(engine, "whole:1", [data])
    assert baleen(engine, "image", "check")[0] == 0
    image = engine.api("GET", "/images/whole:1/json?manifests=1").json()
    manifest = json.loads(_blob(engine, image["Descriptor"]["digest"]).read_bytes())
    blob = _blob(engine, manifest["layers"][0]["digest"])
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, out = baleen(engine, "image", "check")
    assert code == 1
    assert f"{digest_of(whole)} corrupt: whole:1" in out
    engine.docker("load", stdin=archive)
    assert blob.read_bytes() == whole
    blob.unlink()
    assert f"{digest_of(whole)} missing: whole:1" in baleen(engine, "image", "check")[1]
    engine.docker("load", stdin=archive)
    assert baleen(engine, "image", "check")[0] == 0


def _blob(engine, digest):
    return engine.data_root / "content/blobs" / digest.replace(":", "/")


def test_gc_is_off_unless_asked_for_and_a_dry_run_changes_nothing(engine):
    load(engine, "free:1", [layer({"x": os.urandom(5000)})])
    load(engine, "used:1", [layer({"y": b"y"})])
    engine.docker("create", "--name", "user", "used:1", "/x")
    before = engine.out("images", "-q")
    code, out = baleen(engine, "system", "gc", "--dry-run")
    assert code == 0
    assert "no policy is set: nothing is removed" in out
    assert "Would free 0B" in out
    code, out = baleen(engine, "system", "gc", "--dry-run", "--keep-free", "99%")
    assert "would remove  free:1" in out
    assert "keep          used:1" in out
    assert "1 container was made from it" in out
    assert engine.out("images", "-q") == before
    code, out = baleen(engine, "system", "gc", "--keep-free", "99%", "--unused-for", "1d")
    assert "free:1" in out.partition("keep")[2]
    assert "the policy waits for 24 hours" in out
    assert engine.out("images", "-q") == before
    code, out = baleen(engine, "system", "gc", "--json", "--keep-free", "99%")
    found = json.loads(out)
    assert found["SpaceReclaimed"] > 5000
    assert engine.out("images", "--format", "{{.Repository}}:{{.Tag}}") == "used:1"
    assert engine.api("GET", "/containers/user/json").status == 200
    assert "invalid age" in baleen(engine, "system", "gc", "--unused-for", "x")[1]


def test_the_daemon_does_it_by_itself_when_it_is_told_to(engine):
    load(engine, "free:1", [layer({"x": os.urandom(5000)})])
    load(engine, "used:1", [layer({"y": b"y"})])
    engine.docker("create", "--name", "user", "used:1", "/x")
    engine.stop()
    engine.flags.append("--gc-keep-free=99%")
    try:
        engine.start()
        wait_until(
            "unused images are gone",
            lambda: engine.out("images", "--format", "{{.Repository}}") == "used",
        )
        said = "image removed by the disk policy: free:1: no container uses it"
        wait_until("it is said", lambda: said in engine.log.read_text())
    finally:
        engine.flags.remove("--gc-keep-free=99%")
        engine.restart()
