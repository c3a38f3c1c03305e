"""The bodies of the paths below `/detectors`: drafts of detector files, checks, and the files."""

from typing import Annotated, Any, Final

from pydantic import Field, JsonValue, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from client_api.http.interface.answers import Closed, Label, LikelyAnswer, Share
from client_api.http.interface.bodies import DetectorName, shape_problem
from client_api.mapping.drafting import MAX_WORDS
from fallback.drafts.check import Level
from fallback.drafts.entries import State

MAX_OUTPUTS: Final = 200
#: Characters of a detector file, and of a word.
MAX_FILE: Final = 256 * 1024
MAX_WORD: Final = 200

_Text = Annotated[str, Field(min_length=1, max_length=MAX_WORD, pattern=r"\S")]


class DraftWord(Closed):
    """A word of the detector."""

    word: Annotated[_Text, Field(description="as the detector writes it")]
    legend: Annotated[
        str | SkipJsonSchema[None],
        Field(max_length=MAX_WORD, description="its meaning, if it is a code"),
    ] = None


class DraftBody(Closed):
    """A detector to draft a file for, by its words or by outputs of it."""

    detector: DetectorName
    words: Annotated[
        list[DraftWord], Field(max_length=MAX_WORDS, description="its words, instead of outputs")
    ] = Field(default_factory=list)
    outputs: Annotated[
        list[str | dict[str, JsonValue] | list[JsonValue]],
        Field(max_length=MAX_OUTPUTS, description="its unchanged outputs, instead of words"),
    ] = Field(default_factory=list)

    @field_validator("outputs", mode="before")
    @classmethod
    def _are_of_modest_shape(cls, value: object) -> object:
        for output in value if isinstance(value, list) else ():
            if problem := shape_problem(output):
                raise PydanticCustomError("shape", "Input should have {limit}", {"limit": problem})
        return value

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> "DraftBody":
        if bool(self.words) == bool(self.outputs):
            raise PydanticCustomError("draft", "Input should have either words or outputs")
        return self


class DraftEntry(Closed):
    """An entry of a draft."""

    word: str
    labels: list[Label]
    confidence: Share
    state: Annotated[State, Field(strict=False, description="what a reviewer has to do with it")]
    why: Annotated[list[str], Field(description="the reasons for doubt")]
    likely: Annotated[list[LikelyAnswer], Field(description="answers to choose from, best first")]
    count: Annotated[int, Field(ge=0, description="outputs that had the word; 0: not known")]


class DraftAnswer(Closed):
    """A draft."""

    detector: str
    file: Annotated[str, Field(description="the text of a detector file, to be reviewed")]
    entries: Annotated[
        list[DraftEntry], Field(description="of the file, and the codes that it omits")
    ]
    known: Annotated[int, Field(ge=0, description="words that the rules already have")]
    notes: Annotated[list[str], Field(description="on the drafted response format")]


class FileBody(Closed):
    """A detector file."""

    file: Annotated[str, Field(min_length=1, max_length=MAX_FILE, description="its text, YAML")]


class FileProblem(Closed):
    """A problem of a detector file."""

    level: Annotated[Level, Field(strict=False, description="a file with an error is refused")]
    line: Annotated[int | None, Field(ge=1, description="from 1")]
    key: str
    problem: Annotated[str, Field(description="what is wrong, and what to do")]


class FileChange(Closed):
    """A value that a detector file changes in the rules that are served."""

    key: str
    word: Annotated[str | None, Field(description="of `maps`, `thresholds` or `legend`")]
    before: Annotated[Any, Field(description="null: absent")]
    after: Annotated[Any, Field(description="null: absent")]


class CheckAnswer(Closed):
    """The problems of a detector file, and its changes to the rules."""

    detector: Annotated[str, Field(description="its name in the file; empty where it has errors")]
    valid: Annotated[bool, Field(description="whether it has no error")]
    problems: list[FileProblem]
    changes: list[FileChange]


class AddedAnswer(CheckAnswer):
    """A detector file that is in the folder now."""

    name: Annotated[str, Field(description="the file's name in the folder")]
    rules: Annotated[str, Field(description="the version of the rules with it")]
