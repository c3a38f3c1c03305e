"""The declared formats of outputs: how a documented response is recognised and what it says where.

In: the `outputs:` of a detector's YAML file, or the `envelopes:` of a file of `envelopes/`. Out:
`Format`s with compiled paths and patterns. Knows how a format is written, not how it is applied.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Any

import re2
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from fallback.reading.paths import Path
from schemas.errors import ConfigError
from schemas.yaml_file import read_yaml

ENVELOPES_DIR = FilePath(__file__).with_name("envelopes")
#: What `says` of an example may be instead of names.
SAYS = frozenset({"clean", "empty", "failed", "review"})


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} must be a JMESPath; put it in quotes")
    return Path(value)


def _paths(value: object) -> tuple[Path, ...]:
    return tuple(_path(x) for x in (value if isinstance(value, list | tuple) else [value]))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(x, str) for x in value):
        raise ValueError(f"{value!r} must be a list of texts; put words such as yes in quotes")
    return tuple(value)


def _pattern(value: object) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} must be a pattern; put it in quotes")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(value, options)
    except re2.error as error:
        raise ValueError(f"is no RE2 pattern: {error}") from error


OnePath = Annotated[Path, BeforeValidator(_path)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_paths)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Pattern = Annotated[Any, BeforeValidator(_pattern)]
_CONFIG = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Extraction(BaseModel):
    """Where findings stand, and what beside them says whether they count.

    each: a map (name = key), a list of objects, a list of texts, or a text; the item itself without
        it. name, flag, passed, grade and score are paths inside an entry.
    flag: true or a found word is a finding; passed: true or a clean word is none.
    score: inside the entry, or a parallel map or list beside `each`.
    threshold: a number, or a path inside the entry to one.
    """

    model_config = _CONFIG

    each: OnePath = Path("@")
    name: Paths = ()
    fixed: str | None = Field(None, alias="as", min_length=1)
    flag: Paths = ()
    passed: Paths = ()
    grade: Paths = ()
    score: Paths = ()
    split: str | None = Field(None, min_length=1)
    threshold: Annotated[float, Field(ge=0, le=1)] | OnePath | None = None
    lower_is_worse: bool | None = None

    @model_validator(mode="after")
    def _one_name(self) -> "Extraction":
        if self.fixed is not None and self.name:
            raise ValueError("has `as` and `name`; keep one")
        if "each" not in self.model_fields_set and self.fixed is None and not self.name:
            raise ValueError("needs `each`, or a name: `as` or `name`")
        return self


class Words(BaseModel):
    """The tool's own words for flags, decisions and grades, before the general ones."""

    model_config = _CONFIG

    found: Texts = ()
    clean: Texts = ()
    failed: Texts = ()
    bare: Texts = ()


class Example(BaseModel):
    """An output as the vendor documents it, and what must be read: names, or a word of SAYS.

    detector: of an envelope's example, whose verdict stands inside.
    """

    model_config = _CONFIG

    about: str = Field(min_length=1)
    output: Any
    says: Texts | str
    detector: str | None = None

    @model_validator(mode="after")
    def _known_word(self) -> "Example":
        if isinstance(self.says, str) and self.says not in SAYS:
            raise ValueError(f"says {self.says!r}; write a list of names or one of {sorted(SAYS)}")
        return self

    @property
    def text(self) -> str:
        """The output as the detector sends it: a text as it is, any other value as JSON."""
        if isinstance(self.output, str):
            return self.output
        return json.dumps(self.output, ensure_ascii=False)


