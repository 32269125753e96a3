"""`docker run` with the flags people use: each does in the container what Docker says it does."""

from __future__ import annotations

import json
import os

import pytest

pytestmark = pytest.mark.integration


def run(engine, *arguments, **kwargs):
    return engine.out("run", "--rm", *arguments, **kwargs)


def test_prints_what_the_command_prints(engine):
    assert run(engine, "busybox", "echo", "hello") == "hello"


def test_hello_world_runs_its_own_command(engine):
    assert run(engine, "hello-world").strip()


def test_both_streams_arrive_apart(engine):
    done = engine.docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_detached_prints_the_id_and_runs_on(engine):
    container_id = engine.out("run", "-d", "busybox", "sleep", "1000")
    assert len(container_id) == 64
    assert engine.state(container_id)["Running"] is True
    assert engine.out("ps", "-q", "--no-trunc") == container_id


def test_rm_removes_the_container_at_its_end(engine):
    container_id = engine.out("run", "-d", "--rm", "busybox", "true")
    engine.docker("wait", container_id, check=False)
    assert engine.api("GET", f"/containers/{container_id}/json").status == 404


def test_name_is_given_and_guarded(engine):
    container_id = engine.out("run", "-d", "--name", "web", "busybox", "sleep", "1000")
    message = engine.fails("run", "--name", "web", "busybox", "true", code=125)
    assert (
        f'Conflict. The container name "/web" is already in use by container "{container_id}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    ) in message


def test_environment_has_defaults_and_the_clients_values(engine):
    lines = run(engine, "-e", "A=1", "-e", "B=x y", "--hostname", "h1", "busybox", "env").split(
        "\n"
    )
    assert set(lines) >= {"A=1", "B=x y", "HOSTNAME=h1", "HOME=/root"}
    assert any(line.startswith("PATH=/usr/local/sbin:") for line in lines)
    assert not any(line.startswith("TERM=") for line in lines)


def test_an_env_file_with_bytes_that_are_no_utf8_arrives(engine, tmp_path):
    (tmp_path / "env").write_bytes("GREETING=grüße\n".encode())
    assert (
        run(engine, "--env-file", str(tmp_path / "env"), "busybox", "sh", "-c", 'echo "$GREETING"')
        == "grüße"
    )


def test_working_directory_is_made_and_entered(engine):
    assert run(engine, "-w", "/a/b", "busybox", "pwd") == "/a/b"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "uid=0(root) gid=0(root)"),
        ("1000", "uid=1000 gid=0(root)"),
        ("1000:2000", "uid=1000 gid=2000"),
        ("root", "uid=0(root) gid=0(root)"),
        ("0:0", "uid=0(root) gid=0(root)"),
    ],
)
def test_user(engine, user, expected):
    assert run(engine, "-u", user, "busybox", "id").startswith(expected)


@pytest.mark.parametrize(
    "user",
    [
        "-1",
        "+0",
        "0x0",
        "1_000",
        " 0",
        "\u0660",
        "1e3",
        "4294967296",
        ":",
        ":1000",
        "root:x:y",
        "nobody2",
    ],
)
def test_an_odd_user_is_an_error_and_never_root(engine, user):
    done = engine.docker("run", "--rm", "-u", user, "busybox", "id", check=False)
    assert done.returncode in (125, 126), done
    assert "uid=" not in done.stdout


def test_entrypoint_replaces_and_arguments_follow(engine):
    assert run(engine, "--entrypoint", "/bin/echo", "busybox", "a", "b") == "a b"


def test_hostname_domainname_and_the_files_in_etc(engine):
    text = run(
        engine, "--hostname", "box", "--domainname", "example.org", "busybox",
        "sh", "-c", "hostname; cat /etc/hostname /etc/hosts; test -s /etc/resolv.conf && echo dns",
    )  # fmt: skip
    lines = text.split("\n")
    assert lines[0] == "box"
    assert lines[1] == "box"
    assert any("box.example.org box" in line.replace("\t", " ") for line in lines)
    assert any(line.startswith("127.0.0.1") for line in lines)
    assert lines[-1] == "dns"


