"""The part of Go's text/template that Docker's users write in `--format`.

    {{.A.B}}  {{.Method "x"}}  {{json .}}  pipelines  $variables
    {{if}} {{else if}} {{else}} {{with}} {{range $k, $v := .X}} {{break}} {{continue}} {{end}}

A template is parsed into nodes once and rendered for each row. Data are JSON values and `Row`s. A
key that is missing is an error, as with Docker, so that a typing mistake shows.
"""

from __future__ import annotations

from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.template_functions import FUNCTIONS, truth, value_text
from baleen.cli.formatting.template_lexer import Token, split_actions, template_error, tokenize
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.client.models import JsonValue

    Expression = Callable[["Scope"], JsonValue]
    Node = Callable[["Scope", list[str]], None]

__all__ = ["Template", "compile_template"]

_MAX_DEPTH = 100
_KEYWORDS = {"if", "else", "end", "range", "with", "break", "continue"}


class Scope:
    """The dot and the variables at one place."""

    __slots__ = ("dot", "variables")

    def __init__(self, dot: JsonValue, variables: dict[str, JsonValue]) -> None:
        self.dot = dot
        self.variables = variables


class _Break(Exception):
    """Leave the innermost range."""


class _Continue(Exception):
    """Go on with the next element."""


class Template:
    """A parsed template."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes

    def render(self, data: JsonValue) -> str:
        """The template's text for `data`.

        Raises:
            InvalidArgument: an unknown field or a wrong argument.
        """
        out: list[str] = []
        try:
            _run(self._nodes, Scope(data, {"$": data}), out)
        except (_Break, _Continue):
            raise template_error("break or continue outside of range") from None
        except InvalidArgument as err:
            if err.message.startswith("template"):
                raise
            raise template_error(f'executing "": {err.message}') from err
        except (TypeError, AttributeError) as err:
            raise template_error(f'executing "": wrong arguments: {err}') from err
        return "".join(out)


def compile_template(text: str) -> Template:
    """Parse a template.

    Raises:
        InvalidArgument: with the words that Docker begins its template errors with.
    """
    parser = _Parser(list(split_actions(text)))
    nodes, end = parser.block(depth=0)
    if end:
        raise template_error(f"unexpected {{{{{end}}}}}")
    return Template(nodes)


def _run(nodes: list[Node], scope: Scope, out: list[str]) -> None:
    for node in nodes:
        node(scope, out)


class _Parser:
    """Recursive descent over the pieces of a template."""

    def __init__(self, pieces: list[tuple[bool, str]]) -> None:
        self._pieces = pieces
        self._position = 0

    def block(self, *, depth: int) -> tuple[list[Node], str]:
        """Nodes up to `end`, `else` or the end of the text; and which it was."""
        if depth > _MAX_DEPTH:
            raise template_error("nested too deep")
        nodes: list[Node] = []
        while self._position < len(self._pieces):
            is_action, text = self._pieces[self._position]
            self._position += 1
            if not is_action:
                nodes.append(lambda _scope, out, text=text: out.append(text))  # type: ignore[misc]  # a default argument binds the value
                continue
            tokens = tokenize(text)
            if not tokens:
                raise template_error("missing value for command")
            head = tokens[0].text if tokens[0].kind == "name" else ""
            if head in {"end", "else"}:
                return nodes, text
            nodes.append(self._action(head, tokens, depth))
        return nodes, ""

    def _action(self, head: str, tokens: list[Token], depth: int) -> Node:
        if head in {"if", "with"}:
            return self._conditional(tokens[1:], depth, rebind=head == "with")
        if head == "range":
            return self._range(tokens[1:], depth)
        if head in {"break", "continue"} and len(tokens) == 1:
            return _breaker(head)
        names, assign, rest = _declaration(tokens)
        if len(names) > 1:
            raise template_error("too many declarations")
        expression = _pipeline(rest)
        if assign:
            return _assignment(names[0], expression)
        return lambda scope, out: out.append(value_text(expression(scope)))

    def _body(self, what: str, depth: int) -> tuple[list[Node], list[Node]]:
        """The nodes of a block and of its else branch."""
        nodes, end = self.block(depth=depth + 1)
        if not end:
            raise template_error("unexpected EOF")
        if end == "end":
            return nodes, []
        chain = tokenize(end)[1:]
        if chain:
            if chain[0].text not in {"if", "with"} or what == "range":
                raise template_error(f"unexpected <{chain[0].text}> in else")
            return nodes, [self._conditional(chain[1:], depth + 1, rebind=chain[0].text == "with")]
        other, end = self.block(depth=depth + 1)
        if end != "end":
            raise template_error("expected end after else")
        return nodes, other

    def _conditional(self, tokens: list[Token], depth: int, *, rebind: bool) -> Node:
        names, assign, rest = _declaration(tokens)
        expression = _pipeline(rest)
        nodes, other = self._body("with" if rebind else "if", depth)

        def run(scope: Scope, out: list[str]) -> None:
            value = expression(scope)
            inner = Scope(scope.dot, dict(scope.variables)) if assign else scope
            if assign:
                inner.variables[names[0]] = value
            if truth(value):
                _run(nodes, Scope(value, inner.variables) if rebind else inner, out)
            else:
                _run(other, inner, out)

        return run

    def _range(self, tokens: list[Token], depth: int) -> Node:
        names, _, rest = _declaration(tokens)
        expression = _pipeline(rest)
        nodes, other = self._body("range", depth)

        def run(scope: Scope, out: list[str]) -> None:
            empty = True
            for key, value in _elements(expression(scope)):
                empty = False
                variables = scope.variables
                if names:
                    variables = dict(variables)
                    variables[names[-1]] = value
                    if len(names) == 2:
                        variables[names[0]] = key
                try:
                    _run(nodes, Scope(value, variables), out)
                except _Break:
                    break
                except _Continue:
                    continue
            if empty:
                _run(other, scope, out)

        return run


def _breaker(word: str) -> Node:
    def run(_scope: Scope, _out: list[str]) -> None:
        raise _Break if word == "break" else _Continue

    return run


def _assignment(name: str, expression: Expression) -> Node:
    def run(scope: Scope, _out: list[str]) -> None:
        scope.variables[name] = expression(scope)

    return run


def _elements(value: JsonValue) -> Iterator[tuple[JsonValue, JsonValue]]:
    if value is None:
        return iter(())
    if isinstance(value, dict):
        return iter([(key, value[key]) for key in sorted(value)])
    if isinstance(value, list):
        return iter(list(enumerate(value)))
    raise InvalidArgument(f"range can't iterate over {value_text(value)}")


def _declaration(tokens: list[Token]) -> tuple[list[str], bool, list[Token]]:
    """Variables in front of `:=` or `=`, whether there is one, and the rest."""
    signs = [t.kind for t in tokens[:4]]
    if signs[:2] in (["variable", ":="], ["variable", "="]):
        return [tokens[0].text], True, tokens[2:]
    if signs == ["variable", ",", "variable", ":="]:
        return [tokens[0].text, tokens[2].text], True, tokens[4:]
    return [], False, tokens


def _pipeline(tokens: list[Token]) -> Expression:
    """An expression for `command | command | ...`; each result is the next one's last argument."""
    commands: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.kind, 0)
        if token.kind == "|" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(token)
    if depth or not all(commands):
        raise template_error("unclosed left paren" if depth else "missing value for command")
    current: Expression | None = None
    for command in commands:
        current = _command(command, current)
    assert current is not None
    return current


