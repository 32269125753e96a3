from __future__ import annotations

from baleen.daemon.config import Config
from baleen.daemon.settings import engine_config


def test_the_engine_gets_its_part_and_shares_the_labels():
    labels = ["a=b"]
    made = engine_config(Config(bip="10.0.0.1/24", init=True), labels)
    assert (made.bip, made.default_init, made.seccomp_profile) == ("10.0.0.1/24", True, None)
    labels.append("c=d")
    assert list(made.labels) == ["a=b", "c=d"]
    assert engine_config(Config(seccomp_profile="builtin"), []).seccomp_profile is None
    assert engine_config(Config(seccomp_profile="unconfined"), []).seccomp_profile == "unconfined"


def test_open_tcp_is_warned_of():
    assert not engine_config(Config(hosts=["tcp://a"], tlsverify=True), []).warnings
    assert engine_config(Config(hosts=["tcp://a"]), []).warnings
