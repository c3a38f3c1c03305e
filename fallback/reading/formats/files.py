"""Files of declared formats.

In: the `outputs:` of a detector's YAML file, the `envelopes:` of a file of `envelopes/`, or the
`formats:` of a file of `shared/`. Out: `Format`s, in the order of the files. Raises ConfigError
with file, line and key, and what to change there.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fallback.reading.formats.models import Example, Extraction, Format, Words
from schemas.errors import ConfigError
from schemas.yaml_file import read_yaml

ENVELOPES_DIR = Path(__file__).parent.with_name("envelopes")
SHARED_DIR = ENVELOPES_DIR.with_name("shared")


def read_formats(path: Path, key: str, value: object) -> tuple[Format, ...]:
    """The formats of a list in a YAML file, in its order.

    key: where the list stands in the file. An entry may be `uses:` with the name of a shared
    format; its own fields replace those of the shared one. Raises ConfigError with file, line and
    key for an unknown or missing key, a path or pattern that does not compile, or a name used
    twice.
    """
    if isinstance(value, list):
        value = [_with_shared(path, (key, i), data) for i, data in enumerate(value)]
    return _formats(path, key, value)


@cache
def load_envelopes(directory: Path = ENVELOPES_DIR) -> tuple[Format, ...]:
    """Every envelope of a directory, by the order of file names and of the lists in them.

    Raises ConfigError as `read_formats` does, and on a name that two files use.
    """
    return tuple(form for form, _ in _in_directory(directory, "envelopes").values())


@cache
def _shared() -> Mapping[str, Mapping[str, Any]]:
    """The shared formats by name, as they are written."""
    return {name: data for name, (_, data) in _in_directory(SHARED_DIR, "formats").items()}


def _with_shared(path: Path, place: tuple[str, int], data: Any) -> Any:
    if not isinstance(data, dict) or "uses" not in data:
        return data
    own = {name: value for name, value in data.items() if name != "uses"}
    if (shared := _shared().get(data["uses"])) is None:
        problem = f"{data['uses']!r} is no shared format; known are {', '.join(_shared())}"
        raise ConfigError(path, _placed(path, (*place, "uses")), problem)
    return {**shared, **own}


def _in_directory(directory: Path, key: str) -> dict[str, tuple[Format, Mapping[str, Any]]]:
    """The formats below a key in all files of a directory, with what is written of each."""
    found: dict[str, tuple[Format, Mapping[str, Any]]] = {}
    for path in sorted(directory.glob("*.yaml")):
        data = read_yaml(path)
        for name in data.keys() - {key}:
            raise ConfigError(path, name, f"is not a known key; known is {key}")
        forms = _formats(path, key, data.get(key))
        for form, entry in zip(forms, data[key], strict=True):
            if form.name in found:
                raise ConfigError(path, key, f"{form.name!r} is in two files; rename one")
            found[form.name] = (form, entry)
    return found


def _formats(path: Path, key: str, value: object) -> tuple[Format, ...]:
    if not isinstance(value, list):
        raise ConfigError(path, key, f"must be a list of formats, not {value!r}")
    formats: list[Format] = []
    for index, data in enumerate(value):
        try:
            formats.append(Format.model_validate(data))
        except ValidationError as error:
            raise _config_error(path, (key, index), error.errors()[0]) from error
        if any(formats[-1].name == other.name for other in formats[:-1]):
            problem = f"{formats[-1].name!r} is the name of two formats; rename one"
            raise ConfigError(path, _placed(path, (key, index, "format")), problem)
    return tuple(formats)


_FIELDS: Mapping[Any, tuple[str, ...]] = {
    model: tuple(
        field.alias or name for name, field in model.model_fields.items() if not field.exclude
    )
    for model in (Format, Extraction, Words, Example)
}


def _config_error(path: Path, start: tuple[str, int], details: ErrorDetails) -> ConfigError:
    """A validation error in the words of the project: file, line, key, what to change."""
    place: tuple[str | int, ...] = (*start, *details["loc"])
    problem = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        problem = f"is not a known key{_meant(str(place[-1]), place)}"
    elif details["type"] == "missing":
        problem = "is missing"
    return ConfigError(path, _placed(path, place), problem)


def _placed(path: Path, place: tuple[str | int, ...]) -> str:
    """A place in a YAML file for a message: `line 5: outputs[0].decision`."""
    key = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in place).lstrip(".")
    line = _line(path, place)
    return f"line {line}: {key}" if line else key


def _meant(key: str, place: tuple[str | int, ...]) -> str:
    parent = next((x for x in reversed(place[:-1]) if isinstance(x, str)), "")
    model: Any = {"findings": Extraction, "words": Words, "examples": Example}.get(parent, Format)
    close = difflib.get_close_matches(key, _FIELDS[model], n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(_FIELDS[model])}"


def _line(path: Path, place: tuple[str | int, ...]) -> int | None:
    """The line of a place in a YAML file, from 1; of the nearest place above it that exists."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    line = None
    for step in place:
        found = next((n for key, n in _children(node) if key == step), None)
        if found is None:
            break
        node, line = found, found.start_mark.line + 1
    return line


def _children(node: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)
