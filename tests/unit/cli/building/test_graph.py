from __future__ import annotations

import xml.etree.ElementTree as ET

from baleen.cli.building.graph import Node, draw


def test_steps_stand_below_what_they_need_and_names_are_escaped():
    picture = draw(
        {
            "a": Node("FROM <b>&", "cached", "CACHED", []),
            "b": Node("RUN " + "x" * 100, "completed", "1 s", ["a", "absent"]),
            "c": Node("RUN \x1b y", "failed", "", ["a"]),
        }
    )
    root = ET.fromstring(picture)
    boxes = list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    rows = [float(box.get("y")) for box in boxes]
    assert rows[0] < rows[1] == rows[2]
    assert picture.count("marker-end") == 2
    assert "FROM &lt;b&gt;&amp;" in picture
    assert "\x1b" not in picture


def test_an_empty_build_has_a_picture_too():
    assert draw({}).startswith("<svg")
