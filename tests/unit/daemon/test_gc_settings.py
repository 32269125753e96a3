from __future__ import annotations

import pytest

from baleen.daemon.config import load_config, parse_arguments
from baleen.daemon.gc_settings import gc_policy
from baleen.daemon.settings import engine_config
from baleen.errors import InvalidArgument
from baleen.images.disk_policy import Policy


def test_texts_become_a_policy():
    assert gc_policy("", "") == Policy()
    assert gc_policy("20GB", "7d") == Policy(keep_free_bytes=20 << 30, unused_for_s=7 * 86400)
    assert gc_policy("15%", "") == Policy(keep_free_percent=15)


@pytest.mark.parametrize(("keep", "age"), [("100%", ""), ("much", ""), ("", "long"), ("-1", "")])
def test_what_is_malformed_is_refused(keep, age):
    with pytest.raises(InvalidArgument):
        gc_policy(keep, age)


def test_the_daemon_has_it_from_its_flags_or_file(tmp_path):
    file = tmp_path / "daemon.json"
    file.write_text('{"gc-unused-for": "2w"}')
    flags = parse_arguments([f"--config-file={file}", "--gc-keep-free=10%"])
    policy = engine_config(load_config(flags), []).gc_policy
    assert policy == Policy(keep_free_percent=10, unused_for_s=14 * 86400)
    file.write_text('{"gc-unused-for": "soon"}')
    with pytest.raises(InvalidArgument, match="invalid age"):
        load_config(parse_arguments([f"--config-file={file}"]))