def test_default_hostname_is_the_short_id(engine):
    container_id = engine.out("run", "-d", "busybox", "sleep", "1000")
    assert engine.out("exec", container_id, "hostname") == container_id[:12]


def test_add_host_and_dns(engine):
    text = run(
        engine, "--add-host", "db:10.9.8.7", "--dns", "192.0.2.53", "--dns-search", "corp.example",
        "busybox", "sh", "-c", "cat /etc/hosts /etc/resolv.conf",
    )  # fmt: skip
    assert "10.9.8.7" in text
    assert "nameserver 192.0.2.53" in text
    assert "search corp.example" in text


def test_read_only_root_still_has_its_own_mounts(engine):
    text = run(
        engine, "--read-only", "--tmpfs", "/scratch", "busybox", "sh", "-c",
        "touch /x 2>&1; touch /scratch/x && echo scratch; touch /dev/shm/x && echo shm",
    )  # fmt: skip
    assert "Read-only file system" in text
    assert text.endswith("scratch\nshm")


def test_tmpfs_options(engine):
    text = run(
        engine, "--tmpfs", "/t:size=1m,mode=700,exec", "busybox", "sh", "-c",
        "grep ' /t ' /proc/mounts; stat -c %a /t",
    )  # fmt: skip
    options = text.split()[3].split(",")
    assert {"rw", "nosuid", "nodev", "size=1024k", "mode=700"} <= set(options)
    assert "noexec" not in options
    assert text.endswith("700")


def test_init_is_process_one_and_passes_the_exit_code(engine):
    done = engine.docker(
        "run", "--rm", "--init", "busybox", "sh", "-c", "echo $$; exit 7", check=False
    )
    assert done.returncode == 7
    assert int(done.stdout) > 1


def test_labels_and_label_filter(engine):
    engine.docker(
        "run",
        "-d",
        "--label",
        "tier=db",
        "--label",
        "empty",
        "--name",
        "l1",
        "busybox",
        "sleep",
        "1000",
    )
    engine.docker("run", "-d", "--label", "tier=web", "--name", "l2", "busybox", "sleep", "1000")
    assert engine.out("ps", "--filter", "label=tier=db", "--format", "{{.Names}}") == "l1"
    assert engine.inspect("l1")["Config"]["Labels"] == {"tier": "db", "empty": ""}


def test_ulimit(engine):
    assert (
        run(engine, "--ulimit", "nofile=512:1024", "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn")
        == "512\n1024"
    )


def test_memory_limit_is_in_the_cgroup(engine):
    container_id = engine.out("run", "-d", "--memory", "64m", "busybox", "sleep", "1000")
    host = engine.inspect(container_id)["HostConfig"]
    assert host["Memory"] == 64 << 20
    text = engine.out(
        "exec", container_id, "sh", "-c",
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null || true",
    )  # fmt: skip
    assert text.strip() == str(64 << 20)


def test_memory_hog_is_killed_and_marked(engine):
    done = engine.docker(
        "run", "--name", "hog", "--memory", "16m", "--memory-swap", "16m", "busybox",
        "sh", "-c", "x=$(head -c 64m /dev/zero | tr '\\0' x); echo survived", check=False,
    )  # fmt: skip
    assert done.returncode == 137, done
    assert engine.state("hog")["OOMKilled"] is True


def test_cpus_become_a_quota(engine):
    container_id = engine.out("run", "-d", "--cpus", "0.5", "busybox", "sleep", "1000")
    assert engine.inspect(container_id)["HostConfig"]["NanoCpus"] == 500_000_000
    text = engine.out(
        "exec", container_id, "sh", "-c",
        "cd /sys/fs/cgroup; cat cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 cpu.max",
    )  # fmt: skip
    assert text == "50000"


def test_pids_limit_stops_a_fork_bomb(engine):
    done = engine.docker(
        "run", "--rm", "--pids-limit", "10", "busybox", "sh", "-c",
        "for i in $(seq 20); do sleep 5 & done; wait", check=False,
    )  # fmt: skip
    assert "can't fork" in done.stderr


