from __future__ import annotations


def test_the_shell_runs_in_the_image_and_the_image_goes(fake, fakes, monkeypatch):
    from baleen.cli import registry
    from baleen.cli.building.shell import open_shell
    from baleen.cli.command import Command
    from baleen.cli.session import Session
    from baleen.client.selection import HostFlags

    ran: list[list[str]] = []

    def run(session, flags, arguments):
        ran.append(arguments)
        assert flags.text("entrypoint") == "/bin/ash"
        assert flags.on("rm")
        return 5

    known = registry.load("run")
    command = Command(run, "", flags=known.flags, interspersed=False)
    monkeypatch.setattr(registry, "load", lambda module: command)
    fake.on("DELETE", "/images/sha256:abc", fakes.Reply([]))
    host = HostFlags()
    host.host = fake.host
    session = Session(host, "baleen build", command)
    assert open_shell(session, "sha256:abc", shell="/bin/ash") == 5
    session.close()
    assert ran == [["sha256:abc"]]
    assert [r.path for r in fake.requests if r.method == "DELETE"] == ["/images/sha256:abc"]
