"""Named and anonymous volumes, binds, --mount and copy-up."""

from __future__ import annotations

import json
import os

import pytest

pytestmark = pytest.mark.integration


def sh(engine, *flags, script):
    return engine.out("run", "--rm", *flags, "busybox", "sh", "-c", script)


def test_a_volume_outlives_its_container(engine):
    sh(engine, "-v", "data:/d", script="echo kept > /d/file")
    assert sh(engine, "-v", "data:/e", script="cat /e/file") == "kept"


def test_create_list_inspect_remove(engine):
    assert engine.out("volume", "create", "--label", "a=b", "v1") == "v1"
    assert engine.out("volume", "create", "v1") == "v1"
    assert len(engine.out("volume", "create")) == 64
    found = json.loads(engine.out("volume", "inspect", "v1"))[0]
    assert (found["Name"], found["Driver"], found["Scope"], found["Labels"]) == (
        "v1",
        "local",
        "local",
        {"a": "b"},
    )
    assert found["Mountpoint"].endswith("/volumes/v1/_data")
    assert engine.out("volume", "ls", "-q", "--filter", "label=a=b") == "v1"
    assert engine.out("volume", "rm", "v1") == "v1"
    assert "no such volume" in engine.fails("volume", "inspect", "v1").lower()
    assert "no such volume" in engine.fails("volume", "rm", "v1").lower()


def test_a_volume_in_use_is_not_removed(engine):
    container_id = engine.out("create", "-v", "v1:/d", "busybox", "true")
    message = engine.fails("volume", "rm", "v1").lower()
    assert f"volume is in use - [{container_id}]" in message
    engine.docker("rm", container_id)
    engine.docker("volume", "rm", "v1")


def test_anonymous_volumes_go_with_rm_v_and_with_run_rm(engine):
    container_id = engine.out("run", "-d", "-v", "/d", "busybox", "sleep", "1000")
    (mount,) = engine.inspect(container_id)["Mounts"]
    assert (mount["Type"], mount["Destination"], len(mount["Name"])) == ("volume", "/d", 64)
    engine.docker("rm", "-f", "-v", container_id)
    sh(engine, "-v", "/d", script="true")
    from bed import wait_until

    wait_until("no volume", lambda: not engine.out("volume", "ls", "-q"))


def test_a_named_volume_stays_with_rm_v(engine):
    engine.docker("run", "--name", "cc", "-v", "named:/d", "busybox", "true")
    engine.docker("rm", "-v", "cc")
    assert engine.out("volume", "ls", "-q") == "named"


def test_read_only_volume(engine):
    done = engine.docker("run", "--rm", "-v", "vv:/d:ro", "busybox", "touch", "/d/x", check=False)
    assert "Read-only file system" in done.stderr


def test_a_fresh_volume_is_filled_from_the_image(engine):
    text = sh(
        engine, "-v", "etc:/etc/x", "-v", "bin:/bin", script="ls /bin | wc -l; ls -A /etc/x | wc -l"
    )
    assert int(text.split()[0]) > 10
    assert text.split()[1] == "0"
    assert (
        sh(
            engine,
            "--mount",
            "type=volume,src=empty,dst=/lib,volume-nocopy",
            script="ls -A /lib | wc -l",
        )
        == "0"
    )


def test_bind_of_a_directory_and_a_file(engine, tmp_path):
    (tmp_path / "f").write_text("host\n")
    assert sh(engine, "-v", f"{tmp_path}:/h", script="cat /h/f; echo new > /h/g") == "host"
    assert (tmp_path / "g").read_text() == "new\n"
    assert sh(
        engine, "-v", f"{tmp_path}/f:/x:ro", script="cat /x; echo no > /x 2>&1 || true"
    ).startswith("host")
    assert (tmp_path / "f").read_text() == "host\n"


