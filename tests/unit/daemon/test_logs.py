from __future__ import annotations

import io
import json
import logging

import pytest

from baleen.daemon.logs import set_up_logging


@pytest.fixture
def restore():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(form, act):
    stream = io.StringIO()
    set_up_logging("info", form, stream)
    act(logging.getLogger("x"))
    return stream.getvalue()


@pytest.mark.usefixtures("restore")
def test_a_record_is_one_line_and_its_values_cannot_forge_another():
    text = written(
        "text", lambda log: log.info("hello you", extra={"a": 'x\nlevel=error "msg', "b": "plain"})
    )
    assert text.count("\n") == 1
    assert 'level=info msg="hello you" a="x\\nlevel=error \\"msg" b=plain\n' in text


@pytest.mark.usefixtures("restore")
def test_json_lines_hold_the_fields():
    line = json.loads(written("json", lambda log: log.warning("w", extra={"n": 5})))
    assert (line["level"], line["msg"], line["n"]) == ("warning", "w", "5")


@pytest.mark.usefixtures("restore")
def test_the_level_is_kept_and_tracebacks_are_marked():
    def act(log):
        log.debug("not this")
        try:
            raise KeyError("k")
        except KeyError:
            log.exception("failed")

    text = written("text", act)
    assert "not this" not in text
    assert all(line.startswith(("time=", "  | ")) for line in text.splitlines())
    assert "KeyError" in text