def _command(tokens: list[Token], piped: Expression | None) -> Expression:
    operands: list[tuple[str, Expression, list[str]]] = []
    position = 0
    while position < len(tokens):
        position, operand = _operand(tokens, position)
        operands.append(operand)
    name, first, chain = operands[0]
    arguments = [_chained(expression, path) for _, expression, path in operands[1:]]
    if piped is not None:
        arguments.append(piped)
    if name in {"and", "or"}:
        return _logic(name, arguments)
    if name in FUNCTIONS:
        function = FUNCTIONS[name]
        return lambda scope: function(*[argument(scope) for argument in arguments])
    if name:
        raise template_error(f'function "{name}" not defined')
    if not arguments:
        return _chained(first, chain)
    if not chain:
        raise template_error("can't give argument to non-function")
    return _method(_chained(first, chain[:-1]), chain[-1], arguments)


def _operand(tokens: list[Token], position: int) -> tuple[int, tuple[str, Expression, list[str]]]:
    """One argument with the fields that follow it directly: (function name, value, fields)."""
    token = tokens[position]
    position += 1
    name, chain = "", []
    expression: Expression
    if token.kind == "field":
        expression = _dot
        chain = [token.text] if token.text else []
    elif token.kind == "variable":
        expression = _variable(token.text)
    elif token.kind == "string":
        expression = _constant(token.text)
    elif token.kind == "number":
        expression = _constant(_number(token.text))
    elif token.kind == "(":
        end = _closing(tokens, position)
        expression = _pipeline(tokens[position:end])
        position = end + 1
    elif token.kind == "name" and token.text in {"true", "false", "nil"}:
        expression = _constant({"true": True, "false": False, "nil": None}[token.text])
    elif token.kind == "name" and token.text not in _KEYWORDS:
        name, expression = token.text, _dot
    else:
        raise template_error(f"unexpected <{token.text}> in operand")
    while (
        position < len(tokens) and tokens[position].kind == "field" and not tokens[position].spaced
    ):
        chain.append(tokens[position].text)
        position += 1
    return position, (name, expression, chain)


