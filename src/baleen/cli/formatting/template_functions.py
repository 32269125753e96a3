"""Functions of templates: Go's own and those that the Docker CLI adds."""

from __future__ import annotations

from baleen.cli.formatting.rows import Row
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonValue

__all__ = ["FUNCTIONS", "truth", "value_text"]


def truth(value: JsonValue) -> bool:
    """Whether Go takes the value for true: not false, 0, nil, or empty."""
    return isinstance(value, Row) or bool(value)


def value_text(value: JsonValue) -> str:
    """The value as Go's `%v` writes it."""
    if value is None:
        return "<no value>"
    return _text(value)


def _text(value: JsonValue) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, list):
        return "[" + " ".join(map(_text, value)) + "]"
    if isinstance(value, Row):
        value = value.as_json()
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_text(value[k])}" for k in sorted(value)) + "]"
    return str(value)


def _float_text(value: float) -> str:
    return repr(value).removesuffix(".0")


def _json(value: JsonValue) -> str:
    import json

    if isinstance(value, Row):
        value = value.as_json()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, Row):
        return value.as_json()
    raise InvalidArgument(f"cannot show {type(value).__name__} as JSON")


def _printf(form: JsonValue, *values: JsonValue) -> str:
    result: list[str] = []
    rest = list(values)
    text = str(form)
    position = 0
    while position < len(text):
        percent = text.find("%", position)
        if percent < 0 or percent + 1 == len(text):
            break
        result.append(text[position:percent])
        end = percent + 1
        while end < len(text) and text[end] in "+-# 0123456789.":
            end += 1
        verb, flags = text[end : end + 1], text[percent + 1 : end]
        position = end + 1
        if verb == "%":
            result.append("%")
        elif not rest:
            result.append(f"%!{verb}(MISSING)")
        else:
            result.append(_verb(verb, flags, rest.pop(0)))
    result.append(text[position:])
    return "".join(result)


def _verb(verb: str, flags: str, value: JsonValue) -> str:
    width_text = flags.lstrip("+-# ")
    if len(width_text) > 6:
        raise InvalidArgument("width in printf is too large")
    left = "-" in flags
    if verb in "dxXob" and isinstance(value, int):
        text = format(value, verb)
    elif verb in "feEgG" and isinstance(value, (int, float)):
        precision = width_text.partition(".")[2]
        text = format(float(value), f".{precision or 6}{verb}")
        width_text = width_text.partition(".")[0]
    elif verb == "q":
        import json

        text = json.dumps(str(value), ensure_ascii=False)
    elif verb in "sv":
        text = _text(value)
        limit = width_text.partition(".")[2]
        text = text[: int(limit)] if limit.isdigit() else text
        width_text = width_text.partition(".")[0]
    elif verb == "t" and isinstance(value, bool):
        text = _text(value)
    else:
        return f"%!{verb}({_text(value)})"
    width = int(width_text) if width_text.isascii() and width_text.isdigit() else 0
    if width_text.startswith("0") and not left:
        return text.zfill(width)
    return text.ljust(width) if left else text.rjust(width)


def _index(value: JsonValue, *keys: JsonValue) -> JsonValue:
    for key in keys:
        if isinstance(value, dict):
            # Go's zero value: the empty string where the map holds strings.
            texts = all(isinstance(item, str) for item in value.values())
            value = value.get(str(key), "" if texts else None)
        elif isinstance(value, (list, str)):
            if not isinstance(key, int) or isinstance(key, bool):
                raise InvalidArgument(f'cannot index with "{_text(key)}"')
            if not 0 <= key < len(value):
                raise InvalidArgument(f"index out of range: {key}")
            value = value[key]
        elif value is None:
            raise InvalidArgument("index of nil pointer")
        else:
            raise InvalidArgument(f"cannot index {_text(value)}")
    return value


def _length(value: JsonValue) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, (list, dict)):
        return len(value)
    raise InvalidArgument(f"len of {_text(value)}")


def _slice(value: JsonValue, *bounds: JsonValue) -> JsonValue:
    if not isinstance(value, (str, list)) or len(bounds) > 2:
        raise InvalidArgument("can't slice item")
    low = bounds[0] if bounds else 0
    high = bounds[1] if len(bounds) > 1 else len(value)
    if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high <= len(value)):
        raise InvalidArgument("slice index out of range")
    return value[low:high]


def _print(*values: JsonValue) -> str:
    result = ""
    previous: JsonValue = ""
    for position, value in enumerate(values):
        # Go puts a space between two operands of which neither is a string.
        if position and not isinstance(value, str) and not isinstance(previous, str):
            result += " "
        result += _text(value)
        previous = value
    return result


def _join(values: JsonValue, separator: JsonValue = "") -> str:
    if isinstance(values, str):
        # Docker's signature is join LIST SEPARATOR; in a pipeline the list comes last.
        values, separator = separator, values
    return str(separator).join(map(_text, values or []))


def _compare(sign: str) -> Callable[..., bool]:
    def compare(left: JsonValue, right: JsonValue) -> bool:
        number = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if not number and not (isinstance(left, str) and isinstance(right, str)):
            raise InvalidArgument("incompatible types for comparison")
        if sign == "lt":
            return bool(left < right)
        if sign == "le":
            return bool(left <= right)
        if sign == "gt":
            return bool(left > right)
        return bool(left >= right)

    return compare


def _equal(left: JsonValue, *others: JsonValue) -> bool:
    if not others:
        raise InvalidArgument("missing argument for comparison")
    return any(
        left == other and isinstance(left, bool) == isinstance(other, bool) for other in others
    )


def _pad(text: JsonValue, before: JsonValue, after: JsonValue) -> str:
    if not all(isinstance(n, int) and 0 <= n <= 10_000 for n in (before, after)):
        raise InvalidArgument("pad takes two small numbers")
    return " " * before + str(text) + " " * after if text else ""


def _url_query(value: JsonValue) -> str:
    from baleen.client.http import quote

    return quote(_text(value)).replace("%20", "+")


def _html(value: JsonValue) -> str:
    import html

    return html.escape(_text(value)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


FUNCTIONS: dict[str, Callable[..., JsonValue]] = {
    "eq": _equal,
    "ge": _compare("ge"),
    "gt": _compare("gt"),
    "html": _html,
    "index": _index,
    "join": _join,
    "json": _json,
    "le": _compare("le"),
    "len": _length,
    "lower": lambda text: str(text).lower(),
    "lt": _compare("lt"),
    "ne": lambda left, right: not _equal(left, right),
    "not": lambda value: not truth(value),
    "pad": _pad,
    "print": _print,
    "printf": _printf,
    "println": lambda *values: " ".join(map(_text, values)) + "\n",
    "slice": _slice,
    "split": lambda text, separator: str(text).split(str(separator) or None),
    "title": lambda text: str(text).title(),
    "truncate": lambda text, size: str(text)[:size],
    "upper": lambda text: str(text).upper(),
    "urlquery": _url_query,
}
