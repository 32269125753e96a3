"""COPY, ADD and WORKDIR to file operations.

See: Dockerfile reference, COPY and ADD; BuildKit, dockerfile2llb/convert_copy.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.api.glob import has_wildcard
from baleen.build.contexts.remote import is_git_url, parse_git_url
from baleen.build.dockerfile.expansion import expand_text
from baleen.build.dockerfile.instructions import Add, Copy
from baleen.build.graph import Copying, Edge, FileOp, GitSource, Making, Merge, Vertex, Writing
from baleen.build.lowering.context import http_source
from baleen.build.lowering.mounts import under
from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from baleen.build.dockerfile.instructions import Heredoc
    from baleen.build.graph import FileAction
    from baleen.build.lowering.stage import StageLowering

__all__ = ["lower_copy", "lower_workdir"]

_OCTAL = re.compile(r"[0-7]{1,8}")
_SYMBOLIC = re.compile(
    r"(?:[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*"
)
_NUMERIC_OWNER = re.compile(r"[0-9]+(?::[0-9]+)?|keep|")
_HTTP = ("http://", "https://")


def lower_workdir(stage: StageLowering, path: str) -> None:
    """Make the directory, as the user of the image, unless it is there."""
    draft = stage.draft
    directory = under(draft.execution.working_dir or "/", path)
    draft.change(working_dir=directory)
    before = stage.tree
    if directory != "/":
        making = Making(
            path=directory, owner=draft.execution.user or "", created_ns=stage.build.epoch_ns
        )
        operation = FileOp(actions=(making,), scratch=before is None)
        stage.set_tree(stage.vertex(operation, () if before is None else (before,)))
        draft.record(f"WORKDIR {directory}", before, stage.tree)
    else:
        draft.record("WORKDIR /")


def lower_copy(stage: StageLowering, instruction: Copy | Add) -> None:
    """Add the files."""
    _Copy(stage, instruction).lower()


class _Copy:
    def __init__(self, stage: StageLowering, instruction: Copy | Add) -> None:
        self._stage = stage
        self._instruction = instruction
        self._word = "ADD" if isinstance(instruction, Add) else "COPY"
        expand = stage.expand
        self._sources = [expand(word) for word in instruction.sources]
        self._target = expand(instruction.destination)
        self._chown = expand(instruction.chown)
        self._chmod = _checked_mode(expand(instruction.chmod))
        self._exclude = tuple(expand(word) for word in instruction.exclude)
        self._checksum = expand(instruction.checksum) if isinstance(instruction, Add) else ""
        self._parents = isinstance(instruction, Copy) and instruction.parents
        self._from = instruction.from_ if isinstance(instruction, Copy) else ""
        self._destination = self._resolved_destination()
        self._inputs: list[Edge] = []
        self._first = 0

    def lower(self) -> None:
        stage, before = self._stage, self._stage.tree
        self._check()
        owner = self._chown or ("keep" if self._from else "")
        # Names of owners are looked up in the tree below, which a layer of its own can not see.
        linked = (
            self._instruction.link
            and not self._chmod
            and _NUMERIC_OWNER.fullmatch(owner) is not None
        )
        on_base = before is not None and not linked
        self._first = 1 if on_base else 0
        actions: list[FileAction] = [self._source(source, owner) for source in self._sources]
        actions += [self._heredoc(heredoc, owner) for heredoc in self._instruction.heredocs]
        inputs = ((before,) if on_base and before is not None else ()) + tuple(self._inputs)
        vertex = stage.vertex(FileOp(actions=tuple(actions), scratch=not on_base), inputs)
        if linked and before is not None:
            vertex = Vertex(
                Merge(),
                (before, Edge(vertex)),
                name=vertex.name.replace("] ", "] LINK ", 1),
                place=vertex.place,
                ignore_cache=vertex.ignore_cache,
            )
        stage.set_tree(vertex)
        stage.draft.record(self._history(), before, stage.tree)

    # -- checks

    def _check(self) -> None:
        count = len(self._sources) + len(self._instruction.heredocs)
        if not count:
            raise InvalidArgument(f"{self._word} requires at least one source")
        if count > 1 and not self._destination.endswith("/"):
            raise InvalidArgument(
                f"When using {self._word} with more than one source file, the destination must be "
                "a directory and end with a /"
            )
        if self._checksum:
            if count != 1 or not self._sources:
                raise InvalidArgument("checksum can't be specified for multiple sources")
            if not self._sources[0].startswith(_HTTP) and not _is_git(self._sources[0]):
                raise InvalidArgument("checksum requires HTTP(S) or Git sources")

    def _resolved_destination(self) -> str:
        target = self._target
        path = under(self._stage.draft.execution.working_dir or "/", target)
        is_directory = target in {"", "."} or target.endswith(("/", "/."))
        return path if not is_directory or path == "/" else f"{path}/"

    # -- sources

    def _input(self, edge: Edge) -> int:
        for index, known in enumerate(self._inputs):
            if known.vertex.digest == edge.vertex.digest and known.output == edge.output:
                return self._first + index
        self._inputs.append(edge)
        return self._first + len(self._inputs) - 1

    def _source(self, source: str, owner: str) -> Copying:
        if _is_git(source):
            return self._git(source, owner)
        if source.startswith(_HTTP):
            return self._http(source, owner)
        return self._local(source, owner)

    def _git(self, source: str, owner: str) -> Copying:
        instruction = self._instruction
        if not isinstance(instruction, Add):
            raise InvalidArgument("source can't be a git ref for COPY")
        remote = parse_git_url(source)
        if remote.checksum and self._checksum not in {"", remote.checksum}:
            raise InvalidArgument(f'checksum mismatch "{self._checksum}" != "{remote.checksum}"')
        operation = GitSource(
            url=remote.url,
            ref=remote.ref,
            subdirectory=remote.subdirectory,
            keep_git_dir=instruction.keep_git_dir,
            checksum=self._checksum or remote.checksum,
        )
        vertex = self._stage.source_vertex(operation)
        return self._copying(Edge(vertex), "/", owner)

    def _http(self, source: str, owner: str) -> Copying:
        instruction = self._instruction
        if not isinstance(instruction, Add):
            raise InvalidArgument("source can't be a URL for COPY")
        if self._checksum:
            Digest(self._checksum)
        operation = http_source(source, self._checksum)
        vertex = self._stage.source_vertex(operation)
        unpack = bool(instruction.unpack)
        return self._copying(Edge(vertex), f"/{operation.filename}", owner, unpack=unpack)

    def _local(self, source: str, owner: str) -> Copying:
        instruction, stage = self._instruction, self._stage
        tree = stage.source_tree(self._from) if self._from else stage.build.main_context
        unpack = False
        if isinstance(instruction, Add):
            unpack = True if instruction.unpack is None else instruction.unpack
        if tree is None:
            tree = Edge(Vertex(FileOp(actions=(), scratch=True), name="[internal] scratch"))
        return self._copying(
            tree, self._path(source), owner, unpack=unpack, allow_none=has_wildcard(source)
        )

    def _path(self, source: str) -> str:
        """Return a source as an absolute path; the pivot of --parents stays in it as `/./`."""
        if self._parents:
            head, pivot, tail = source.partition("/./")
            if pivot:
                return f"{under('/', head).rstrip('/')}/./{under('/', tail)[1:]}"
        return under("/", source)

    def _copying(
        self, edge: Edge, source: str, owner: str, *, unpack: bool = False, allow_none: bool = False
    ) -> Copying:
        return Copying(
            input=self._input(edge),
            sources=(source,),
            destination=self._destination,
            owner=owner,
            mode=self._chmod,
            unpack=unpack,
            parents=self._parents,
            exclude=self._exclude,
            allow_none=allow_none,
            created_ns=self._stage.build.epoch_ns,
        )

    def _heredoc(self, heredoc: Heredoc, owner: str) -> Copying:
        content = heredoc.content
        if heredoc.expand:
            content = expand_text(content, self._stage.scope.variables)
        writing = Writing(
            path=under("/", heredoc.name),
            content=content.encode(),
            created_ns=self._stage.build.epoch_ns,
        )
        vertex = Vertex(
            FileOp(actions=(writing,), scratch=True), name="[internal] preparing inline document"
        )
        return self._copying(Edge(vertex), writing.path, owner)

    def _history(self) -> str:
        words = [self._word]
        if self._parents:
            words.append("--parents")
        if self._chown:
            words.append(f"--chown={self._chown}")
        if self._chmod:
            words.append(f"--chmod={self._chmod}")
        words += self._sources
        words += (f"<<{heredoc.name}" for heredoc in self._instruction.heredocs)
        return " ".join([*words, self._target, "# buildkit"])


def _is_git(source: str) -> bool:
    """Say whether a source is a repository: `github.com/x` may well be a directory."""
    return is_git_url(source) and not source.startswith("github.com/")


def _checked_mode(mode: str) -> str:
    if not mode or _SYMBOLIC.fullmatch(mode):
        return mode
    if _OCTAL.fullmatch(mode) is None or int(mode, 8) > 0o7777:
        raise InvalidArgument(
            f"invalid chmod parameter: '{mode}'. it should be octal string and between 0 and 07777"
        )
    return mode
