"""Configurations as plain data and back: typed by their dataclasses, tagged by registry names.

A configuration is a frozen dataclass with a docstring under each field. On disk it is JSON; where a
field may hold one of several classes (a mixer, a model), the JSON carries `"type"`, a name from a
registry. An import path is never read from a file.
"""

import ast
import dataclasses
import difflib
import importlib
import inspect
import json
import pkgutil
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from runnel.errors import InputError

T = TypeVar("T")

_REGISTRIES: dict[type, Mapping[str, type]] = {}
_LONGEST = 400
"""characters of a message; what a file holds may be longer"""
_EXPECTED = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def registry(package: types.ModuleType, base: Any) -> dict[str, Any]:
    """The concrete classes below `base` in the modules of `package`, by name; one walk, no list.

    Fields of type `base` may from then on hold any of them, tagged by that name.
    """
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        members: list[Any] = list(vars(module).values())
        for cls in members:  # any attribute may be a class
            if inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls):
                found[getattr(cls, "name")] = cls  # noqa: B009 - mypy knows no name of a type
    found = dict(sorted(found.items()))
    _REGISTRIES[base] = found
    return found


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the closest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"


def look_up(kind: str, name: str, registry: Mapping[str, T]) -> T:
    """The entry of that name, or an InputError with a suggestion."""
    if name not in registry:
        raise InputError(f"expected the name of a {kind}; got {name!r}; {suggest(name, registry)}")
    return registry[name]


def to_plain(config: Any) -> dict[str, Any]:
    """The configuration as JSON-ready dicts, lists, numbers and texts."""
    return _STRICT.unstructure(config)


def leaves(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of what `to_plain` gave with its dotted path; a list of values counts as one."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(plain, list) and any(isinstance(value, (dict, list)) for value in plain):
        for i, value in enumerate(plain):
            yield from leaves(value, f"{path}.{i}")
    else:
        yield path, plain


def from_plain(cls: type[T], plain: Any, where: str = "config.json") -> T:
    """The configuration of class `cls` that `to_plain` wrote; InputError names field and fault."""
    return _structure(_STRICT, cls, plain, where)


def override(config: T, assignments: Iterable[str]) -> T:
    """The configuration with fields set from texts such as `model.dim=128`, typed by the field."""
    plain = to_plain(config)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"expected FIELD=VALUE; got {assignment!r}; try model.dim=128")
        *parents, last = path.split(".")
        inner: Any = plain
        for depth, part in enumerate([*parents, last]):
            key: Any = part
            if isinstance(inner, list) and part.isdigit() and int(part) < len(inner):
                key = int(part)
            elif not isinstance(inner, dict) or part not in inner or part == "type":
                names = [name for name, *_ in fields(config)]
                raise InputError(
                    f"expected a field of the recipe; got {path!r}; {suggest(path, names)}"
                )
            if depth == len(parents):
                inner[key] = _written(path, text, inner[key])
            else:
                inner = inner[key]
    return _structure(_LENIENT, type(config), plain, "--set")


def _written(path: str, text: str, before: Any) -> Any:
    """What a text sets: a list or an object that is written as JSON, or the text, typed later."""
    if not isinstance(before, (list, dict)) or not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(
            f"--set: {path}: expected JSON, because of the bracket; got {text!r}: {error}; "
            "check its quotes and commas"
        ) from None


class Field(NamedTuple):
    """One field of a configuration, for people to read."""

    path: str
    value: Any
    kind: str
    meaning: str


