"""Go template text cut into literal text and actions, and actions into tokens.

See: the documentation of Go's text/template, sections Actions, Arguments, Text and spaces.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Token", "split_actions", "template_error", "tokenize"]

_SPACE = " \t\r\n"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPES |= {'"': '"', "'": "'", "\\": "\\"}
_MAX_LENGTH = 64 * 1024


class Token:
    """One token: kind is "field", "variable", "name", "string", "number" or the sign itself."""

    __slots__ = ("kind", "spaced", "text")

    def __init__(self, kind: str, text: str, *, spaced: bool) -> None:
        self.kind = kind
        self.text = text
        self.spaced = spaced


def template_error(what: str) -> InvalidArgument:
    """An error with the words that Go puts before a template's."""
    return InvalidArgument(f"template: :1: {what}")


def split_actions(text: str) -> Iterator[tuple[bool, str]]:
    """Pairs of (is action, text); trims around `{{-` and `-}}`; comments vanish.

    Raises:
        InvalidArgument: an action that does not end.
    """
    if len(text) > _MAX_LENGTH:
        raise template_error("template is too long")
    position = 0
    trim_next = False
    while True:
        start = text.find("{{", position)
        literal = text[position:] if start < 0 else text[position:start]
        if trim_next:
            literal = literal.lstrip(_SPACE)
        if start < 0:
            if literal:
                yield False, literal
            return
        begin = start + 2
        if text[begin : begin + 1] == "-" and text[begin + 1 : begin + 2] in {*_SPACE}:
            literal = literal.rstrip(_SPACE)
            begin += 2
        if literal:
            yield False, literal
        end = _action_end(text, begin)
        body = text[begin:end]
        trim_next = body.endswith("-") and body[-2:-1] in {*_SPACE}
        body = (body[:-1] if trim_next else body).strip(_SPACE)
        position = end + 2
        if body.startswith("/*"):
            if not body.endswith("*/") or len(body) < 4:
                raise template_error("unclosed comment")
            continue
        yield True, body


def _action_end(text: str, begin: int) -> int:
    """Where the `}}` of an action is, outside of its strings."""
    position = begin
    if text[begin:].lstrip(_SPACE).startswith("/*"):
        end = text.find("}}", text.find("*/", begin))
        if end < 0 or text.find("*/", begin) < 0:
            raise template_error("unclosed comment")
        return end
    while position < len(text):
        char = text[position]
        if char in "\"'`":
            position = _string_end(text, position)
        elif text.startswith("}}", position):
            return position
        else:
            position += 1
    raise template_error("unclosed action")


def _string_end(text: str, start: int) -> int:
    """The position behind the string that begins at `start`."""
    mark = text[start]
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == "\\" and mark != "`":
            position += 2
            continue
        if char == mark:
            return position + 1
        if char == "\n" and mark != "`":
            break
        position += 1
    raise template_error("unterminated quoted string")


def tokenize(action: str) -> list[Token]:
    """The tokens of one action.

    Raises:
        InvalidArgument: a character that begins no token.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(action):
        char = action[position]
        if char in _SPACE:
            position += 1
            continue
        spaced = position == 0 or action[position - 1] in _SPACE
        if char in "\"'`":
            end = _string_end(action, position)
            tokens.append(Token("string", _unquote(action[position:end]), spaced=spaced))
        elif action.startswith(":=", position):
            end = position + 2
            tokens.append(Token(":=", ":=", spaced=spaced))
        elif char in "|(),=":
            end = position + 1
            tokens.append(Token(char, char, spaced=spaced))
        else:
            end, token = _word(action, position, spaced=spaced)
            tokens.append(token)
        position = end
    return tokens


def _word(action: str, position: int, *, spaced: bool) -> tuple[int, Token]:
    char = action[position]
    end = position + 1
    while end < len(action) and (action[end].isalnum() or action[end] == "_"):
        end += 1
    word = action[position:end]
    if char == ".":
        return end, Token("field", word[1:], spaced=spaced)
    if char == "$":
        return end, Token("variable", word, spaced=spaced)
    if char.isalpha() or char == "_":
        return end, Token("name", word, spaced=spaced)
    if char.isdigit() or char in "+-":
        while end < len(action) and (action[end].isalnum() or action[end] == "."):
            end += 1
        return end, Token("number", action[position:end], spaced=spaced)
    raise template_error(f"unexpected {char!r} in action")


def _unquote(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    result: list[str] = []
    position = 1
    while position < len(text) - 1:
        char = text[position]
        position += 1
        if char != "\\":
            result.append(char)
            continue
        escape = text[position]
        size = {"x": 2, "u": 4, "U": 8}.get(escape, 0)
        digits = text[position + 1 : position + 1 + size]
        if size and len(digits) == size and all(d in "0123456789abcdefABCDEF" for d in digits):
            code = int(digits, 16)
            if code > 0x10FFFF:
                raise template_error(f"invalid escape \\{escape}{digits}")
            result.append(chr(code))
        elif escape in _ESCAPES:
            result.append(_ESCAPES[escape])
        else:
            raise template_error(f"invalid escape \\{escape}")
        position += 1 + size
    return "".join(result)