def test_capabilities_by_default_added_dropped_and_privileged(engine):
    def effective(*flags):
        text = run(engine, *flags, "busybox", "grep", "CapEff", "/proc/self/status")
        return int(text.split()[1], 16)

    assert effective() == 0x00000000A80425FB
    assert effective("--cap-add", "NET_ADMIN") == 0x00000000A80435FB
    assert effective("--cap-drop", "ALL") == 0
    assert effective("--cap-drop", "ALL", "--cap-add", "CHOWN") == 1
    assert effective("--privileged") > 0x1FFFFFFFFF
    assert effective("-u", "1000") == 0


def test_privileged_sees_devices_and_may_mount(engine):
    text = run(
        engine, "--privileged", "busybox", "sh", "-c",
        "mkdir /mnt2 && mount -t tmpfs none /mnt2 && echo mounted; test -e /dev/kmsg && echo kmsg",
    )  # fmt: skip
    assert text == "mounted\nkmsg"


def test_unprivileged_may_not(engine):
    done = engine.docker(
        "run", "--rm", "busybox", "sh", "-c",
        "mount -t tmpfs none /mnt; unshare -m true; echo 1 > /proc/sys/kernel/shm_rmid_forced; "
        "cat /proc/kcore | head -c1; ls /sys/firmware | wc -l; ls /dev | tr '\\n' ' '",
    )  # fmt: skip
    assert done.stderr.count("denied") + done.stderr.count("permitted") >= 2
    assert "Read-only" in done.stderr
    nodes = set(done.stdout.split("\n")[-1].split() or done.stdout.split())
    assert {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "ptmx",
        "pts",
        "shm",
        "mqueue",
    } <= nodes
    assert "kmsg" not in nodes


def test_device(engine):
    done = engine.docker(
        "run",
        "--rm",
        "--device",
        "/dev/loop-control:/dev/k:r",
        "busybox",
        "sh",
        "-c",
        ": < /dev/k && echo opened; echo x >> /dev/k; true",
    )
    assert done.stdout == "opened\n"
    assert "denied" in done.stderr or "not permitted" in done.stderr


def test_masked_and_read_only_paths(engine):
    script = (
        "for f in kcore keys timer_list; do if [ -e /proc/$f ]; then wc -c < /proc/$f; fi; done; "
        "echo x > /proc/sys/kernel/hostname; echo x > /proc/sys/vm/swappiness; true"
    )
    done = engine.docker("run", "--rm", "busybox", "sh", "-c", script)
    assert set(done.stdout.split()) == {"0"}
    assert done.stderr.count("Read-only file system") == 2


def test_seccomp_is_on_and_can_be_turned_off(engine):
    assert run(engine, "busybox", "grep", "Seccomp:", "/proc/self/status").split()[1] == "2"
    assert (
        run(
            engine,
            "--security-opt",
            "seccomp=unconfined",
            "busybox",
            "grep",
            "Seccomp:",
            "/proc/self/status",
        ).split()[1]
        == "0"
    )


def test_no_new_privileges(engine):
    text = run(
        engine,
        "--security-opt",
        "no-new-privileges",
        "busybox",
        "grep",
        "NoNewPrivs",
        "/proc/self/status",
    )
    assert text.split()[1] == "1"


def test_namespaces_are_own_or_the_hosts(engine):
    import os

    for flag, kind in (("--uts", "uts"), ("--ipc", "ipc"), ("--pid", "pid")):
        host = os.readlink(f"/proc/self/ns/{kind}")
        assert run(engine, "busybox", "readlink", f"/proc/self/ns/{kind}") != host
        assert run(engine, flag, "host", "busybox", "readlink", f"/proc/self/ns/{kind}") == host


def test_pid_and_ipc_of_another_container(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "donor",
        "--ipc",
        "shareable",
        "busybox",
        "sh",
        "-c",
        "echo hi > /dev/shm/note; exec sleep 1000",
    )
    engine.wait_for_status("donor", "running")
    text = run(engine, "--pid", "container:donor", "busybox", "ps")
    assert "sleep 1000" in text
    assert run(engine, "--ipc", "container:donor", "busybox", "cat", "/dev/shm/note") == "hi"