class Format(BaseModel):
    """One documented format. Exactly one of `when` and `pattern` recognises it.

    when: a path that must select something true, or a list of paths that must all lead to a value.
    pattern: matches a whole text; its named groups are the object that the paths run on.
    of: each selected value is judged by itself; the paths below are tried on it and on the whole.
    decision, passed: the tool's own decision; true is a finding, or is none. action: what it did.
    failed: a value there says that the tool failed.
    contents: values that are read on by themselves. verdicts: the same, where running text is no
        verdict but somebody's words: it counts as quoted unless a format or a structure has it.
    """

    model_config = _CONFIG

    name: str = Field(alias="format", pattern=r"^[a-z0-9][a-z0-9.-]*$")
    source: str = Field(min_length=1)
    when: Paths = ()
    pattern: Pattern = None
    of: OnePath | None = None
    decision: Paths = ()
    passed: Paths = ()
    action: Paths = ()
    failed: Paths = ()
    findings: tuple[Extraction, ...] = ()
    words: Words = Words()
    contents: Paths = ()
    verdicts: Paths = ()
    quoted: Paths = ()
    ignored: Paths = ()
    examples: tuple[Example, ...] = ()
    #: What the format's reading depends on, as written; part of the version of the rules.
    content: str = Field("", exclude=True)
    #: Whether `when` is one path that must be true, no list of paths that must be there.
    truth: bool = Field(False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError(f"must be a mapping, not {data!r}")
        for key in ("content", "truth"):
            if key in data:
                raise ValueError(f"{key} is not a known key")
        if ("when" in data) == ("pattern" in data):
            raise ValueError("needs exactly one of `when` and `pattern`")
        kept = {k: v for k, v in data.items() if k not in ("source", "examples")}
        content = json.dumps(kept, sort_keys=True, ensure_ascii=False, default=str)
        return data | {"content": content, "truth": isinstance(data.get("when"), str)}


def read_formats(path: FilePath, key: str, value: object) -> tuple[Format, ...]:
    """The formats of a list in a YAML file, in its order.

    key: where the list stands in the file. Raises ConfigError with file, line and key for an
    unknown or missing key, a path or pattern that does not compile, or a name used twice.
    """
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
            raise ConfigError(path, f"{key}[{index}].format", problem)
    return tuple(formats)


@cache
def load_envelopes(directory: FilePath = ENVELOPES_DIR) -> tuple[Format, ...]:
    """Every envelope of a directory, by the order of file names and of the lists in them.

    Raises ConfigError as `read_formats` does, and on a name that two files use.
    """
    envelopes: dict[str, Format] = {}
    for path in sorted(directory.glob("*.yaml")):
        data = read_yaml(path)
        for name in data.keys() - {"envelopes"}:
            raise ConfigError(path, name, "is not a known key; known is envelopes")
        for envelope in read_formats(path, "envelopes", data.get("envelopes")):
            if envelope.name in envelopes:
                raise ConfigError(path, "envelopes", f"{envelope.name!r} is in two files")
            envelopes[envelope.name] = envelope
    return tuple(envelopes.values())


_FIELDS: Mapping[Any, tuple[str, ...]] = {
    model: tuple(
        field.alias or name for name, field in model.model_fields.items() if not field.exclude
    )
    for model in (Format, Extraction, Words, Example)
}


def _config_error(path: FilePath, start: tuple[str, int], details: ErrorDetails) -> ConfigError:
    """A validation error in the words of the project: file, line, key, what to change."""
    place: tuple[str | int, ...] = (*start, *details["loc"])
    problem = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        problem = f"is not a known key{_meant(str(place[-1]), place)}"
    elif details["type"] == "missing":
        problem = "is missing"
    key = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in place).lstrip(".")
    line = _line(path, place)
    return ConfigError(path, f"line {line}: {key}" if line else key, problem)


def _meant(key: str, place: tuple[str | int, ...]) -> str:
    parent = next((x for x in reversed(place[:-1]) if isinstance(x, str)), "")
    model: Any = {"findings": Extraction, "words": Words, "examples": Example}.get(parent, Format)
    close = difflib.get_close_matches(key, _FIELDS[model], n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(_FIELDS[model])}"


def _line(path: FilePath, place: tuple[str | int, ...]) -> int | None:
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