def test_a_missing_source_is_made_for_v_and_refused_for_mount(engine, tmp_path):
    sh(engine, "-v", f"{tmp_path}/made:/h", script="true")
    assert (tmp_path / "made").is_dir()
    message = engine.fails(
        "run",
        "--rm",
        "--mount",
        f"type=bind,src={tmp_path}/missing,dst=/h",
        "busybox",
        "true",
        code=125,
    )
    assert f"bind source path does not exist: {tmp_path}/missing" in message
    assert not (tmp_path / "missing").exists()


def test_mount_types(engine, tmp_path):
    text = sh(
        engine, "--mount", f"type=bind,src={tmp_path},dst=/b,readonly",
        "--mount", "type=volume,src=vv,dst=/v",
        "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770",
        script="grep -c ' /b .* ro' /proc/mounts; touch /v/x && echo v; stat -c %a /t",
    )  # fmt: skip
    assert text == "1\nv\n1770"


def test_a_symlink_as_target_stays_inside(engine, tmp_path):
    engine.docker("run", "--name", "cc", "busybox", "ln", "-s", str(tmp_path), "/link")
    engine.docker("rm", "cc")
    text = sh(engine, "-v", "vv:/etc/../data", script="touch /data/x && echo ok")
    assert text == "ok"


def test_volumes_from(engine):
    engine.docker("create", "--name", "donor", "-v", "shared:/s", "-v", "/anon", "busybox", "true")
    assert sh(engine, "--volumes-from", "donor", script="touch /s/x /anon/y && echo ok") == "ok"
    done = engine.docker(
        "run", "--rm", "--volumes-from", "donor:ro", "busybox", "touch", "/s/z", check=False
    )
    assert "Read-only" in done.stderr


def test_volume_with_mount_options(engine, tmp_path):
    engine.docker(
        "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}", "bb"
    )
    sh(engine, "-v", "bb:/d", script="echo x > /d/f")
    assert (tmp_path / "f").read_text() == "x\n"
    engine.docker(
        "volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "tt"
    )
    assert " tmpfs " in sh(engine, "-v", "tt:/d", script="grep ' /d ' /proc/mounts")


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ("a:b:c:d", "invalid volume specification"),
        ("vv:/", "destination can't be '/'"),
        ("x/y:/d", "includes invalid characters"),
        ("vv:/d:nonsense", "invalid mode"),
        ("vv:/d:ro,rw", "invalid mode"),
        ("..:/d", "includes invalid characters"),
    ],
)
def test_bad_specifications(engine, specification, text):
    answer = engine.api(
        "POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Binds": [specification]}}
    )
    assert answer.status == 400
    assert text in answer.message


def test_one_place_twice_is_refused(engine):
    assert "Duplicate mount point: /d" in engine.fails(
        "create", "-v", "aa:/d", "-v", "bb:/d", "busybox"
    )


def test_bad_volumes_are_refused(engine):
    assert "includes invalid characters" in engine.fails("volume", "create", "a/b")
    assert 'invalid option: "nonsense"' in engine.fails(
        "volume", "create", "-o", "nonsense=1", "vv"
    )
    assert "nosuch" in engine.fails("volume", "create", "-d", "nosuch", "vv")


def test_prune(engine):
    engine.docker("volume", "create", "named")
    anonymous = engine.out("volume", "create")
    assert engine.api("POST", "/v1.42/volumes/prune").json()["VolumesDeleted"] == [anonymous]
    # Before v1.42 named volumes were pruned as well.
    assert engine.api("POST", "/v1.41/volumes/prune").json()["VolumesDeleted"] == ["named"]


def test_files_keep_their_owner_and_mode(engine):
    sh(
        engine,
        "-v",
        "vv:/d",
        script="touch /d/f; chown 12:34 /d/f; chmod 4750 /d/f; ln -s /etc/passwd /d/l",
    )
    path = engine.place.data_root / "volumes" / "vv" / "_data"
    status = os.stat(path / "f")
    assert (status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)) == (12, 34, "0o4750")
    assert os.readlink(path / "l") == "/etc/passwd"