def test_shm_size_and_sysctl(engine):
    text = run(
        engine, "--shm-size", "16m", "--sysctl", "net.ipv4.ip_forward=1", "busybox", "sh", "-c",
        "df -m /dev/shm | tail -1 | awk '{print $2}'; cat /proc/sys/net/ipv4/ip_forward",
    )  # fmt: skip
    assert text == "16\n1"


def test_an_ordinary_user_may_bind_low_ports_and_ping(engine):
    text = run(
        engine, "-u", "1000", "busybox", "sh", "-c",
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range",
    )  # fmt: skip
    assert text.split() == ["0", "0", "2147483647"]


def test_no_descriptor_leaks_into_the_container(engine):
    assert run(engine, "busybox", "ls", "/proc/self/fd").split() == ["0", "1", "2", "3"]


def test_working_directory_through_a_descriptor_is_refused(engine):
    for number in (3, 7, 8, 12):
        done = engine.docker(
            "run", "--rm", "-w", f"/proc/self/fd/{number}", "busybox", "pwd", check=False
        )
        assert done.returncode != 0
        assert not done.stdout


@pytest.mark.parametrize("target", ["/proc", "/proc/self/attr", "/proc/sys"])
def test_mounts_over_proc_are_refused(engine, target):
    for flags in (["-v", f"vol:{target}"], ["--tmpfs", target]):
        message = engine.fails("run", "--rm", *flags, "busybox", "true", code=125)
        assert "/proc" in message


def test_cidfile(engine, tmp_path):
    container_id = engine.out(
        "run", "-d", "--cidfile", str(tmp_path / "cid"), "busybox", "sleep", "1000"
    )
    assert (tmp_path / "cid").read_text() == container_id


def test_log_driver_none_keeps_no_log(engine):
    engine.docker("run", "--name", "quiet", "--log-driver", "none", "busybox", "echo", "x")
    message = engine.fails("logs", "quiet")
    assert "configured logging driver does not support reading" in message


def test_inspect_has_dockers_shape(engine):
    engine.docker(
        "run", "-d", "--name", "shape", "-e", "A=1", "-p", "127.0.0.1:0:80",
        "--restart", "on-failure:3",
        "--stop-signal", "SIGINT", "busybox", "sleep", "1000",
    )  # fmt: skip
    found = json.loads(engine.out("inspect", "shape"))[0]
    assert found["Name"] == "/shape"
    assert found["Path"] == "sleep"
    assert found["Args"] == ["1000"]
    assert found["Config"]["Image"] == "busybox"
    assert found["Config"]["StopSignal"] == "SIGINT"
    assert "A=1" in found["Config"]["Env"]
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert found["HostConfig"]["NetworkMode"] == "bridge"
    assert found["State"]["Status"] == "running"
    assert found["State"]["Pid"] > 0
    assert found["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert found["NetworkSettings"]["Ports"]["80/tcp"][0]["HostIp"] == "127.0.0.1"
    assert int(found["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]) > 0
    assert found["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].startswith("172.")
    assert (
        engine.out("inspect", "-f", "{{.State.Running}} {{.HostConfig.LogConfig.Type}}", "shape")
        == "true json-file"
    )


def test_mount_points_are_not_the_containers_own(engine):
    engine.docker("run", "--name", "plain", "busybox", "true")
    assert engine.out("diff", "plain") == ""
    container_id = engine.api("GET", "/containers/plain/json").json()["Id"]
    upper = engine.place.data_root / "snapshots" / "active" / container_id / "upper"
    assert os.listdir(upper) == []
    engine.docker("run", "--name", "gone", "busybox", "rm", "/.dockerenv")
    shown = engine.out("run", "--rm", "busybox", "ls", "-a", "/").split()
    assert {".dockerenv", "proc", "sys", "dev", "etc"} <= set(shown)
