"""Reads YAML and JSON configuration files into pydantic models.

In: a path and a `ConfigModel`. Out: the validated model, or a `ConfigError` with file, line, key
and the change to make. Stricter than YAML: a duplicate key is an error.

Pydantic validators of a model check rules between keys. They raise `refuse(*place, problem=...)`,
with a place relative to the validated value; objects from outside the file come from the validation
context (`ValidationInfo.context`).
"""

import difflib
import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas.config.errors import ConfigError

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_VERSION = re.compile(r"20\d\d\.(0[1-9]|1[0-2])")
#: Characters of a refused value that a message quotes.
_QUOTED = 80
#: The most problems that are reported for one file; each needs a search for its line.
_MOST_ERRORS = 50


def refuse(*place: str | int, problem: str) -> PydanticCustomError:
    """The error for a validator to raise; `place` is relative to the value being validated."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "place": place})


def _text(value: str) -> str:
    if not value.strip():
        raise refuse(problem="must not be blank")
    return value


def _version(value: object) -> object:
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return value
    raise refuse(problem=f'{value!r} is not a version; write it as "YYYY.MM", in quotes')


Text = Annotated[str, AfterValidator(_text)]
#: A taxonomy or framework version, `YYYY.MM`.
DatedVersion = Annotated[str, AfterValidator(_version)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Strict(), Field(gt=0)]
Flag = Annotated[bool, Strict()]
#: A number of 0 to 1.
Share = Annotated[Number, Field(ge=0, le=1)]
#: Above 0 and at most 100.
Percent = Annotated[Positive, Field(le=100)]


class ConfigModel(BaseModel):
    """A mapping in a configuration file: immutable, unknown keys refused.

    An optional key is left out, not set to null. Fields with `exclude` are not keys of the file: a
    validator of the model computes them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise refuse(problem=f"must be a mapping of keys to values, not {_quote(data)}")
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        written = [key for key, field in fields.items() if not field.exclude]
        for key, value in data.items():
            if key not in fields:
                close = difflib.get_close_matches(str(key), written, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(written)}"
                raise refuse(str(key), problem=f"is not a known key; {hint}")
            if value is None and not fields[key].is_required():
                raise refuse(key, problem="has no value; write one or remove the key")
        return data


class _StrictLoader(yaml.CSafeLoader):
    """The safe loader, refusing duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # the base class raises, with the place
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises ConfigError when the file is missing, is not UTF-8 YAML, has a duplicate key, or is not
    a mapping with text keys.
    """
    try:
        data = yaml.load(_read(path), _StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(path, "(file)", f"{error.problem}; correct the YAML", line) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2025-02-31
        raise ConfigError(path, "(file)", f"is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(path, "(file)", "must hold a mapping of keys to values")
    for key in data:
        if not isinstance(key, str):
            raise ConfigError(path, repr(key), "must be text; put the key in quotes")
    return data


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises ConfigError, which never quotes the file."""
    try:
        data = json.loads(_read(path))
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg}; correct it or write the file anew"
        raise ConfigError(path, "(file)", problem, error.lineno) from error
    except RecursionError as error:
        raise ConfigError(path, "(file)", "is nested too deeply") from error
    if not isinstance(data, dict):
        raise ConfigError(path, "(file)", "must hold an object of keys and values")
    return data


def read_config(
    path: Path,
    model: type[Model],
    context: Any = None,
    read: Callable[[Path], dict[str, Any]] = read_yaml,
) -> Model:
    """The file as a `model`.

    context: for the validators of the model. Raises ConfigError for the first problem.
    """
    data = read(path)
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise next(_config_errors(path, data, model, error)) from None


def check_config(path: Path, model: type[Model], context: Any = None) -> list[ConfigError]:
    """All problems of a YAML file as a `model`; only the first one if it is not valid YAML."""
    try:
        data = read_yaml(path)
        model.model_validate(data, context=context)
    except ConfigError as error:
        return [error]
    except ValidationError as error:
        return list(islice(_config_errors(path, data, model, error), _MOST_ERRORS))
    return []


def config_error(path: Path, *place: str | int, problem: str) -> ConfigError:
    """The error for a problem at a place of the file, with its line where it can be found."""
    return ConfigError(path, _key(place), problem, _line(path, place))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, "(file)", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, "(file)", f"cannot be read: {error.reason}; use UTF-8") from error


def _config_errors(
    path: Path, data: object, model: type[BaseModel], error: ValidationError
) -> Iterator[ConfigError]:
    secret = bool(model.model_config.get("hide_input_in_errors"))
    for details in error.errors():
        yield _config_error(path, data, details, secret)


def _config_error(path: Path, data: object, details: ErrorDetails, secret: bool) -> ConfigError:
    place, problem = details["loc"], details["msg"].removeprefix("Value error, ")
    if place[-1:] == ("[key]",):
        place = (*place[:-2], str(details["input"]))
    if details["type"] == "missing":
        problem = "is missing"
    elif details["type"] == "refused":
        place += details["ctx"]["place"]
    elif details["loc"] != place:
        problem = problem.replace("Input should ", "a key must ") + "; put it in quotes if it is"
    else:
        given = "" if secret else f", not {_quote(details['input'])}"
        problem = problem.replace("Input should ", "must ") + given
    key = _key(tuple(_named_steps(data, place)))
    return ConfigError(path, key, problem, _line(path, place))


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."


def _named_steps(data: Any, place: Place) -> Iterator[str | int]:
    """The steps; an item of a list that has a `name` is called by it."""
    for step in place:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            data = None
        name = data.get("name") if isinstance(step, int) and isinstance(data, dict) else None
        yield name if isinstance(name, str) else step


def _key(place: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).lstrip(".") or "(file)"


def _line(path: Path, place: Place) -> int | None:
    """The line of a place in the file, from 1; for a missing place that of the nearest parent."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    line = None
    for step in place:
        child = next((x for x in _children(node) if x[0] == str(step)), None)
        if child is None:
            break
        _, start, node = child
        line = start.start_mark.line + 1
    return line


def _children(node: Any) -> Iterator[tuple[str, Any, Any]]:
    """(key or index, the node where the entry starts, the node of its value)."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((str(index), value, value) for index, value in enumerate(node.value))
