import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields


def test_absent_and_null_are_the_same():
    for values in ({}, dict.fromkeys(("t", "f", "i", "l", "o", "os", "m"))):
        fields = Fields(values, "")
        assert fields.text("t", "d") == "d"
        assert fields.flag("f") is False
        assert fields.integer("i", 3, high=9) == 3
        assert fields.texts("l") == ()
        assert fields.integers("l", high=1) == ()
        assert fields.object("o").values == {}
        assert fields.objects("os") == []
        assert fields.text_map("m") == {}
        assert not fields.has("t")


@pytest.mark.parametrize(
    ("value", "read", "where"),
    [
        ({"a": 1}, lambda f: f.text("a"), "x.a"),
        ({"a": "n\0l"}, lambda f: f.text("a"), "x.a"),
        ({}, lambda f: f.text("a"), "x.a"),
        ({"a": 1}, lambda f: f.flag("a"), "x.a"),
        ({"a": True}, lambda f: f.integer("a", 0, high=9), "x.a"),
        ({"a": 10}, lambda f: f.integer("a", 0, high=9), "x.a"),
        ({"a": 1.0}, lambda f: f.integer("a", 0, high=9), "x.a"),
        ({"a": "1"}, lambda f: f.integer("a", 0, high=9), "x.a"),
        ({"a": {}}, lambda f: f.texts("a"), "x.a"),
        ({"a": [1]}, lambda f: f.texts("a"), "x.a"),
        ({"a": [-1]}, lambda f: f.integers("a", high=9), "x.a"),
        ({"a": []}, lambda f: f.object("a"), "x.a"),
        ({"a": [1]}, lambda f: f.objects("a"), "x.a[0]"),
        ({"a": {"k": 1}}, lambda f: f.text_map("a"), "x.a.k"),
    ],
)
def test_a_wrong_type_is_refused_with_the_field(value, read, where):
    with pytest.raises(LaunchError) as caught:
        read(Fields(value, "x."))
    assert str(caught.value).startswith(where)
    assert caught.value.stage == "spec"
