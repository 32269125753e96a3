"""Classes that only hold fields, made without the modules `dataclasses` and `typing`.

Those two load `inspect`, `ast`, `re` and twenty more: two megabytes that every process forked from
the zygote would share, copy in part, and never use. `record` is to a type checker what
`dataclasses.dataclass` is, and does at run time what is needed of it: slots, __init__, equality,
hash, a text, and the refusal to change what is frozen.
"""

# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204  # what a checker sees is dataclasses

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict, field, replace
    from dataclasses import dataclass as record
else:

    class _Factory:
        """A default that is made anew for each record."""

        __slots__ = ("make",)

        def __init__(self, make):
            self.make = make

    def field(*, default_factory):
        """A default that is made by a call."""
        return _Factory(default_factory)

    def record(*, frozen=False, slots):
        """Decorate a class: its annotations are the fields, in order, its values the defaults."""
        assert slots

        def make(cls):
            names = tuple(cls.__annotations__)
            defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
            body = {key: value for key, value in cls.__dict__.items() if key not in defaults}
            for key in ("__dict__", "__weakref__"):
                body.pop(key, None)
            body["__slots__"] = names
            body["__init__"] = _constructor(cls, names, defaults, frozen)
            if frozen:
                body["__setattr__"] = body["__delattr__"] = _refuse
            body.setdefault("__eq__", _equals)
            body.setdefault("__hash__", _hash if frozen else None)
            body.setdefault("__repr__", _text)
            return type(cls)(cls.__name__, cls.__bases__, body)

        return make

    def _constructor(cls, names, defaults, frozen):
        """A function with the fields as parameters, as fast as one written by hand."""
        scope = {"__builtins__": {}, "__name__": cls.__module__, "_unset": _UNSET}
        scope["_set"] = object.__setattr__
        parameters, lines = [], []
        for name in names:
            value, default = name, ""
            if isinstance(defaults.get(name), _Factory):
                scope[f"_make_{name}"] = defaults[name].make
                value, default = f"_make_{name}() if {name} is _unset else {name}", "=_unset"
            elif name in defaults:
                scope[f"_default_{name}"] = defaults[name]
                default = f"=_default_{name}"
            parameters.append(name + default)
            lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
        source = f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines)
        exec(source, scope)  # noqa: S102  # our own field names only, at import
        function = scope["__init__"]
        function.__qualname__ = f"{cls.__qualname__}.__init__"
        return function

    _UNSET = object()

    def _refuse(self, name, *_value):
        raise AttributeError(f"{type(self).__qualname__}.{name} is not to be changed")

    def _values(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def _equals(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _values(self) == _values(other)

    def _hash(self):
        return hash(_values(self))

    def _text(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__qualname__}({fields})"

    def replace(obj, **changes):
        """A copy of a record with some fields changed."""
        return type(obj)(**{name: getattr(obj, name) for name in obj.__slots__} | changes)

    def asdict(obj):
        """The fields of a record by name, values as they are."""
        return {name: getattr(obj, name) for name in obj.__slots__}


__all__ = ["asdict", "field", "record", "replace"]
