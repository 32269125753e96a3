from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.template import compile_template

DATA = {
    "Id": "abc",
    "Name": "/web",
    "N": 3,
    "F": 1.5,
    "Yes": True,
    "Null": None,
    "List": ["a", "b"],
    "Labels": {"x": "y", "a.b": "c"},
    "Deep": {"Numbers": [{"V": 1}, {"V": 2}]},
}


def render(text, data=DATA):
    return compile_template(text).render(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{{.Name}} {{.N}} {{.Yes}} {{.Null}} {{.F}}", "/web 3 true <no value> 1.5"),
        ("{{.List}} {{.Labels}}", "[a b] map[a.b:c x:y]"),
        ("{{json .List}} {{json .Name}} {{json .Null}}", '["a","b"] "/web" null'),
        ("{{.ID}}", "abc"),
        ("{{.Labels.x}} {{.Labels.nope}}", "y <no value>"),
        ('{{index .Labels "a.b"}}|{{index .Labels "zz"}}|{{index .List 1}}', "c||b"),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b>"),
        ("{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}", "0=a 1=b "),
        ("{{range $k, $v := .Labels}}{{$k}}:{{$v}};{{end}}", "a.b:c;x:y;"),
        ("{{range .Deep.Numbers}}{{.V}}{{println}}{{end}}", "1\n2\n"),
        ("{{range .Null}}x{{else}}none{{end}}", "none"),
        ('{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"),
        ('{{range .List}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', "b"),
        ("{{if .Yes}}y{{else}}n{{end}}{{if .Null}}y{{else if eq .N 3}}three{{end}}", "ythree"),
        ("{{with .Deep}}{{len .Numbers}}{{end}}{{with .Null}}x{{else}}-{{end}}", "2-"),
        ("{{with $x := .Name}}{{$x}}{{end}}", "/web"),
        ("{{$n := .N}}{{$n}}", "3"),
        ('{{.Name | upper | printf "%q"}}', '"/WEB"'),
        ('{{join .List ", "}} {{lower "ABC"}} {{title "ab"}}', "a, b abc Ab"),
        ('{{printf "%s-%05d-%v" .Name .N .Yes}}', "/web-00003-true"),
        ('{{slice .Name 1}} {{truncate .Name 2}} {{pad "x" 1 2}}|', "web /w  x  |"),
        ("{{len .List}} {{len .Name}} {{not .Yes}}", "2 4 false"),
        ("{{and .Yes .N}} {{or .Null .Name}}", "3 /web"),
        ("{{eq .N 1 2 3}} {{ne .N 3}} {{lt .N 4}} {{ge .N 4}}", "true false true false"),
        ("{{/* note */}}a{{- /* b */ -}} b", "ab"),
        ("a  {{- .N -}}  b", "a3b"),
        ("{{(index .Deep.Numbers 0).V}}", "1"),
        ('{{`raw}}`}}{{"\\t\\u00e9"}}', "raw}}\t\u00e9"),
        ('{{split "a,b" ","}} {{html "<&>"}} {{urlquery "a b"}}', "[a b] &lt;&amp;&gt; a+b"),
        ('{{print 1 2 "x" 3}}', "1 2x3"),
        ("{{$}}", None),
    ],
)
def test_templates(text, expected):
    result = render(text)
    if expected is not None:
        assert result == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{.ID",
        "{{}}",
        "{{end}}",
        "{{if .N}}",
        "{{else}}",
        "{{range .List}}{{else}}{{else}}{{end}}",
        "{{nope .N}}",
        "{{.N | }}",
        "{{(.N}}",
        '{{"x}}',
        '{{"\\q"}}',
        "{{/* x }}",
        "{{.N %}}",
        "{{1x}}",
        "{{break}}",
        "{{and}}",
        "{{if .N}}" * 200 + "{{end}}" * 200,
    ],
)
def test_templates_that_do_not_parse(text):
    with pytest.raises(errors.InvalidArgument, match=r"^template: :1:"):
        render(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{.Nope}}", 'map has no entry for key "Nope"'),
        ("{{.Name.Nope}}", "can't evaluate field Nope"),
        ("{{index .List 5}}", "index out of range: 5"),
        ("{{index .Null 0}}", "index of nil pointer"),
        ("{{range .N}}{{end}}", "range can't iterate over 3"),
        ("{{len .N}}", "len of 3"),
        ("{{lt .Name 1}}", "incompatible types"),
        ("{{$x}}", 'undefined variable "$x"'),
        ("{{lower}}", "wrong arguments"),
        ('{{.Name "x"}}', "Name is not a method"),
        ('{{printf "%99999999d" 1}}', "width in printf is too large"),
        ('{{pad "x" 99999999 1}}', "small numbers"),
    ],
)
def test_templates_that_fail(text, message):
    with pytest.raises(errors.InvalidArgument) as caught:
        render(text)
    assert message in caught.value.message


def test_rows_compute_fields_and_have_methods():
    row = Row(
        {"A": lambda: "computed", "B": "plain"},
        methods={"Label": lambda name: f"<{name}>"},
        kind="rowKind",
    )
    assert render('{{.A}} {{.B}} {{.Label "x"}}', row) == "computed plain <x>"
    assert render("{{json .}}", row) == '{"A":"computed","B":"plain"}'
    with pytest.raises(errors.InvalidArgument, match="can't evaluate field C in type rowKind"):
        render("{{.C}}", row)


@given(st.text('{}.|()$"`-:= ifendrangejson1', max_size=40))
def test_any_text_renders_or_is_refused(text):
    with contextlib.suppress(errors.InvalidArgument):
        render(text)
