"""`-e`, `--env-file`, `-l`, `--label-file`, and other `key=value` lists.

Values come from the command line, from files or from this process's environment, and go to the
engine in a request body only: never into a message (D15).
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["collect_environment", "collect_labels", "parse_key_value", "parse_map"]


def parse_key_value(text: str) -> tuple[str, str]:
    """Key and value of `KEY=VALUE`; the value may be missing."""
    key, _, value = text.partition("=")
    if not key:
        raise InvalidArgument(f"invalid key=value: '{text}'")
    return key, value


def parse_map(values: list[str], what: str) -> dict[str, str]:
    """A mapping of `KEY=VALUE` texts.

    Raises:
        InvalidArgument: one without a key or without `=`.
    """
    result: dict[str, str] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidArgument(f"invalid {what}: '{text}' must be formatted as key=value")
        result[key] = value
    return result


def collect_environment(
    files: list[str], values: list[str], environ: Mapping[str, str]
) -> list[str]:
    """Env for the API: the files in order, then the flags; a later one wins in the engine.

    Raises:
        InvalidArgument: a malformed line or flag.
    """
    result: list[str] = []
    for path in files:
        for line in _lines(path):
            name, equals, value = line.partition("=")
            _check_name(name, line, path)
            if equals:
                result.append(f"{name}={value}")
            elif name in environ:
                result.append(f"{name}={environ[name]}")
    for text in values:
        name, equals, _ = text.partition("=")
        if not name:
            raise InvalidArgument(f"invalid environment variable: {text}")
        result.append(f"{name}={environ[name]}" if not equals and name in environ else text)
    return result


def collect_labels(files: list[str], values: list[str]) -> dict[str, str]:
    """Labels of the files, then of the flags.

    Raises:
        InvalidArgument: a malformed line or flag.
    """
    result: dict[str, str] = {}
    for path in files:
        for line in _lines(path):
            name, _, value = line.partition("=")
            _check_name(name, line, path)
            result[name] = value
    for text in values:
        name, _, value = text.partition("=")
        if not name:
            raise InvalidArgument(f"invalid label '{text}': empty name")
        result[name] = value
    return result


def _check_name(name: str, line: str, path: str) -> None:
    if not name:
        raise InvalidArgument(f"invalid file ({path}): no variable name on line '{line}'")
    if any(c.isspace() for c in name):
        raise InvalidArgument(
            f"invalid file ({path}): variable '{name.lstrip()}' contains whitespaces"
        )


def _lines(path: str) -> list[str]:
    """The lines of a file that say something: no comments, no leading white space."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib is slow to load
            data = file.read()
    except OSError as err:
        raise InvalidArgument(f"open {path}: {(err.strerror or str(err)).lower()}") from err
    result: list[str] = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.removesuffix(b"\r").decode()
        except UnicodeDecodeError as err:
            raise InvalidArgument(
                f"invalid file ({path}): invalid utf8 bytes at line {number}"
            ) from err
        line = line.lstrip()
        if line and not line.startswith("#"):
            if "\0" in line:
                raise InvalidArgument(f"invalid file ({path}): NUL at line {number}")
            result.append(line)
    return result
