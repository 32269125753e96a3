"""Names, and the way from a reference to an id (attack D10)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.containers.names import NameIndex, parse_name, random_name
from baleen.errors import AlreadyExists, InvalidArgument, NotFound

A = "a" * 12 + "0" * 52
B = "a" * 12 + "1" * 52
C = "c" * 64


@pytest.fixture
def index():
    index = NameIndex(Random(1))
    index.reserve("web", A)
    index.reserve("db", B)
    return index


def test_a_taken_name_is_refused_with_dockers_words(index):
    with pytest.raises(AlreadyExists) as caught:
        index.reserve("web", C)
    assert str(caught.value) == (
        f'Conflict. The container name "/web" is already in use by container "{A}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    index.reserve("web", A)


def test_references(index):
    assert index.resolve(A) == A
    assert index.resolve("web") == index.resolve("/web") == A
    assert index.resolve(A[:13]) == A
    with pytest.raises(InvalidArgument, match="multiple IDs found with provided prefix: aaa"):
        index.resolve("aaa")
    with pytest.raises(NotFound, match=r"^No such container: x$"):
        index.resolve("x")
    with pytest.raises(InvalidArgument):
        index.resolve("")


def test_a_name_like_an_id_hides_nobody(index):
    index.reserve(A, C)  # named like another container's full id
    assert index.resolve(A) == A
    index.reserve(A[:13], C)
    assert index.resolve(A[:13]) == C  # an exact name is nearer than a prefix
    assert index.resolve(A[:14]) == A


def test_renaming_frees_the_old_name(index):
    index.reserve("api", A)
    with pytest.raises(NotFound):
        index.resolve("web")
    assert index.name_of(A) == "api"
    index.reserve("web", C)


def test_release_frees_name_and_id_and_may_be_repeated(index):
    index.release(A)
    index.release(A)
    with pytest.raises(NotFound):
        index.resolve(A)
    assert index.resolve("aaa") == B


@pytest.mark.parametrize("text", ["/web", "web", "a1", "A.b-c_d", "0x"])
def test_good_names(text):
    assert parse_name(text) == text.removeprefix("/")


@pytest.mark.parametrize(
    "text", ["", "a", "/", "//ab", "-ab", ".ab", "a b", "a/b", "ab\n", "é1", "a" * 5000]
)
def test_bad_names(text):
    with pytest.raises(InvalidArgument, match="Invalid container name"):
        parse_name(text)


def test_random_names_are_names_and_do_not_repeat():
    index = NameIndex(Random(7))
    names = {index.reserve_random(f"{number:064x}") for number in range(2000)}
    assert len(names) == 2000
    assert all(parse_name(name) == name for name in names)
    assert random_name(Random(1)).count("_") == 1


@given(
    st.lists(
        st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=20, unique=True
    )
)
def test_every_id_is_found_and_gone_after_release(ids):
    index = NameIndex(Random(1))
    for number, container_id in enumerate(ids):
        index.reserve(f"name{number}", container_id)
    for container_id in ids:
        assert index.resolve(container_id) == container_id
    for container_id in ids:
        index.release(container_id)
        with pytest.raises(NotFound):
            index.resolve(container_id)
