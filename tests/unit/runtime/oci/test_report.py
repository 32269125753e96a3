import json
import os
import re

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.oci.report import Report, quoted

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_json_lines_are_what_containerd_reads(tmp_path, capfd):
    path = tmp_path / "log"
    report = Report(str(path), "json")
    report.warning('a "b"\n')
    report.error("exec: é \x01 not found")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["level"], line["msg"]) for line in lines] == [
        ("warning", 'a "b"\n'),
        ("error", "exec: é \x01 not found"),
    ]
    assert all(re.fullmatch(TIME, line["time"]) for line in lines)
    assert capfd.readouterr().err == "exec: é \x01 not found\n"


def test_text_is_added_to_the_file(tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    report = Report(str(path), "text")
    report.error('no "x"')
    assert re.fullmatch(rf'before\ntime="{TIME}" level=error msg="no \\"x\\""\n', path.read_text())


def test_without_a_file_an_error_is_told_once(capfd):
    Report().error("gone")
    assert re.fullmatch(rf'time="{TIME}" level=error msg="gone"\n', capfd.readouterr().err)


def test_steps_are_logged_on_request_only(tmp_path):
    path = tmp_path / "log"
    Report(str(path)).debug("x")
    assert path.read_text() == ""
    Report(str(path), debug=True).debug("x")
    assert "level=debug" in path.read_text()


def test_bad_formats_and_places_are_refused(tmp_path):
    with pytest.raises(InvalidArgument, match='invalid log-format: "xml"'):
        Report("", "xml")
    with pytest.raises(InvalidArgument, match="cannot open the log"):
        Report(str(tmp_path / "no/log"))


def test_a_full_disk_does_not_hide_the_failure(capfd):
    report = Report("/dev/full", "json")
    report.error("why")
    assert capfd.readouterr().err == "why\n"


@pytest.mark.parametrize("text", ["", 'a"\\', "\t\n\x7f", os.fsdecode(b"\xff"), "日本"])
def test_quoted_is_json(text):
    assert json.loads(quoted(text)) == text
