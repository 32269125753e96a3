from __future__ import annotations

import json

import pytest

from baleen import errors
from baleen.cli.inspecting import finder, inspect_all


@pytest.fixture
def session():
    class Client:
        def get(self, path, **query):
            return [path, query]

    class Session:
        def __init__(self):
            self.client = Client()
            self.out_lines, self.err_lines = [], []

        def out(self, text):
            self.out_lines.append(text)

        def warn(self, text):
            self.err_lines.append(text)

    return Session()


def find(reference):
    if reference == "x":
        raise errors.NotFound("no x")
    return {"Name": reference, "Path": "/\u00fc"}


def test_paths_and_queries(session):
    assert finder(session, "container", size=True)("a/b") == [
        "/containers/a%2Fb/json",
        {"size": True},
    ]
    assert finder(session, "image", platform=None)("r.io/a:1") == ["/images/r.io/a:1/json", {}]
    assert finder(session, "network", verbose=True)("n") == ["/networks/n", {"verbose": True}]
    assert finder(session, "volume")("v") == ["/volumes/v", {}]


def test_indented_json_of_what_was_found(session):
    assert inspect_all(session, ["a", "x"], find, "") == 1
    assert json.loads(session.out_lines[0]) == [find("a")]
    assert '\n        "Path": "/\u00fc"' in session.out_lines[0]
    assert session.err_lines == ["no x"]


def test_compact_json_and_templates(session):
    assert inspect_all(session, ["a"], find, "json") == 0
    assert inspect_all(session, ["a", "b"], find, "{{.Name}}\\t") == 0
    assert session.out_lines == ['[{"Name":"a","Path":"/\u00fc"}]', "a\t", "b\t"]


def test_a_bad_template_is_found_before_any_request(session):
    def never(_reference):
        raise AssertionError

    with pytest.raises(errors.InvalidArgument, match=r"^template parsing error: "):
        inspect_all(session, ["a"], never, "{{.Name")


def test_a_field_that_is_not_there_fails(session):
    assert inspect_all(session, ["a"], find, "{{.Nope.X}}") == 1
    assert session.err_lines[0].startswith("template parsing error: ")