def _dot(scope: Scope) -> JsonValue:
    return scope.dot


def _constant(value: JsonValue) -> Expression:
    return lambda _scope: value


def _variable(name: str) -> Expression:
    def get(scope: Scope) -> JsonValue:
        if name not in scope.variables:
            raise template_error(f'undefined variable "{name}"')
        return scope.variables[name]

    return get


def _number(text: str) -> int | float:
    body = text.lstrip("+-")
    digits = body.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(text) < 30):
        raise template_error(f"bad number syntax: {text!r}")
    return float(text) if "." in body else int(text)


def _closing(tokens: list[Token], position: int) -> int:
    depth = 1
    for index in range(position, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[index].kind, 0)
        if depth == 0:
            return index
    raise template_error("unclosed left paren")


def _logic(name: str, arguments: list[Expression]) -> Expression:
    if not arguments:
        raise template_error(f"wrong number of args for {name}")

    def run(scope: Scope) -> JsonValue:
        value: JsonValue = None
        for argument in arguments:
            value = argument(scope)
            if truth(value) == (name == "or"):
                break
        return value

    return run


def _chained(expression: Expression, chain: list[str]) -> Expression:
    if not chain:
        return expression

    def run(scope: Scope) -> JsonValue:
        value = expression(scope)
        for name in chain:
            value = _field(value, name)
        return value

    return run


def _method(receiver: Expression, name: str, arguments: list[Expression]) -> Expression:
    def run(scope: Scope) -> JsonValue:
        value = receiver(scope)
        if not isinstance(value, Row) or name not in value.methods:
            raise InvalidArgument(f"{name} is not a method but has arguments")
        return value.methods[name](*[str(argument(scope)) for argument in arguments])

    return run


def _field(value: JsonValue, name: str) -> JsonValue:
    if isinstance(value, Row):
        try:
            return value.get(name)
        except KeyError:
            raise InvalidArgument(f"can't evaluate field {name} in type {value.kind}") from None
    if isinstance(value, dict):
        if name in value:
            return value[name]
        # Go's field names differ from the wire's only in capitals (ID and Id, HostIP and HostIp).
        if name[:1].isupper():
            folded = name.lower()
            for key in value:
                if key.lower() == folded:
                    return value[key]
        elif all(isinstance(item, str) for item in value.values()):
            return None  # a map of strings (labels), not a structure
        raise InvalidArgument(f'at <.{name}>: map has no entry for key "{name}"')
    if value is None:
        raise InvalidArgument(f"nil data; no entry for key {name!r}")
    raise InvalidArgument(f"can't evaluate field {name} in type {type(value).__name__}")