def fields(config: Any, prefix: str = "") -> Iterator[Field]:
    """Every leaf field below `config` with its dotted path, value, type and docstring."""
    meanings = _docstrings(type(config))  # type: ignore[arg-type]  # classes can be hashed
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value, path = getattr(config, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            yield from fields(value, path + ".")
        elif isinstance(value, tuple) and any(dataclasses.is_dataclass(v) for v in value):
            names = ",".join(getattr(v, "name", "?") for v in value)
            yield Field(path, names, "list of names", meanings.get(item.name, ""))
            for i, member in enumerate(value):
                yield from fields(member, f"{path}.{i}.")
        else:
            kind = hints[item.name]
            kind = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
            yield Field(path, value, kind, meanings.get(item.name, ""))


@cache
def _docstrings(cls: type) -> dict[str, str]:
    """The string literal under each field of the class and its bases, whitespace folded."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)
        for name, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(name, ast.AnnAssign) and isinstance(text, ast.Expr):
                assert isinstance(name.target, ast.Name)
                assert isinstance(text.value, ast.Constant)
                found[name.target.id] = " ".join(str(text.value.value).split())
    return found


def _structure(converter: Converter, cls: type[T], plain: Any, where: str) -> T:
    try:
        return converter.structure(plain, cls)
    except ClassValidationError as error:
        first = transform_error(error, path="", format_exception=_explain)[0]
    except (ValueError, TypeError, AttributeError) as error:
        first = _explain(error, cls)
    message, _, path = first.rpartition(" @ ") if " @ " in first else (first, "", "")
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}..."
    path = path[:_LONGEST]
    place = path.replace("['", ".").replace("']", "").replace("[", ".").replace("]", "").lstrip(".")
    raise InputError(f"{where}: {place}: {message}" if place else f"{where}: {message}")


def _explain(error: BaseException, kind: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        name = min(error.extra_fields)
        known = [f.name for f in dataclasses.fields(error.cl)] if error.cl else []
        return f"unknown field {name[:80]!r}; {suggest(name[:80], known)}"
    if isinstance(error, KeyError):
        return f"field {error} is missing"
    if type(error) in (ValueError, InputError):
        return str(error)
    return f"expected {getattr(kind, '__name__', kind)}"


def _scalar(lenient: bool) -> Callable[[Any, Any], Any]:
    def structure(value: Any, expected: Any) -> Any:
        fault = InputError(f"expected {_EXPECTED[expected]}; got {value!r}")
        if lenient and isinstance(value, str) and expected is not str:
            try:
                if expected is bool:
                    return {"true": True, "yes": True, "false": False, "no": False}[value.lower()]
                return expected(value)
            except (KeyError, ValueError):
                raise fault from None
        if expected is float and type(value) is int:
            return float(value)
        if type(value) is not expected:
            raise fault
        return value

    return structure


def _is(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: typing.get_origin(kind) in origins


def _converter(*, lenient: bool) -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for scalar in _EXPECTED:
        converter.register_structure_hook(scalar, _scalar(lenient))

    def union(value: Any, kind: Any) -> Any:
        members = [m for m in typing.get_args(kind) if m is not types.NoneType]
        if value is None or (lenient and value in ("none", "null")):
            if len(members) < len(typing.get_args(kind)):
                return None
            raise InputError(f"expected a value; got {value!r}")
        for member in members[:-1]:
            try:
                return converter.structure(value, member)
            except ValueError:
                continue
        return converter.structure(value, members[-1])

    def choice(value: Any, kind: Any) -> Any:
        choices = typing.get_args(kind)
        if value not in choices:
            raise InputError(f"expected one of {', '.join(choices)}; got {value!r}")
        return value

    def many(value: Any, kind: Any) -> tuple[Any, ...]:
        if lenient and isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if not isinstance(value, (list, tuple)):
            raise InputError(f"expected a list; got {value!r}")
        members = typing.get_args(kind)
        members = members[:1] * len(value) if members[-1] is Ellipsis else members
        if len(members) != len(value):
            raise InputError(f"expected {len(members)} values; got {len(value)}")
        return tuple(map(converter.structure, value, members))

    def tagged(value: Any, base: Any) -> Any:
        plain = {"type": value} if isinstance(value, str) else value
        if not isinstance(plain, Mapping) or not isinstance(plain.get("type"), str):
            raise InputError(f"expected an object with a type; got {value!r}")
        cls = look_up("type", plain["type"], _REGISTRIES[base])
        return converter.structure({k: v for k, v in plain.items() if k != "type"}, cls)

    def completed(cls: Any) -> Callable[[Any, Any], Any]:
        structure = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)
        return lambda value, kind: structure(cls.complete(value), kind)

    def named(cls: Any) -> Callable[[Any], Any]:
        unstructure = make_dict_unstructure_fn(cls, converter)
        return lambda config: {"type": cls.name} | unstructure(config)

    converter.register_structure_hook_func(_is(typing.Union, types.UnionType), union)
    converter.register_structure_hook_func(_is(typing.Literal), choice)
    converter.register_structure_hook_func(_is(tuple), many)
    converter.register_structure_hook_factory(lambda t: hasattr(t, "complete"), completed)
    converter.register_structure_hook_func(lambda t: t in _REGISTRIES, tagged)
    converter.register_unstructure_hook_factory(
        lambda t: any(t in registry.values() for registry in _REGISTRIES.values()), named
    )
    converter.register_unstructure_hook_func(
        _is(tuple),
        lambda value: [converter.unstructure(v, type(v)) for v in value],
    )
    converter.register_unstructure_hook_func(
        lambda t: t in _REGISTRIES, lambda value: converter.unstructure(value, type(value))
    )
    return converter


_STRICT = _converter(lenient=False)
_LENIENT = _converter(lenient=True)
