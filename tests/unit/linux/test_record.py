import subprocess
import sys

import pytest

from baleen.linux.record import asdict, field, record, replace


@record(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    seen: list[int] = field(default_factory=list)

    def total(self) -> int:
        return self.x + self.y


@record(slots=True)
class Counter:
    count: int = 0


def test_fields_are_parameters_in_order_with_their_defaults():
    assert asdict(Point(1)) == {"x": 1, "y": 2, "seen": []}
    assert asdict(Point(1, seen=[3], y=4)) == {"x": 1, "y": 4, "seen": [3]}
    with pytest.raises(TypeError):
        Point()
    with pytest.raises(TypeError):
        Point(1, z=2)


def test_a_made_default_belongs_to_one_record():
    one, other = Point(1), Point(1)
    one.seen.append(1)
    assert other.seen == []


def test_records_have_slots_methods_and_a_text():
    assert Point(1).total() == 3
    assert repr(Point(1)) == "Point(x=1, y=2, seen=[])"
    assert not hasattr(Point(1), "__dict__")


def test_equality_is_that_of_the_fields_and_the_class():
    assert Point(1) == Point(1) != Point(2)
    assert Counter() == Counter(0)
    assert Point(1) != Counter(1)


def test_a_frozen_record_has_a_hash_and_cannot_be_changed():
    point = Point(1, seen=())
    assert hash(point) == hash(Point(1, seen=()))
    for change in (lambda: setattr(point, "x", 2), lambda: delattr(point, "x")):
        with pytest.raises(AttributeError, match=r"Point\.x is not to be changed"):
            change()
    counter = Counter()
    counter.count += 1
    assert counter.count == 1
    with pytest.raises(TypeError):
        hash(counter)


def test_replace_makes_a_copy():
    point = Point(1, 5)
    assert asdict(replace(point, x=7)) == {"x": 7, "y": 5, "seen": []}
    assert point.x == 1


def test_neither_dataclasses_nor_typing_is_loaded():
    script = "import sys, baleen.linux.record; print({'dataclasses', 'typing'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-I", "-c", script], check=True, capture_output=True)
    assert run.stdout == b"set()\n"
