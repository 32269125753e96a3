"""`-e`, `--env-file`, `-l`, `--label-file`, and other `key=value` lists.

Values come from the command line, from files or from this process's environment, and go to the
engine in a request body only: never into a message (D15).
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "check_label",
    "check_sysctl",
    "check_variable",
    "collect_environment",
    "collect_labels",
    "collect_map",
    "parse_map",
]


def check_variable(text: str) -> str:
    """One `-e`, if it names a variable."""
    if not text.partition("=")[0]:
        raise InvalidArgument(f"invalid environment variable: {text}")
    return text


def check_label(text: str) -> str:
    """One `-l`, if it has a name."""
    if not text.partition("=")[0]:
        raise InvalidArgument(f"invalid label '{text}': empty name")
    return text


def check_sysctl(text: str) -> str:
    """One `--sysctl`; which ones are allowed is the engine's to say."""
    key, equals, _ = text.partition("=")
    if not key or not equals:
        raise InvalidArgument(f"sysctl '{text}' is not allowed")
    return text


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


def collect_map(values: list[str]) -> dict[str, str]:
    """A mapping of texts; one without `=` has an empty value, and the engine judges it."""
    return {key: value for key, _, value in (text.partition("=") for text in values)}


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
        with open(path, "rb") as file:  # pathlib is slow to load
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
