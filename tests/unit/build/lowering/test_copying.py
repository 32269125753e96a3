"""COPY, ADD and WORKDIR to file operations."""

from __future__ import annotations

import pytest
from lowering_bed import config, created_by, input_of, last, lowered

from baleen.build.graph import Copying, FileOp, GitSource, HttpSource, LocalSource, Making, Merge
from baleen.errors import InvalidArgument

SUM = "sha256:" + "0" * 64


def actions(line, body="", **options):
    return last(lowered(f"FROM base\n{body}{line}", **options)).actions


def one(line, body="", **options):
    (action,) = actions(line, body, **options)
    return action


def test_a_plain_copy():
    plan = lowered("FROM base\nCOPY a /b")
    assert last(plan) == FileOp(actions=(Copying(input=1, sources=("/a",), destination="/b"),))
    assert input_of(plan, 1) == LocalSource(name="context", unique="build")


@pytest.mark.parametrize(
    ("written", "destination"),
    [
        ("/b", "/b"),
        ("/b/", "/b/"),
        ("b", "/w/b"),
        ("b/", "/w/b/"),
        (".", "/w/"),
        ("./", "/w/"),
        ("/", "/"),
        ("/b/.", "/b/"),
        ("../../..", "/"),
        ("/a/../b", "/b"),
        ("$D/x", "/d/x"),
    ],
)
def test_destinations(written, destination):
    found = one(f"COPY a {written}", "WORKDIR /w\nENV D=/d\n")
    assert found.destination == destination


@pytest.mark.parametrize(
    ("written", "source"),
    [
        (".", "/"),
        ("a/", "/a"),
        ("./a", "/a"),
        ("../a", "/a"),
        ("/a/../b*", "/b*"),
        ("$N", "/n"),
        ("a/./b", "/a/b"),
        ("[a-c]?", "/[a-c]?"),
    ],
)
def test_sources(written, source):
    assert one(f"COPY {written} /x/", "ENV N=n\n").sources == (source,)


@pytest.mark.parametrize(
    ("written", "source"),
    [("a/b", "/a/b"), ("./x/./y/*.c", "/x/./y/*.c"), ("a/./../b", "/a/./b"), ("./a", "/a")],
)
def test_the_pivot_of_parents_stays(written, source):
    found = one(f"COPY --parents {written} /x/")
    assert (found.sources, found.parents) == ((source,), True)
    plan = lowered(f"FROM base\nCOPY --parents {written} /x/")
    assert created_by(plan) == [f"COPY --parents {written} /x/ # buildkit"]


def test_several_sources_are_copied_one_after_the_other():
    found = actions("COPY a b* c/ /x/")
    assert [action.sources for action in found] == [("/a",), ("/b*",), ("/c",)]
    assert [action.allow_none for action in found] == [False, True, False]
    assert {action.input for action in found} == {1}


def test_several_sources_need_a_directory():
    for line in ("COPY a b /x", "ADD a b /x", "COPY <<A <<B /x\nA\nB"):
        word = line.split()[0]
        with pytest.raises(
            InvalidArgument,
            match=(
                f"^When using {word} with more than one source file, the destination must be a "
                "directory and end with a /\n"
            ),
        ):
            actions(line)


def test_owners_and_modes():
    assert one("COPY --chown=$U --chmod=0755 a /b", "ARG U=me:us\n").owner == "me:us"
    assert one("COPY --chmod=$M a /b", "ARG M=640\n").mode == "640"
    assert one("COPY a /b").owner == ""
    assert one("COPY --from=base a /b").owner == "keep"
    assert one("COPY --from=base --chown=1:2 a /b").owner == "1:2"


@pytest.mark.parametrize(
    "mode", ["0", "755", "4755", "7777", "u=rwX,go=rX", "+x", "a+rwx", "g=u", "u+x,g-w"]
)
def test_good_modes(mode):
    assert one(f"COPY --chmod={mode} a /b").mode == mode


@pytest.mark.parametrize("mode", ["8", "17777", "x", "u=rwz", "0x7", "u+x,", "99999999999"])
def test_bad_modes(mode):
    with pytest.raises(
        InvalidArgument,
        match=(
            f"^invalid chmod parameter: '{mode}'. it should be octal string and between 0 and 07777"
        ).replace("+", r"\+"),
    ):
        one(f"COPY --chmod={mode} a /b")


def test_excluded():
    assert one("COPY --exclude=*.md --exclude=$X a /b", "ENV X=tmp\n").exclude == ("*.md", "tmp")


def test_a_link_is_a_layer_of_its_own():
    plan = lowered("FROM base\nCOPY --link a /b")
    assert last(plan) == Merge()
    copied = plan.target.vertex.inputs[1].vertex
    assert copied.op.scratch
    assert copied.op.actions[0].input == 0
    assert plan.target.vertex.name == "[2/2] LINK COPY --link a /b"


@pytest.mark.parametrize("flags", ["--chown=name", "--chmod=755"])
def test_a_link_that_has_to_look_below_is_a_copy(flags):
    assert isinstance(last(lowered(f"FROM base\nCOPY --link {flags} a /b")), FileOp)


