"""The model of a declared format: how a documented response is recognised, and its statements.

In: one entry of `outputs:` or `envelopes:`. Out: a `Format` with compiled paths and patterns.
Raises pydantic's ValidationError. Independent of the application of formats.
"""

import json
from functools import cache
from typing import Annotated, Any

import re2
from pydantic import BeforeValidator, Field, model_validator

from fallback.reading.paths import Path
from schemas.config.config_file import ConfigModel

#: The words that `says` of an example may have instead of names.
SAYS = frozenset({"clean", "empty", "failed", "review"})


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} must be a JMESPath; put it in quotes")
    return _compiled(value)


@cache
def _compiled(text: str) -> Path:
    """Compile a path once: half of the paths of all files occur in several of them."""
    return Path(text)


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
        raise ValueError(f"is not an RE2 pattern: {error}") from error


OnePath = Annotated[Path, BeforeValidator(_path)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_paths)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Pattern = Annotated[Any, BeforeValidator(_pattern)]


class Extraction(ConfigModel):
    """The paths of findings, and of the statements that decide whether they count.

    each: a map (name = key), a list of objects, a list of texts, or a text; by default the item
        itself. name, flag, passed, grade and score are paths inside an entry.
    flag: true or a found word is a finding; passed: true or a clean word is none.
    score: inside the entry, or a map or list parallel to `each`.
    threshold: a number, or a path inside the entry to one.
    find: a pattern; each match's group `name` in a text is a name, the rest of the text is quoted.
    exclusive: of the classes that share one whole (softmax), the one with the highest score counts.
    unscaled: the output does not state measure and scale: an amount is a finding or has no meaning.
        It is clean only if the name tells its direction: a share of one of the detector's own
        names, or a word of such a name or of something good.
    """

    each: OnePath = Path("@")
    name: Paths = ()
    fixed: str | None = Field(None, alias="as", min_length=1)
    flag: Paths = ()
    passed: Paths = ()
    grade: Paths = ()
    score: Paths = ()
    find: Pattern = None
    split: str | None = Field(None, min_length=1)
    threshold: Annotated[float, Field(ge=0, le=1)] | OnePath | None = None
    lower_is_worse: bool | None = None
    exclusive: bool = False
    unscaled: bool = False

    @model_validator(mode="after")
    def _one_name(self) -> "Extraction":
        if self.fixed is not None and self.name:
            raise ValueError("has `as` and `name`; keep one")
        if self.find is not None and "name" not in self.find.groupindex:
            raise ValueError("has a `find` without a group `name`: write (?P<name>...)")
        if self.find is not None and (self.fixed is not None or self.name):
            raise ValueError("has `find` beside `as` or `name`; keep one")
        if self.exclusive and not self.score:
            raise ValueError("has `exclusive` without `score`")
        if "each" not in self.model_fields_set and self.fixed is None and not self.name:
            raise ValueError("needs `each`, or a name: `as` or `name`")
        return self


class Words(ConfigModel):
    """The tool's own words for flags, decisions and grades; they override the general ones."""

    found: Texts = ()
    clean: Texts = ()
    failed: Texts = ()
    bare: Texts = ()


class Example(ConfigModel):
    """An output as documented by the vendor, and its reading: names, or a word of SAYS.

    detector: of an envelope's example, the detector whose verdict is inside.
    """

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
        """The output as sent by the detector: a text unchanged, any other value as JSON."""
        if isinstance(self.output, str):
            return self.output
        return json.dumps(self.output, ensure_ascii=False)


class Format(ConfigModel):
    """One documented format. Exactly one of `when` and `pattern` recognises it.

    when: a path that must select something true, or a list of paths that must all lead to a value.
    pattern: matches a whole text; its named groups are the object for the paths.
    repeat: the matches of the pattern in a text are a list of such objects, at least one; the text
        between them is quoted.
    of: each selected value is judged separately; the paths below are tried on it and on the whole.
    decision, passed: the tool's own decision; true is a finding, or is clean. action: what it did.
    failed: a value there means that the tool failed.
    contents: values that are read as outputs of their own. verdicts: the same, but prose in them is
        quoted unless a format or a structure has it. errors: the same, but prose in them is the
        text of an error: a reported block is a finding, anything else a failure.
    """

    name: str = Field(alias="format", pattern=r"^[a-z0-9][a-z0-9.-]*$")
    source: str = Field(min_length=1)
    when: Paths = ()
    pattern: Pattern = None
    repeat: bool = False
    of: OnePath | None = None
    decision: Paths = ()
    passed: Paths = ()
    action: Paths = ()
    failed: Paths = ()
    findings: tuple[Extraction, ...] = ()
    words: Words = Words()
    contents: Paths = ()
    verdicts: Paths = ()
    errors: Paths = ()
    quoted: Paths = ()
    ignored: Paths = ()
    examples: tuple[Example, ...] = ()
    #: The keys that the format's reading depends on, as written; part of the version of the rules.
    content: str = Field("", exclude=True)
    #: Whether `when` is one path that must be true, and not a list of paths to values.
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

    @model_validator(mode="after")
    def _repeated(self) -> "Format":
        if self.repeat and self.pattern is None:
            raise ValueError("has `repeat` without `pattern`")
        if self.repeat and self.pattern.fullmatch("") is not None:
            raise ValueError("has a `pattern` with `repeat` that matches an empty text")
        return self