def test_a_link_on_nothing_needs_no_merge():
    plan = lowered("FROM scratch\nCOPY --link --chown=1:2 a /b")
    assert last(plan).scratch
    plan = lowered("FROM scratch\nCOPY a /b\nCOPY --link a /c")
    assert last(plan) == Merge()


def test_on_scratch_the_first_input_is_the_source():
    found = last(lowered("FROM scratch\nCOPY a /b"))
    assert (found.scratch, found.actions[0].input) == (True, 0)


def test_archives_are_unpacked_by_add_alone():
    assert one("ADD a.tgz /b").unpack
    assert not one("COPY a.tgz /b").unpack
    assert not one("ADD --unpack=false a.tgz /b").unpack
    assert one("ADD --unpack=true https://h/a.tgz /b").unpack
    assert not one("ADD https://h/a.tgz /b").unpack


def test_urls():
    plan = lowered(f"FROM base\nADD --checksum={SUM} https://h/$N.bin?x=1 /b")
    del plan
    plan = lowered(f"FROM base\nARG N=n\nADD --checksum={SUM} https://h/$N.bin?x=1 /b/")
    assert input_of(plan, 1) == HttpSource(
        url="https://h/n.bin?x=1", checksum=SUM, filename="n.bin"
    )
    assert last(plan).actions[0].sources == ("/n.bin",)
    assert created_by(plan)[-1] == "ADD https://h/n.bin?x=1 /b/ # buildkit"


def test_repositories():
    plan = lowered("FROM base\nADD --keep-git-dir=true https://h/r.git#v1:sub /b")
    assert input_of(plan, 1) == GitSource(
        url="https://h/r.git", ref="v1", subdirectory="sub", keep_git_dir=True
    )
    assert last(plan).actions[0].sources == ("/",)
    plan = lowered(f"FROM base\nADD --checksum={'a' * 40} git@h:r.git /b")
    assert input_of(plan, 1).checksum == "a" * 40


def test_a_directory_may_be_called_like_a_repository():
    assert one("COPY github.com/a/b /x").sources == ("/github.com/a/b",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("COPY https://h/a /b", "source can't be a URL for COPY"),
        ("COPY https://h/a.git /b", "source can't be a git ref for COPY"),
        (f"ADD --checksum={SUM} a /b", r"checksum requires HTTP\(S\) or Git sources"),
        (
            f"ADD --checksum={SUM} https://h/a https://h/b /b/",
            "checksum can't be specified for multiple sources",
        ),
        ("ADD --checksum=sha256:12 https://h/a /b", "invalid checksum digest length"),
        ("ADD --checksum=md5:12 https://h/a /b", "unsupported digest algorithm"),
        ("ADD https://h/r.git#--upload-pack=x /b", "invalid git"),
        ("COPY --from=$X a /b", "variable expansion is not supported for --from"),
    ],
)
def test_what_makes_no_sense_is_placed(line, message):
    with pytest.raises(InvalidArgument, match=rf"(?s)^{message}.*\nDockerfile:2:1\n"):
        actions(line)


def test_heredocs():
    plan = lowered('FROM base\nENV V=x\nCOPY --chown=1 <<A <<"B" a /d/\n$V "q"\nA\n$V\nB')
    copied = last(plan).actions
    assert [action.sources for action in copied] == [("/a",), ("/A",), ("/B",)]
    assert [action.input for action in copied] == [1, 2, 3]
    assert {action.owner for action in copied} == {"1"}
    contents = [edge.vertex.op.actions[0].content for edge in plan.target.vertex.inputs[2:]]
    assert contents == [b'x "q"\n', b"$V\n"]
    assert created_by(plan)[-1] == "COPY --chown=1 a <<A <<B /d/ # buildkit"


def test_a_workdir_is_made_by_the_images_user():
    plan = lowered(
        "FROM base\nUSER me:us\nWORKDIR a/$B\nWORKDIR ../c",
        images={"base": config(working_dir="/base", env=["B=b", "PATH=/"])},
    )
    assert last(plan) == FileOp(actions=(Making(path="/base/a/c", owner="me:us"),))
    assert plan.config.config.working_dir == "/base/a/c"
    assert created_by(plan)[1:] == ["WORKDIR /base/a/b", "WORKDIR /base/a/c"]


def test_the_root_need_not_be_made():
    plan = lowered("FROM base\nWORKDIR /\nWORKDIR ..")
    assert plan.config.config.working_dir == "/"
    assert plan.target == plan.base
    assert last(lowered("FROM scratch\nWORKDIR /x")) == FileOp(
        actions=(Making(path="/x"),), scratch=True
    )


def test_the_time_of_sources_goes_into_what_is_made():
    plan = lowered(
        "FROM base\nWORKDIR /x\nCOPY <<A a /y/\nA", build_args={"SOURCE_DATE_EPOCH": "7"}
    )
    assert {action.created_ns for action in last(plan).actions} == {7 * 10**9}
    assert input_of(plan, 0).actions[0].created_ns == 7 * 10**9
    assert input_of(plan, 2).actions[0].created_ns == 7 * 10**9
